package runtime

import (
	"context"
	"sync"
	"time"
)

// Deadline is a context with a limit in run time that costs no timer: the scheduler,
// which knows every operation under way, expires it. It may be reused by Reset once
// nobody holds it any more. Done is made only when somebody asks for it.
type Deadline struct {
	parent context.Context
	at     time.Time     // the limit by the wall clock; zero in a virtual world
	until  time.Duration // the limit since the run's start

	mu   sync.Mutex
	done chan struct{}
	err  error
}

// NewDeadline returns a context for one call at a time. at may be zero (virtual time).
func NewDeadline(parent context.Context, until time.Duration, at time.Time) *Deadline {
	return &Deadline{parent: parent, until: until, at: at}
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

// Deadline implements context.Context.
func (d *Deadline) Deadline() (time.Time, bool) { return d.at, !d.at.IsZero() }

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
