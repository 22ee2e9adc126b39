package object

import (
	"slices"

	"github.com/faultline-dev/faultline/checkers/engine/monitor"
	"github.com/faultline-dev/faultline/checkers/engine/words"
	"github.com/faultline-dev/faultline/harness/history"
)

// A set's state holds its elements, ascending. An element on its own is a set too, of that
// one or nothing, and elements do not care about one another; only reads of the whole tie
// them together.
var set = Type{
	Name: "set", Doc: "elements are in or not", Initial: "a list",
	Operations: []Operation{
		{Name: "add", Also: []string{"insert"}, Value: "the element", Result: "true or false: whether it is new; anything else says nothing", Doc: "adds it", gather: (*subject).addElement},
		{Name: "remove", Also: []string{"delete"}, Value: "the element", Result: "true or false: whether it was there; anything else says nothing", Doc: "removes it", gather: (*subject).removeElement},
		{Name: "contains", Value: "the element", Result: "true or false, or `[element true]`", Doc: "asks whether it is there", gather: (*subject).ask},
		{Name: "read", Result: "a list of all elements", Doc: "reads the whole set", gather: (*subject).readSet},
	},
	first: (*subject).hold,
	init:  func(*subject, bool) State { return State{} },
	step: func(st State, d Do) (State, bool) {
		if d.F == whole {
			return st, st.S == d.S
		}
		at, in := place(st.S, d.A)
		switch d.F {
		case present:
			return st, in
		case absent:
			return st, !in
		case put, putNew:
			if in {
				return st, d.F == put
			}
			return State{S: insert(st.S, at, d.A)}, true
		}
		if !in {
			return st, d.F == takeAny
		}
		return State{S: remove(st.S, at)}, true
	},
	monitored: (*subject).setOps, monitor: monitor.Set,
	part:  func(_ *subject, d Do) (int64, bool) { return d.A, d.F != whole },
	blind: func(d Do) bool { return d.F == put || d.F == takeAny },
	parts: (*subject).elementwise, apart: (*subject).apart,
}

// element is what an operation did to its element, which is in, state 1, or is not.
func element(did func8) words.Do {
	const out, in = 1 << 0, 1 << 1
	switch did {
	case put:
		return words.Do{From: words.Any, To: 1}
	case putNew:
		return words.Do{From: out, To: 1}
	case take:
		return words.Do{From: in, To: 0}
	case takeAny:
		return words.Do{From: words.Any, To: 0}
	case present:
		return words.Do{From: in, To: words.Same}
	}
	return words.Do{From: out, To: words.Same}
}

// boolean reads an answer.
func boolean(v history.Value) (yes, known bool) {
	if v.Kind != history.KindEDN {
		return false, false
	}
	return v.S == "true", v.S == "true" || v.S == "false"
}

// answer is what an operation on an element returned, if it says whether the element was there.
func (c *call) answer() (yes, known bool) {
	if !c.ok || c.out == c.arg { // an element may be a truth value itself
		return false, false
	}
	return boolean(c.out)
}

// did is what an operation that was to put, takeAny or ask whether its element is present came to
// by its answer; whole: nothing that can be understood. takeAny removes an element that may not be
// there.
func did(asked func8, yes, known bool) func8 {
	unknown, so, not := whole, present, absent
	switch asked {
	case put:
		unknown, so, not = put, putNew, present
	case takeAny:
		unknown, so, not = takeAny, take, absent
	}
	switch {
	case !known:
		return unknown
	case yes:
		return so
	}
	return not
}

func (s *subject) addElement(c *call) {
	fresh, known := c.answer()
	s.emit(c, Do{F: did(put, fresh, known), A: s.num(c.arg)})
}

func (s *subject) removeElement(c *call) {
	was, known := c.answer()
	s.emit(c, Do{F: did(takeAny, was, known), A: s.num(c.arg)})
}

// answered is which element somebody who asked was told about, and what.
func answered(arg, out history.Value) (element history.Value, in, known bool) {
	if in, known = boolean(out); known {
		return arg, in, true
	}
	if pair, err := items(out); err == nil && len(pair) == 2 {
		in, known = boolean(pair[1])
		return pair[0], in, known
	}
	return arg, false, false
}

func (s *subject) ask(c *call) {
	if !c.ok {
		return
	}
	element, in, known := answered(c.arg, c.out)
	if !known {
		s.Reject("operation %d is told %s, which is neither true nor false", c.at, c.out)
		return
	}
	s.emit(c, Do{F: did(present, in, known), A: s.num(element)})
}

func (s *subject) readSet(c *call) {
	ns, ok := s.elementsRead(c)
	if !ok {
		return
	}
	slices.Sort(ns)
	for i, n := range ns {
		if i > 0 && n == ns[i-1] {
			s.Reject("operation %d read %s twice in one set", c.at, s.of(n))
		}
	}
	s.emit(c, Do{F: whole, S: packedAll(ns)})
}

// setOps are the operations for the monitor, which wants to know of a removal that it
// happened, and knows of no reads of the whole.
func (s *subject) setOps() ([]monitor.Op, bool) {
	if s.numbers.Len() <= len(s.ops) {
		return setOps(s.ops, func(d Do) int32 { return int32(d.A) })
	}
	dense := make(map[int64]int32) // some operations were left out, and their elements with them
	return setOps(s.ops, func(d Do) int32 {
		n, found := dense[d.A]
		if !found {
			n = int32(len(dense))
			dense[d.A] = n
		}
		return n
	})
}

// elementOps are setOps of operations on one element.
func elementOps(all []op) ([]monitor.Op, bool) {
	return setOps(all, func(Do) int32 { return 0 })
}

// setOps are operations as the monitor takes them: it does not if an element is added twice.
func setOps(all []op, element func(Do) int32) ([]monitor.Op, bool) {
	ops, added := make([]monitor.Op, len(all)), make([]bool, len(all))
	for i, o := range all {
		m := monitor.Op{Call: o.call, Ret: o.ret, V: element(o.do)}
		switch o.do.F {
		case put, putNew:
			if m.F = monitor.Put; added[m.V] {
				return nil, false
			}
			added[m.V] = true
		case take:
			m.F = monitor.Take
		case takeAny:
			if o.ret != pending {
				return nil, false
			}
			m.F = monitor.Take
		case present:
			m.F = monitor.Present
		case absent:
			m.F = monitor.Absent
		default:
			return nil, false
		}
		ops[i] = m
	}
	return ops, true
}

// mostAnswers bounds what reads of the whole are taken apart into.
const mostAnswers = 20_000_000

// elementwise makes of a read of the whole a question about each element. That is less than
// the read says, namely that it was so at one moment, so that an illegal part is an illegal
// set but not the other way round.
//
// It is as much where they are apart.
func (s *subject) elementwise() (ops []op) {
	reads := 0
	for _, o := range s.ops {
		if o.do.F == whole {
			reads++
		}
	}
	if reads == 0 {
		return s.ops
	}
	if reads*s.numbers.Len() > mostAnswers {
		return nil
	}
	for _, o := range s.ops {
		if o.do.F != whole {
			ops = append(ops, o)
			continue
		}
		in := unpack(o.do.S)
		for n := range int64(s.numbers.Len()) {
			d := Do{F: absent, A: n}
			if len(in) > 0 && in[0] == n {
				d.F, in = present, in[1:]
			}
			ops = append(ops, op{o.call, o.ret, d})
		}
	}
	return ops
}

// apart reports that no operation that returned overlaps a read of the whole: then take legal
// orders of the parts, and with them, since linearizability is local, one of all. What returned
// is before the read or behind it, for every element. What did not return is in each element's
// order before the question or behind it; so all the questions of a read can be moved to one
// place, to which whatever is not yet on the right side moves too.
func (s *subject) apart() bool {
	latest, readUntil := int32(-1), int32(-1) // returns of what was called before
	for _, o := range s.ops {
		if o.ret != pending {
			if o.do.F == whole && latest > o.call || readUntil > o.call {
				return false
			}
			latest = max(latest, o.ret)
		}
		if o.do.F == whole {
			readUntil = max(readUntil, o.ret)
		}
	}
	return true
}
