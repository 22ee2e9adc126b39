package runtime

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// Wall is the runtime of the real world: tasks are goroutines and time is the wall clock's.
type Wall struct{ start time.Time }

// NewWall returns a runtime whose time starts now.
func NewWall() *Wall { return &Wall{start: time.Now()} }

// Run implements Runtime: main runs in place.
func (w *Wall) Run(main func()) { main() }

// Now implements Runtime.
func (w *Wall) Now() time.Duration { return time.Since(w.start) }

// Go implements Runtime.
func (w *Wall) Go(_ string, task func()) { go task() }

// Virtual implements Runtime.
func (w *Wall) Virtual() bool { return false }

// Sleep implements Runtime.
func (w *Wall) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// NewQueue implements Runtime.
func (w *Wall) NewQueue(capacity int) Queue {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &wallQueue{
		wall: w, timer: t, wake: make(chan struct{}, 1), many: capacity > 1,
		in: make([]int, 0, capacity), out: make([]int, 0, capacity),
	}
}

// wallQueue hands numbers over in batches: the getter takes all that there are at once,
// so that a busy queue costs a lock for many of them. Only one task at a time gets from a
// queue; it has one timer for all its waits.
type wallQueue struct {
	wall  *Wall
	timer *time.Timer
	wake  chan struct{} // full: a waiting getter is to look again
	many  bool          // it holds more than one number

	mu      sync.Mutex
	in      []int
	waiting bool

	out  []int // the getter's batch
	next int
}

func (q *wallQueue) Put(n int) {
	q.mu.Lock()
	q.in = append(q.in, n)
	wake := q.waiting
	q.waiting = false
	q.mu.Unlock()
	if wake {
		q.wake <- struct{}{} // has room: there is one for each time of waiting
	}
}

// take fills the getter's batch. If there is nothing the getter is marked as waiting, if
// it wants to.
func (q *wallQueue) take(wait bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.in) == 0 {
		q.waiting = wait
		return false
	}
	q.in, q.out, q.next = q.out[:0], q.in, 0
	return true
}

// giveUp ends the waiting and reports whether a wake-up has been sent meanwhile.
func (q *wallQueue) giveUp() (woken bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	woken = !q.waiting
	q.waiting = false
	return woken
}

func (q *wallQueue) Get(until time.Duration) (int, bool) {
	for q.next == len(q.out) && !q.take(false) {
		if until <= 0 {
			return 0, false
		}
		if q.many && q.yield() {
			break
		}
		if !q.take(true) && !q.sleep(until) {
			return 0, false
		}
	}
	n := q.out[q.next]
	q.next++
	return n, true
}

// yields is how often a getter lets others run before it goes to sleep.
const yields = 3

// yield lets the putters run first. Those of a busy queue are many and quick: after a turn
// of theirs a whole batch is there, and neither side had to be woken.
func (q *wallQueue) yield() bool {
	for range yields {
		runtime.Gosched()
		if q.take(false) {
			return true
		}
	}
	return false
}

// sleep waits to be woken, until the given time at most; false if that came first.
func (q *wallQueue) sleep(until time.Duration) bool {
	if until == Forever {
		<-q.wake
		return true
	}
	q.timer.Reset(max(0, until-q.wall.Now()))
	defer q.timer.Stop()
	select {
	case <-q.wake:
		return true
	case <-q.timer.C:
	}
	if q.giveUp() {
		<-q.wake
		return true
	}
	return false
}
