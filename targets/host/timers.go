package host

import (
	"container/heap"
	"time"
)

// idle is how long the loop sleeps when no timer is set.
const idle = time.Hour

// timers are the node's pending timers, the next one first; those of one moment in the
// order in which they were set.
type timers struct {
	heap timerHeap
	set  uint64
}

type timer struct {
	all  *timers
	at   time.Duration // by the node's monotonic clock
	nth  uint64
	f    func()
	slot int // in the heap; -1 once it fired or was stopped
}

// Stop implements node.Timer.
func (t *timer) Stop() {
	if t.slot >= 0 {
		heap.Remove(&t.all.heap, t.slot)
	}
}

func (ts *timers) add(at time.Duration, f func()) *timer {
	ts.set++
	t := &timer{all: ts, at: at, nth: ts.set, f: f}
	heap.Push(&ts.heap, t)
	return t
}

// fire calls what is due and returns how long nothing more will be. What those calls set
// waits for the next round, so that a timer of no duration cannot keep the loop here.
func (ts *timers) fire(now func() time.Duration) time.Duration {
	last, due := ts.set, now()
	for len(ts.heap) > 0 && ts.heap[0].at <= due && ts.heap[0].nth <= last {
		heap.Pop(&ts.heap).(*timer).f()
	}
	if len(ts.heap) == 0 {
		return idle
	}
	return max(ts.heap[0].at-now(), 0)
}

type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].nth < h[j].nth
}
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot, h[j].slot = i, j
}
func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.slot = len(*h)
	*h = append(*h, t)
}
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.slot = -1
	return t
}
