// Package counter checks counters that clients increment by one, maybe decrement, and read.
//
// The one idea: increments are alike, so only their number counts. Whether a linearizable
// counter can have shown what was read, the monitor of counters decides (checkers/engine/monitor);
// linear.go puts what it finds into words. A counter that is only eventually consistent is
// held to its final reads: at least what was acknowledged, at most that and what is in doubt
// (final.go). So where nothing is in doubt all of them agree. A counter that is decremented,
// too, is held to bounds (bounds.go).
//
// Start with New.
package counter

import (
	"context"
	"math"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// Options of the check.
type Options struct {
	// Linearizable also demands that all reads fit an order of all operations that respects
	// real time; otherwise only the final ones are judged.
	Linearizable bool
}

// New returns a checker of counters, one for each key, 0 at first, with increment and
// decrement (by 1) and read (an integer, or nothing for 0).
//
// The final reads are those of the phase named "final" on the telemetry track; without one,
// those invoked after the last increment had ended.
func New(o Options) checkers.Checker { return checker{o} }

type checker struct{ Options }

func (checker) Name() string { return "counter" }

func (c checker) Check(ctx context.Context, h *history.History, budget checkers.Budget) checkers.Result {
	ctx, cancel := context.WithTimeout(ctx, budget.OrDefault().Time)
	defer cancel()
	result := checkers.Result{Checker: c.Name()}
	increments, decrements, acked, reads, finals := 0, 0, 0, 0, 0
	for _, s := range gather(h) {
		if s.Fault == "" && ctx.Err() != nil {
			s.Fault = "no time was left for it"
		}
		if s.Fault == "" {
			found := s.final()
			ordered := s.linear
			if len(s.decrements) > 0 {
				ordered = s.bounds
			}
			if c.Linearizable {
				if a := ordered(); a != nil {
					found = append(found, *a)
				}
			} else if len(s.finals) == 0 && len(s.increments)+len(s.decrements) > 0 {
				s.Fault = "no final read succeeded, so nobody knows what became of the increments"
			}
			result.Anomalies = append(result.Anomalies, found...)
		}
		if s.Fault != "" {
			result.Doubt(s.name(), s.Fault)
		}
		increments, decrements, acked = increments+len(s.increments), decrements+len(s.decrements), acked+s.acked
		reads, finals = reads+len(s.reads), finals+len(s.finals)
	}
	if len(result.Anomalies) > 0 {
		result.Valid = checkers.Invalid
	}
	result.Count("increments attempted", increments, "those that may have happened")
	result.Count("increments acknowledged", acked, "")
	if decrements > 0 {
		result.Count("decrements attempted", decrements, "those that may have happened")
	}
	result.Count("reads", reads, "")
	result.Count("final reads", finals, "")
	return result
}

const (
	none  = -1
	never = math.MaxInt // later than any event
)

// operation is an increment or a read; events are indices in the history.
type operation struct {
	call, ret int   // ret is never where it is in doubt
	value     int64 // read
}

// subject is one counter.
type subject struct {
	checkers.Subject
	increments []operation // by invocation
	decrements []operation
	reads      []operation // by completion
	finals     []operation
	acked      int // increments
	taken      int // decrements that were acknowledged
	last       int // the last event of an increment or decrement
}

// gather splits a history into its counters, in order of first use.
func gather(h *history.History) []*subject {
	begin := func(of checkers.Subject) *subject {
		return &subject{Subject: of, last: none}
	}
	all := checkers.Gather(h, begin, func(s *subject, i int, e history.Op, match []int32) {
		switch e.F {
		case "increment", "decrement":
			s.change(i, e, match)
		case "read":
			s.read(i, e, match)
		default:
			s.Reject("operation %d is %q, which a counter does not have", i, e.F)
		}
	})
	for _, s := range all {
		s.findFinals()
	}
	return all
}

func (s *subject) change(i int, e history.Op, match []int32) {
	s.last = i
	if e.Type != history.Invoke {
		return
	}
	if !e.Value.IsNil() && e.Value != history.Int(1) {
		s.Reject("operation %d %ss by %s; only %ss by 1 can be judged", i, e.F, e.Value, e.F)
		return
	}
	o, ops, acked := operation{call: i, ret: never}, &s.increments, &s.acked
	if e.F == "decrement" {
		ops, acked = &s.decrements, &s.taken
	}
	if end := match[i]; end >= 0 {
		switch s.H.At(int(end)).Type {
		case history.Fail:
			return
		case history.OK:
			o.ret = int(end)
			*acked++
		}
	}
	*ops = append(*ops, o)
}

func (s *subject) read(i int, e history.Op, match []int32) {
	if e.Type != history.OK || match[i] < 0 {
		return
	}
	if e.Value.Kind != history.KindInt && !e.Value.IsNil() {
		s.Reject("operation %d read %s, which is no integer", i, e.Value)
		return
	}
	s.reads = append(s.reads, operation{call: int(match[i]), ret: i, value: e.Value.A})
}

// findFinals picks the final reads.
func (s *subject) findFinals() {
	isFinal := s.Finals(s.last)
	for _, r := range s.reads {
		if isFinal(r.call) {
			s.finals = append(s.finals, r)
		}
	}
}

func (s *subject) name() string {
	if !s.Keyed {
		return "the counter"
	}
	return "key " + s.KeyName()
}
