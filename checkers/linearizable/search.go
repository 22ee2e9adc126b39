package linearizable

import (
	"context"
	"fmt"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/search"
)

// A register that writes some value twice is decided by search, which takes exponentially
// long at worst, so it is bounded.

// outcome is what a search came to.
type outcome = search.Verdict

const (
	legal   = search.Legal
	illegal = search.Illegal
	stopped = search.Stopped
)

// registerModel is a register as the search understands it. A state is a value's number.
// What an operation did is told by an op without its times.
var registerModel = search.Model[int32, op]{
	Init: initial,
	Step: func(held int32, o op) (int32, bool) {
		return o.apply(held), o.kind == write || held == o.from
	},
	Pure:  func(o op) bool { return o.kind == read || o.kind == cas && o.from == o.to },
	Blind: func(o op) bool { return o.kind == write },
}

// search decides the prefix of the history up to event limit. Its order is of the
// subject's operations.
func (c *check) search(s *subject, limit int32, allowed time.Duration, o search.Options) search.Result {
	ctx, cancel := context.WithTimeout(c.ctx, allowed)
	defer cancel()
	ops, index := make([]search.Op[op], 0, len(s.ops)), make([]int32, 0, len(s.ops))
	for i, o := range s.ops {
		if o.call > limit {
			break
		}
		if o.ret > limit {
			if o.ret = pending; !o.mutates() {
				continue
			}
		}
		did := op{from: o.from, to: o.to, kind: o.kind}
		ops, index = append(ops, search.Op[op]{Call: o.call, Ret: o.ret, Do: did}), append(index, int32(i))
	}
	o.Memory = c.memory
	r := search.Decide(ctx, registerModel, ops, o)
	if order := r.Order; order != nil {
		r.Order = func() []int32 {
			of := order()
			for k, i := range of {
				of[k] = index[i]
			}
			return of
		}
	}
	return r
}

// unsettled tells what stopped a search that was given so much time.
func unsettled(r search.Result, allowed time.Duration) string {
	switch r.Why {
	case search.ErrMemory:
		return "the search for a legal order used up its memory: " + r.Progress()
	case search.ErrCancelled:
		return "the search for a legal order was interrupted"
	}
	return fmt.Sprintf("no legal order was found, nor ruled out, within %s: %s", checkers.Span(int64(allowed)), r.Progress())
}
