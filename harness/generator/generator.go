// Package generator says what clients and nemeses do next, as pure values.
//
// The one idea, which is Jepsen's: a generator is an immutable value. Asked for an
// operation in a context (the time, who is free) it answers with an operation, with
// "pending" (nothing yet) or with "done", and with the generator to ask next time. Told
// of an event it answers with its successor. It never blocks, never looks at a clock and
// never draws from a global source, so it can be tested under simulated time. One
// scheduler (the interpreter in package harness) drives the outermost one.
package generator

import "github.com/faultline-dev/faultline/harness/history"

// Status is what a generator answers besides its operation.
type Status uint8

const (
	Ready   Status = iota // here is an operation
	Pending               // nothing now; ask again after an event or at Op.Time if that is set
	Done                  // nothing any more
)

// Kind tells a client operation from the scheduler's own.
type Kind uint8

const (
	KindInvoke Kind = iota // for a client or the nemesis
	KindSleep              // the thread sleeps for Op.Sleep nanoseconds and is not free meanwhile
	KindLog                // write Op.Text to the run's log
)

// Op is an operation a generator asks for.
type Op struct {
	Kind   Kind
	Time   int64 // earliest start in ns since the run's start; 0 means now. Also set on Pending: when to ask again
	Thread int   // who runs it: see Any
	F      string
	Key    int64
	Keyed  bool
	Value  history.Value
	Sleep  int64  // KindSleep: nanoseconds
	Text   string // KindLog: the message
}

// AnyThread, as Op.Thread, lets the scheduler pick any free thread of the context.
// Combinators resolve it: an operation that leaves the outermost generator names its thread.
const AnyThread = -2

// NemesisThread is the nemesis's thread; client threads are 0, 1, 2, ...
const NemesisThread = -1

// Generator is a pure description of what to do next. Implementations are immutable:
// both methods return the successor and leave the receiver as it was, so that an answer
// can be passed over and asked for again. Only one thing is given up for speed: once a
// successor has been asked or told something, the generator before it is not to be used
// any more (see Succeed), except for one that was never the successor of another.
// The context and the event are valid only during the call.
//
// Op.Time of a Ready operation may lie ahead; an operation without a time, or with one
// that has passed, is due now.
type Generator interface {
	// Op asks for the next operation.
	Op(ctx *Context) (Op, Status, Generator)
	// Update tells of an invocation or completion that happened. Its context is that of
	// the whole run.
	Update(ctx *Context, ev *Event) Generator
}

// Event is what the scheduler tells a generator: the operation event and its thread.
type Event struct {
	Thread int
	Op     *history.Op // good during the call
}
