package linearizable

import (
	"time"

	"github.com/faultline-dev/faultline/checkers/engine/words"
	"github.com/faultline-dev/faultline/harness/history"
)

// A register of few values, with few operations open at once, is decided while its events are
// gone through, too (checkers/engine/words), and a legal one needs no more than that. Of an illegal
// one the operations are gathered afterwards, to tell what happened up to where it failed. If too
// many never returned, then one is settled for which an order is found in which few of these took
// effect.

// trace is a register that is followed by its events.
type trace struct {
	object words.Follower
	ops    int  // so many that return
	seen   int  // the values that these found, a bit for each
	never  []op // those that do not
	lost   bool // it is not to be followed: it has too many values, or operations at once
}

// follow is an operation that will return.
type follow struct {
	s    *subject
	slot uint8
}

// follow settles the registers of few values, of those that no sweep has settled, or finds out
// where they fail.
func (g *gathering) follow() {
	t := g.taking()
	left := 0 // to follow
	begin := func(s *subject) {
		room := 0
		if !s.keyed {
			room = g.h.Len()
		}
		s.line, s.trace, left = nil, &trace{object: words.Follow(initial, room)}, left+1
	}
	for _, s := range g.all {
		if !s.settled {
			begin(s)
		}
	}
	var open history.ByProcess[follow]
	var e history.Row
	for i := 0; i < g.h.Len() && left > 0; i++ {
		if g.h.TypeOf(i) != history.Invoke {
			process := g.h.ProcessOf(i)
			if process < 0 {
				continue
			}
			f := open.Of(process)
			if s := f.s; s != nil && s.followed() && !s.trace.object.Return(f.slot) {
				if left--; s.trace.object.Exact() {
					s.failed = int32(i)
				} else {
					s.trace.lost = true
				}
			}
			f.s = nil
			continue
		}
		if g.h.ReadRow(i, &e); e.Process < 0 {
			continue
		}
		s := g.subject(id{e.Key, e.Keyed}, g.h.Len()-i)
		if s.line != nil {
			begin(s)
		}
		f := open.Of(int(e.Process))
		if f.s = nil; !s.followed() {
			continue
		}
		if s.called(&t, i, &e, f); s.trace.lost {
			left--
		}
	}
	for _, s := range g.all {
		if s.followed() {
			s.settled, s.byWords, s.size = true, true, s.trace.constraining()
		}
		s.line, s.trace = nil, nil
	}
}

// followed reports whether the register is one to follow still.
func (s *subject) followed() bool { return s.trace != nil && !s.trace.lost && s.failed == 0 }

// called takes in the operation that event i invokes, as f if it will return.
func (s *subject) called(t *taking, i int, e *history.Row, f *follow) {
	var o op
	counts := t.operation(s, i, e, &o)
	if s.trace.lost = s.fault != "" || s.number.Len() > words.States; s.trace.lost || !counts {
		return
	}
	if o.ret == pending {
		s.trace.never = append(s.trace.never, o)
		s.trace.lost = !s.trace.object.Crash(o.word())
		return
	}
	slot, ok := s.trace.object.Call(o.word())
	if s.trace.lost = !ok; ok {
		f.s, f.slot = s, slot
	}
	if s.trace.ops++; o.kind != write {
		s.trace.seen |= 1 << o.from
	}
}

// constraining is how many operations constrain the order: those that return, and of the others
// those whose value somebody can have seen (see prune).
func (t *trace) constraining() int {
	n := t.ops
	for again := true; again; {
		again = false
		for i, o := range t.never {
			if o.kind == read || t.seen>>o.to&1 == 0 {
				continue
			}
			if n++; o.kind == cas {
				t.seen |= 1 << o.from
			}
			t.never[i].kind, again = read, true // it is counted
		}
	}
	return n
}

// word is what the operation did; states are the numbers of values.
func (o *op) word() words.Do {
	switch {
	case o.kind == write:
		return words.Do{From: words.Any, To: uint8(o.to)}
	case o.kind == read || o.from == o.to:
		return words.Do{From: 1 << o.from, To: words.Same}
	}
	return words.Do{From: 1 << o.from, To: uint8(o.to)}
}

// retrace tells why a key fails of which that was found out while it was followed.
func (c *check) retrace(s *subject, allowed time.Duration) *story {
	span := func(i int32) (call, ret int32) { return s.ops[i].call, s.ops[i].ret }
	order := words.Order(len(s.ops), span, func(i int32) words.Do { return s.ops[i].word() }, initial, s.failed)
	return c.explain(s, "words", s.failed, order, allowed)
}
