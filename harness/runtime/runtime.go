// Package runtime is time, waiting and concurrency as the interpreter sees them.
//
// The one idea: everything that can block in a run goes through these few words, so that
// one interpreter, one set of workloads and one set of nemeses run under the wall clock
// (Wall, in this package) and under virtual time (the simulated world, in harness/sim),
// where a task is a coroutine and waiting costs nothing.
package runtime

import (
	"context"
	"errors"
	"time"
)

// ErrStorm is what a virtual world panics with that gets nowhere for all that happens in it.
var ErrStorm = errors.New("the simulated system never comes to rest: millions of messages, disk operations and timers within one virtual second; look for a timer that is set again for at once, or for messages that beget more and more")

// Runtime runs tasks. Apart from Run, its methods are called from within tasks.
type Runtime interface {
	// Run calls main as the first task and returns when main does. Tasks still suspended
	// in a virtual world are unwound then; under the wall clock main has to see them end.
	// A virtual world that cannot go on unwinds main too, and panics with the reason.
	Run(main func())
	// Now is the time since the run's start, monotonic.
	Now() time.Duration
	// Go starts a task.
	Go(name string, task func())
	// Sleep waits for d, or until ctx is done, whose error it then returns.
	Sleep(ctx context.Context, d time.Duration) error
	// NewQueue returns a queue that holds at most capacity numbers.
	NewQueue(capacity int) Queue
	// Virtual reports whether time is simulated: the same seed then gives the same run.
	Virtual() bool
}

// Queue hands small numbers (worker numbers, usually) between tasks. What the number
// stands for is shared memory: a Put happens before the Get that returns it.
type Queue interface {
	// Put adds n; the caller makes sure that the capacity is never exceeded.
	Put(n int)
	// Get takes the oldest number, waiting for one until the given time since the run's
	// start (Forever: without end, a time in the past: not at all). ok is false when the
	// time came first.
	Get(until time.Duration) (n int, ok bool)
}

// Forever, as the limit of a Get, waits without end.
const Forever = time.Duration(1<<63 - 1)
