// Package search decides whether a history of operations on an object has a legal order,
// that is, whether it is linearizable (Herlihy and Wing, TOPLAS 1990), for any object that
// can be told by a step function. It is what is left where no special algorithm is known.
//
// The one idea is Lowe's just-in-time linearization ("Testing for linearizability",
// Concurrency and Computation 2017): walk through the events of the history and keep the set
// of all configurations in which the object may be - its state, and which of the pending
// operations have taken effect - but let operations take effect no sooner than when one of
// them returns that had to. When no configuration is left, the history up to that return is
// the shortest part of it without a legal order.
//
// There are exponentially many configurations, and only so many of them matter. What keeps
// them few is argued where it is done: configuration.go says which configurations are as good
// as another, forward.go which are only early, moves.go which operations need not be tried,
// refine.go when those that never return count. And most histories do not need the set at all:
// one configuration at a time is enough to decide them (depth.go), or one word of them, where
// few operations are ever open at once (packed.go).
//
// Start with Decide.
package search

import (
	"context"
	"errors"
	"fmt"

	"github.com/faultline-dev/faultline/checkers/engine/moments"
)

// Pending is the return of an operation that may take effect at any later time, or never.
const Pending = moments.Pending

// Op is one operation: it took effect once, after event Call and before event Ret; if Ret is
// Pending, at any time after Call or never.
type Op[O comparable] struct {
	Call, Ret int32
	// Do is what it did, its result included. Operations of equal Do are interchangeable.
	Do O
}

// Model tells what operations do to an object.
type Model[S, O comparable] struct {
	// Init is the object's first state.
	Init S
	// Step returns the state after an operation, or false if it can not have had this
	// effect (result) in that state. It must be deterministic. An operation whose result
	// is not known, because it never returned, is given as one that is legal with any.
	Step func(S, O) (S, bool)
	// Pure reports that an operation leaves every state as it is. May be nil.
	Pure func(O) bool
	// Blind reports that an operation is legal in every state, and that the state after it
	// is the same whatever the one before was. May be nil.
	Blind func(O) bool
	// Size is the memory that a state holds besides its own fields. May be nil.
	Size func(S) int
}

// Options bound a search. The zero value sets no bounds; the context does as well.
type Options struct {
	Memory int64 // bytes of the search's own tables; 0: 4 GiB
	// Hasty has the search stop where it would have to keep all configurations, for the
	// reason ErrHaste; Patient has it begin with that.
	Hasty, Patient bool
	off            feature
	// stretch is how many events to go back at first when something was not counted that has
	// to be; 0: as many as pay for long histories.
	stretch int
}

// feature is one of the arguments that keep configurations few. Tests do without.
type feature uint16

const (
	symmetry feature = 1 << iota
	dominance
	absorption
	purity
	lookahead
	aim
	forgiveness
	packing
)

// Verdict is what a search came to.
type Verdict uint8

const (
	Legal Verdict = iota
	Illegal
	Stopped
)

func (v Verdict) String() string { return [...]string{"legal", "illegal", "stopped"}[v] }

// Reasons for which a search stops without a verdict.
var (
	ErrTime      = errors.New("its time was over")
	ErrMemory    = errors.New("its memory was used up")
	ErrCancelled = errors.New("it was interrupted")
	ErrHaste     = errors.New("it takes longer than a hasty search")
)

// Result is a verdict with its evidence.
type Result struct {
	Verdict Verdict
	// Order makes a legal order: of all operations if legal (pending ones only if they have to
	// have taken effect), of those before event At if illegal. Indices of operations. Nil if
	// stopped.
	Order func() []int32
	// At is the event, a return, at which an illegal history fails: it has no legal order
	// up to there, and has one up to just before.
	At int32
	// Why a search stopped.
	Why error
	// Placed of Events were dealt with; Largest is the size of the largest set of
	// configurations held at once, Steps the number of steps of the model that were tried.
	Placed, Events int
	Largest        int
	Steps          int64
	Memory         int64 // most bytes of tables held at once
	// Engine is the search that came to the verdict.
	Engine string
}

// Forward is the engine's name, with its paper.
const Forward = "just-in-time linearization (Lowe 2017)"

// Methods are all that a search may try, in that order.
const Methods = DepthFirst + ", then " + Forward

// Progress puts how far a search got into words.
func (r Result) Progress() string {
	return fmt.Sprintf("%d of %d events placed, at most %d configurations at once", r.Placed, r.Events, r.Largest)
}

// Decide looks for a legal order of the operations.
func Decide[S, O comparable](ctx context.Context, m Model[S, O], ops []Op[O], o Options) Result {
	if o.Memory <= 0 {
		o.Memory = 4 << 30
	}
	p := prepare(m, ops, o.off)
	if o.off|packing == packing && !o.Patient || o.Hasty {
		if r, ok := p.hasty(ctx, o); ok || o.Hasty {
			return r
		}
	}
	r, ok := newForward(ctx, p, p.states(), o).decide()
	if !ok {
		p = prepare(m, ops, o.off|forgiveness)
		r, _ = newForward(ctx, p, p.states(), o).decide()
	}
	return r
}
