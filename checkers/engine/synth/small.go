package synth

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/harness/history"
)

// Small makes a small history for an oracle that tries all orders: legal by construction if
// it comes out as it is made, and maybe not if it is spoilt, as every other one is. With
// repeat, values are written more than once.
func Small(object string, seed uint64, repeat bool) (h *history.History, spoilt bool, err error) {
	r := rand.New(rand.NewPCG(seed, 0x5a11))
	s := Spec{
		Object: object, Operations: 2 + r.IntN(8), Clients: 1 + r.IntN(4), Seed: seed,
		Observe: r.IntN(2) == 0, Pause: float64(r.IntN(3)) / 3,
	}
	if r.IntN(2) == 0 {
		s.Crashed = r.IntN(min(4, s.Operations))
	}
	if repeat {
		s.Values = 2 + r.IntN(2)
	}
	return made(r, s)
}

// Crowded is Small with repeat and more clients than most engines like, nearly all of whose
// operations overlap.
func Crowded(object string, seed uint64) (h *history.History, spoilt bool, err error) {
	r := rand.New(rand.NewPCG(seed, 0xc40d))
	return made(r, Spec{
		Object: object, Operations: 8 + r.IntN(3), Clients: 8 + r.IntN(3), Seed: seed,
		Observe: r.IntN(2) == 0, Crashed: r.IntN(3), Values: 2 + r.IntN(2),
	})
}

// Crashing is Small with repeat and more operations that never return than most engines like.
func Crashing(object string, seed uint64) (h *history.History, spoilt bool, err error) {
	r := rand.New(rand.NewPCG(seed, 0xc4a5))
	return made(r, Spec{
		Object: object, Operations: 14 + r.IntN(14), Clients: 1 + r.IntN(4), Seed: seed,
		Observe: r.IntN(2) == 0, Crashed: 7 + r.IntN(4), Values: 2 + r.IntN(3),
	})
}

// made makes a history and spoils every other one.
func made(r *rand.Rand, s Spec) (h *history.History, spoilt bool, err error) {
	if h, err = s.Make(); err != nil || r.IntN(2) == 0 {
		return h, false, err
	}
	for range 1 + r.IntN(2) {
		h = spoil(r, h)
	}
	return h, true, nil
}

// spoil makes a change that leaves the history well formed.
func spoil(r *rand.Rand, h *history.History) *history.History {
	events := make([]history.Op, h.Len())
	last := map[int]int{} // event of a process
	for i := range events {
		events[i] = h.At(i)
		last[events[i].Process] = i
	}
	at := r.IntN(len(events))
	e := &events[at]
	switch n := r.IntN(8); {
	case n < 2 && at > 0 && events[at-1].Process != e.Process: // real time: another order
		events[at-1], events[at] = *e, events[at-1]
	case n == 2 && e.Type == history.OK:
		e.Type, e.Error = history.Fail, "refused"
	case n == 3 && e.Type == history.OK && last[e.Process] == at:
		e.Type, e.Error = history.Info, "timeout"
	case n == 4 && e.Type == history.Fail:
		e.Type, e.Error = history.OK, ""
	default: // another answer, such as others were given or asked for
		var answers []int
		for i, o := range events {
			if o.Type == history.OK && slices.Contains(answering, o.F) && (o.F != "acquire" || !o.Value.IsNil()) {
				answers = append(answers, i)
			}
		}
		if len(answers) == 0 { // a refusal is all that can be wrong
			for i := range events {
				if e := &events[(at+i)%len(events)]; e.Type == history.Fail {
					e.Type, e.Error = history.OK, ""
					break
				}
			}
			break
		}
		answer := &events[answers[r.IntN(len(answers))]]
		told := &answer.Value
		var values []history.Value
		for _, o := range events {
			if alike(o.Value, *told) && o.Value != *told && o.F != "txn" &&
				(o.F == answer.F || told.Kind != history.KindEDN && answer.F != "acquire") {
				values = append(values, o.Value)
			}
		}
		switch ns := told.Ints(); {
		case *told == yes || *told == no:
			values = append(values, truth(*told == no))
		case told.Kind == history.KindInt:
			values = append(values, history.Int(told.A+2*r.Int64N(2)-1))
		case told.Kind == history.KindEDN: // a transaction or several registers, the last of which is changed
			last, end := strings.LastIndexByte(told.S, ' '), len(strings.TrimRight(told.S, "]}"))
			values = append(values, history.EDN(fmt.Sprintf("%s %d%s", told.S[:last], 1+r.IntN(4), told.S[end:])))
		case told.Kind == history.KindList && len(ns) > 0:
			values = append(values, history.List(ns[1:]), history.List(ns[:len(ns)-1]))
		}
		if len(values) > 0 {
			*told = values[r.IntN(len(values))]
		}
	}
	out := &history.History{}
	for _, e := range events {
		out.Append(e)
	}
	return out
}

// answering are the operations whose completions say something that the invocation does not.
var answering = []string{"read", "contains", "add", "remove", "dequeue", "pop", "delete-min", "add-and-get", "acquire", "txn"}

// alike reports whether one value could stand for the other.
func alike(a, b history.Value) bool {
	plain := func(v history.Value) bool { return v.Kind == history.KindInt || v.Kind == history.KindNil }
	return a.Kind == b.Kind || plain(a) && plain(b)
}
