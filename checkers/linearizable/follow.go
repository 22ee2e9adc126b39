package linearizable

import (
	"time"

	"github.com/faultline-dev/faultline/checkers/engine/words"
	"github.com/faultline-dev/faultline/harness/history"
)

// A register of few values, with few operations open at once, is decided while its events are
// gone through, too (checkers/engine/words), and a legal one needs no more than that. Of an illegal
// one the operations are gathered afterwards, to tell what happened up to where it failed.

// trace is a register that is followed by its events.
type trace struct {
	object words.Object
	ops    int  // so many
	lost   bool // it is not to be followed: it has too many values, or operations at once
}

// follow is an operation that will return.
type follow struct {
	s    *subject
	ret  int32
	slot uint8
}

// follow settles the registers of few values, of those that no sweep has settled, or finds out
// where they fail.
func (g *gathering) follow() {
	t := g.taking()
	left := 0 // to follow
	begin := func(s *subject) {
		s.line, s.trace, left = nil, &trace{object: words.Start(initial)}, left+1
	}
	for _, s := range g.all {
		if !s.settled {
			begin(s)
		}
	}
	var open history.ByProcess[follow]
	var e history.Row
	for i := 0; i < g.h.Len() && left > 0; i++ {
		g.h.ReadRow(i, &e)
		if e.Process < 0 {
			continue
		}
		f := open.Of(int(e.Process))
		if e.Type != history.Invoke {
			if s := f.s; s != nil && s.followed() && !s.completed(f, int32(i)) {
				left--
			}
			f.s = nil
			continue
		}
		if s := f.s; s != nil && s.followed() { // its completion comes after another operation's
			s.trace.lost = true
			left--
		}
		s := g.subject(id{e.Key, e.Keyed}, g.h.Len()-i)
		if s.line != nil {
			begin(s)
		}
		if f.s = nil; !s.followed() {
			continue
		}
		if *f = s.called(&t, i, &e); s.trace.lost {
			left--
		}
	}
	for _, s := range g.all {
		if s.followed() {
			s.settled, s.byWords, s.size = true, true, s.trace.ops
		}
		s.line, s.trace = nil, nil
	}
}

// followed reports whether the register is one to follow still.
func (s *subject) followed() bool { return s.trace != nil && !s.trace.lost && s.failed == 0 }

// completed takes in the completion of an operation that was called. It reports whether the
// register is one to follow still.
func (s *subject) completed(f *follow, event int32) bool {
	switch {
	case f.ret != event:
		s.trace.lost = true
	case !s.trace.object.Return(f.slot):
		s.failed = event
	}
	return s.followed()
}

// called takes in the operation that event i invokes.
func (s *subject) called(t *taking, i int, e *history.Row) (f follow) {
	o, counts := t.operation(s, i, e)
	if s.trace.lost = s.fault != "" || s.number.len() > words.States; s.trace.lost || !counts {
		return f
	}
	slot, ok := s.trace.object.Call(o.word())
	if !ok {
		s.trace.lost = true
		return f
	}
	if s.trace.ops++; o.ret != pending {
		f = follow{s, o.ret, slot}
	}
	return f
}

// word is what the operation did; states are the numbers of values.
func (o op) word() words.Do {
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
