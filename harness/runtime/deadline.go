package runtime

import (
	"context"
	"sync"
	"time"
)

// Deadline is a context with a limit in run time that costs no timer: the scheduler,
// which knows every operation under way, expires it. Done is made only when somebody asks
// for it; a Deadline that nobody asked may be renewed for the next operation.
type Deadline struct {
	parent context.Context
	start  time.Time     // of the run; zero in a virtual world
	until  time.Duration // the limit since the run's start

	mu   sync.Mutex
	done chan struct{}
	err  error
}

// NewDeadline returns a context for one call at a time. start is the run's start by the
// wall clock, zero in a virtual world.
func NewDeadline(parent context.Context, start time.Time, until time.Duration) *Deadline {
	return &Deadline{parent: parent, start: start, until: until}
}

// Renew moves the limit for the next operation and reports whether it could: a context
// that somebody may still wait for cannot be used again.
func (d *Deadline) Renew(until time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done != nil || d.err != nil {
		return false
	}
	d.until = until
	return true
}

// Expire ends the context with err.
func (d *Deadline) Expire(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return
	}
	d.err = err
	if d.done != nil {
		close(d.done)
	}
}

// Release ends a context whose operation has completed, for whoever still waits for it.
// One that nobody ever waited for stays as it is, to be renewed.
func (d *Deadline) Release() {
	d.mu.Lock()
	waited := d.done != nil
	d.mu.Unlock()
	if waited {
		d.Expire(context.Canceled)
	}
}

// Deadline implements context.Context.
func (d *Deadline) Deadline() (time.Time, bool) {
	if d.start.IsZero() {
		return time.Time{}, false
	}
	return d.start.Add(d.until), true
}

// Done implements context.Context.
func (d *Deadline) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done == nil {
		d.done = make(chan struct{})
		if d.err != nil {
			close(d.done)
		}
	}
	return d.done
}

// Err implements context.Context.
func (d *Deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

type untilKey struct{}

// Value implements context.Context.
func (d *Deadline) Value(key any) any {
	if _, ok := key.(untilKey); ok {
		return d.until
	}
	return d.parent.Value(key)
}

// Until returns the limit of ctx in time since the run's start, as a virtual world needs
// it, if ctx is or derives from a Deadline.
func Until(ctx context.Context) (time.Duration, bool) {
	until, ok := ctx.Value(untilKey{}).(time.Duration)
	return until, ok
}
