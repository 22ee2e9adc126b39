package sim

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/faultline-dev/faultline/harness/runtime"
)

// Tasks are coroutines: exactly one runs at a time, until it waits. Then the world goes on
// to the next task that is ready or, if none is, to the next event.

// task is a coroutine.
type task struct {
	name   string
	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	ended  bool
}

// tasks are the world's.
type tasks struct {
	all     []*task
	ready   []*task
	first   int // of ready: those before it are gone
	current *task
	ending  error // what suspended tasks are to panic with; nil while the world runs
}

// A suspended task panics with one of these, or with ErrStorm, when its world ends.
var (
	errOver     = errors.New("the simulated world has ended")
	errDeadlock = errors.New("the simulated world has come to a stop: its tasks wait for what will not happen, or have done so for a day")
)

// patience bounds a world: nodes' timers would keep one going whose main task waits in vain.
const patience = 24 * time.Hour

// stormy is how many events of one virtual second are too many: several times what the
// fastest of systems gives rise to. A timer that is set again for at once, or messages that
// beget more than one each, would keep time from moving on.
const stormy = 5_000_000

// Run implements runtime.Runtime: main and all that it sets going run inside.
func (w *World) Run(main func()) {
	t := w.start("main", main)
	lastSeen := w.now // of main
	var second int64  // of the world's time
	events := 0       // in it
	for !t.ended {
		switch {
		case w.tasks.first < len(w.tasks.ready):
			next := w.tasks.ready[w.tasks.first]
			w.tasks.first++
			if w.tasks.first == len(w.tasks.ready) {
				w.tasks.ready, w.tasks.first = w.tasks.ready[:0], 0
			}
			if next == t {
				lastSeen = w.now
			}
			w.step(next)
		case len(w.events.heap) > 0 && w.now-lastSeen < int64(patience):
			e := w.events.pop()
			w.now = e.at
			if s := w.now / int64(time.Second); s != second {
				second, events = s, 0
			}
			if events++; events > stormy {
				w.abort(t, runtime.ErrStorm)
				continue
			}
			e.what.act()
		default:
			w.abort(t, errDeadlock) // only a mistake leads here
		}
	}
	w.unwind()
}

// abort unwinds main with a reason, which it may recover from, to end.
func (w *World) abort(main *task, why error) {
	w.tasks.ending = why
	w.step(main)
}

// unwind ends the tasks that still wait.
func (w *World) unwind() {
	w.tasks.ending = errOver
	for _, t := range w.tasks.all {
		w.tasks.current = t
		t.stop()
	}
	w.tasks = tasks{}
}

// step lets a task run until it waits.
func (w *World) step(t *task) {
	if t.ended {
		return
	}
	before := w.tasks.current
	w.tasks.current = t
	t.resume()
	w.tasks.current = before
}

// Go implements runtime.Runtime.
func (w *World) Go(name string, f func()) { w.start(name, f) }

func (w *World) start(name string, f func()) *task {
	t := &task{name: name}
	t.resume, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			t.ended = true
			if p := recover(); p != nil {
				if p != error(errOver) {
					panic(p)
				}
			}
		}()
		t.yield = yield
		f()
	})
	w.tasks.all = append(w.tasks.all, t)
	if len(w.tasks.all) > 64 && len(w.tasks.all) == cap(w.tasks.all) {
		w.tasks.forget()
	}
	w.wake(t)
	return t
}

// forget drops the tasks that have ended: a long run retires many workers.
func (ts *tasks) forget() {
	kept := ts.all[:0]
	for _, t := range ts.all {
		if !t.ended {
			kept = append(kept, t)
		}
	}
	clear(ts.all[len(kept):])
	ts.all = kept
}

// wake is the action of waking a task.
type wake struct {
	w *World
	t *task
}

func (a wake) act() { a.w.wake(a.t) }

// wake lets a task go on once those before it have.
func (w *World) wake(t *task) { w.tasks.ready = append(w.tasks.ready, t) }

// suspend waits until somebody wakes the current task.
func (w *World) suspend() {
	t := w.tasks.current
	if w.tasks.ending == nil && t.yield(struct{}{}) && w.tasks.ending == nil {
		return
	}
	panic(w.tasks.ending)
}

// Sleep implements runtime.Runtime.
func (w *World) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	until, late := w.now+int64(max(d, 0)), false
	if limit, ok := runtime.Until(ctx); ok && int64(limit) < until {
		until, late = int64(limit), true
	}
	w.plan(until, wake{w, w.tasks.current})
	w.suspend()
	if late {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// alarm wakes whoever waits with a limit. One pending event serves many waits, since most
// of them end long before their limit.
type alarm struct {
	w    *World
	set  int64 // when the pending event comes; 0: there is none
	want int64 // when to ring; 0: not at all
	ring func()
}

func (a *alarm) arm(t int64) {
	a.want = t
	if a.set == 0 || t < a.set {
		a.set = t
		a.w.at(t, func() { a.fire(t) })
	}
}

func (a *alarm) disarm() { a.want = 0 }

func (a *alarm) fire(t int64) {
	if a.set != t {
		return // an earlier one was asked for since, and has come
	}
	a.set = 0
	switch {
	case a.want == 0:
	case a.want > t:
		a.arm(a.want)
	default:
		a.want = 0
		a.ring()
	}
}

// queue implements runtime.Queue.
type queue struct {
	w       *World
	numbers []int
	first   int
	waiter  *task
	limit   alarm
}

// NewQueue implements runtime.Runtime.
func (w *World) NewQueue(capacity int) runtime.Queue {
	q := &queue{w: w, numbers: make([]int, 0, capacity)}
	q.limit = alarm{w: w, ring: q.rouse}
	return q
}

func (q *queue) rouse() {
	if t := q.waiter; t != nil {
		q.waiter = nil
		q.w.wake(t)
	}
}

// Put implements runtime.Queue.
func (q *queue) Put(n int) {
	q.numbers = append(q.numbers, n)
	q.rouse()
}

// Get implements runtime.Queue.
func (q *queue) Get(until time.Duration) (int, bool) {
	for q.first == len(q.numbers) {
		q.numbers, q.first = q.numbers[:0], 0
		if int64(until) <= q.w.now {
			return 0, false
		}
		if until != runtime.Forever {
			q.limit.arm(int64(until))
		}
		q.waiter = q.w.tasks.current
		q.w.suspend()
		q.limit.disarm()
	}
	n := q.numbers[q.first]
	q.first++
	return n, true
}
