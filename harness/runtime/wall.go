package runtime

import (
	"context"
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
	return &wallQueue{wall: w, numbers: make(chan int, capacity), timer: t}
}

// wallQueue is a buffered channel with one timer for all its waits: only one task at a
// time gets from a queue.
type wallQueue struct {
	wall    *Wall
	numbers chan int
	timer   *time.Timer
}

func (q *wallQueue) Put(n int) { q.numbers <- n }

func (q *wallQueue) Get(until time.Duration) (int, bool) {
	select {
	case n := <-q.numbers:
		return n, true
	default:
	}
	if until == Forever {
		return <-q.numbers, true
	}
	if until <= 0 {
		return 0, false
	}
	wait := until - q.wall.Now()
	if wait <= 0 {
		return 0, false
	}
	q.timer.Reset(wait)
	defer q.timer.Stop()
	select {
	case n := <-q.numbers:
		return n, true
	case <-q.timer.C:
		return 0, false
	}
}
