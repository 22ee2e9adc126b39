package object

import (
	"cmp"
	"slices"

	"github.com/faultline-dev/faultline/checkers/engine/monitor"
	"github.com/faultline-dev/faultline/harness/history"
)

// Queues, stacks, priority queues and bags: elements go in and come out. They differ in
// which element comes out, and in nothing else.
//
// The state's string holds the elements that are in: a queue's and a stack's in the order in
// which they came, a bag's and a priority queue's in order.

var putNames = map[string][]string{
	"queue": {"enqueue", "offer"}, "bag": {"enqueue", "offer", "insert", "add"},
	"stack": {"push"}, "priority-queue": {"insert", "enqueue", "offer", "push"},
}

var takeNames = map[string][]string{
	"queue": {"dequeue", "poll"}, "bag": {"dequeue", "poll", "remove", "take"},
	"stack": {"pop"}, "priority-queue": {"delete-min", "dequeue", "poll", "pop", "extract-min"},
}

// container makes a type of what differs.
func container(name, doc, initial string, step func(State, Do) (State, bool)) Type {
	puts, takes := putNames[name], takeNames[name]
	return Type{
		Name: name, Doc: doc, Initial: initial,
		Operations: []Operation{
			{Name: puts[0], Also: puts[1:], Value: "the element", Doc: "puts it in", gather: (*subject).put},
			{Name: takes[0], Also: takes[1:], Result: "the element; nil: there was none", Doc: "takes one out", gather: (*subject).take},
		},
		first: (*subject).fill,
		init:  func(*subject, bool) State { return State{} },
		step:  step,
	}
}

var drain = Operation{Name: "drain", Result: "a list of the elements", Doc: "takes out until nothing is left; judged as so many takes, in any order", gather: (*subject).drain}

var queue = func() Type {
	t := container("queue", "first in, first out", "a list, the next one to come out first", func(st State, d Do) (State, bool) {
		switch d.F {
		case put:
			return State{S: st.S + packed(d.A)}, true
		case takeAny:
			return State{S: st.S[min(4, len(st.S)):]}, true
		case take:
			if !begins(st.S, d.A) {
				return st, false
			}
			return State{S: st.S[4:]}, true
		}
		return st, d.F == takeNone && st.S == ""
	})
	t.Also = []string{"fifo-queue"}
	t.Operations = append(t.Operations, drain)
	t.tidy, t.monitored, t.monitor = (*subject).undrain, (*subject).elements, monitor.Queue
	return t
}()

var stack = func() Type {
	t := container("stack", "last in, first out", "a list, the next one to come out last", func(st State, d Do) (State, bool) {
		top := max(0, len(st.S)-4)
		switch d.F {
		case put:
			return State{S: st.S + packed(d.A)}, true
		case takeAny:
			return State{S: st.S[:top]}, true
		case take:
			if !begins(st.S[top:], d.A) {
				return st, false
			}
			return State{S: st.S[:top]}, true
		}
		return st, d.F == takeNone && st.S == ""
	})
	t.monitored, t.monitor = (*subject).elements, monitor.Stack
	return t
}()

var bag = func() Type {
	t := container("bag", "elements come out in any order", "a list", func(st State, d Do) (State, bool) {
		at, in := place(st.S, d.A)
		switch d.F {
		case put:
			return State{S: insert(st.S, at, d.A)}, true
		case take:
			if !in {
				return st, false
			}
			return State{S: remove(st.S, at)}, true
		}
		return st, d.F == takeNone && st.S == ""
	})
	t.Also = []string{"unordered-queue"}
	t.Operations = append(t.Operations, drain)
	t.tidy = (*subject).tidyBag
	t.part = func(_ *subject, d Do) (int64, bool) { return d.A, true }
	t.parts, t.apart, t.light = (*subject).found, (*subject).alwaysFound, true
	return t
}()

// priorityQueue's elements are integers, and their numbers are their ranks.
var priorityQueue = func() Type {
	t := container("priority-queue", "the least integer comes out first", "a list of integers", func(st State, d Do) (State, bool) {
		switch d.F {
		case put:
			at, _ := place(st.S, d.A)
			return State{S: insert(st.S, at, d.A)}, true
		case takeAny:
			return State{S: st.S[min(4, len(st.S)):]}, true
		case take:
			if !begins(st.S, d.A) {
				return st, false
			}
			return State{S: st.S[4:]}, true
		}
		return st, d.F == takeNone && st.S == ""
	})
	t.tidy, t.monitored, t.monitor = (*subject).rank, (*subject).elements, monitor.PriorityQueue
	return t
}()

func (s *subject) put(c *call) {
	if c.arg.IsNil() {
		s.Reject("operation %d puts nothing in", c.at)
		return
	}
	if s.kind.Name == "priority-queue" && c.arg.Kind != history.KindInt {
		s.Reject("operation %d puts %s in, which is no integer", c.at, c.arg)
		return
	}
	s.emit(c, Do{F: put, A: s.num(c.arg)})
}

func (s *subject) take(c *call) {
	switch {
	case !c.ok:
		s.emit(c, Do{F: takeAny})
	case c.out.IsNil():
		s.emit(c, Do{F: takeNone})
	case s.kind.Name == "priority-queue" && c.out.Kind != history.KindInt:
		s.Reject("operation %d took %s out, which is no integer", c.at, c.out)
	default:
		s.emit(c, Do{F: take, A: s.num(c.out)})
	}
}

// fill puts in what there is at first.
func (s *subject) fill(initial history.Value) string {
	return s.holdThose(initial, func(v history.Value) bool {
		return !v.IsNil() && (s.kind.Name != "priority-queue" || v.Kind == history.KindInt)
	})
}

// drain is as many takes as elements came out, all of them between its two events. That a
// drain saw them in this order is more than that, but a take may have been any of several
// that overlapped, so that the order is not held against it. It ends when nothing is left to
// be found, which is one more take.
func (s *subject) drain(c *call) {
	if !c.ok {
		s.doubts = append(s.doubts, op{int32(c.at), pending, Do{F: takeAny}})
		return
	}
	all, err := items(c.out)
	if err != nil {
		s.Reject("operation %d drained %s, %v", c.at, c.out, err)
		return
	}
	s.shared = s.shared || len(all) > 1
	for _, v := range all {
		s.emit(c, Do{F: take, A: s.num(v)})
	}
}

// undrain makes of a drain that never returned as many takes that never returned as there are
// elements that nobody is known to have taken out: more can not have come to anything.
func (s *subject) undrain() {
	if len(s.doubts) == 0 {
		return
	}
	left := 0
	for _, o := range s.ops {
		switch o.do.F {
		case put:
			left++
		case take:
			left--
		}
	}
	for _, o := range s.doubts {
		for range left {
			s.ops = append(s.ops, o)
		}
		s.shared = s.shared || left > 0
	}
}

// tidyBag deals with takes that never returned. They may have got any element or none, and a
// bag in which an element more is left is as good for every operation but a take that finds
// nothing. Where there is none of those it therefore is as if they had not happened.
func (s *subject) tidyBag() {
	s.undrain()
	crashed, empty := false, false
	for _, o := range s.ops {
		crashed, empty = crashed || o.do.F == takeAny, empty || o.do.F == takeNone
	}
	if crashed && empty {
		s.Reject("some takes found nothing, which depends on what those took that never returned")
	}
	s.ops = slices.DeleteFunc(s.ops, func(o op) bool { return o.do.F == takeAny })
}

// found are the operations but for takes that found nothing, without which a legal order is one
// as well: nothing is all that ties a bag's elements together.
func (s *subject) found() []op {
	return slices.DeleteFunc(slices.Clone(s.ops), func(o op) bool { return o.do.F == takeNone })
}

// alwaysFound reports that there are none of those.
func (s *subject) alwaysFound() bool {
	return !slices.ContainsFunc(s.ops, func(o op) bool { return o.do.F == takeNone })
}

// rank numbers the elements, which are integers, in their order.
func (s *subject) rank() {
	unranked := s.numbers.Values()
	order := make([]int64, len(unranked))
	for i := range order {
		order[i] = int64(i)
	}
	slices.SortFunc(order, func(a, b int64) int { return cmp.Compare(unranked[a].A, unranked[b].A) })
	rank, values := make([]int64, len(order)), make([]history.Value, len(order))
	for r, n := range order {
		rank[n], values[r] = int64(r), unranked[n]
	}
	for i := range s.ops {
		if d := &s.ops[i].do; d.F == put || d.F == take {
			d.A = rank[d.A]
		}
	}
	s.ranked = values
}

// elements are a container's operations for its monitor.
func (s *subject) elements() ([]monitor.Op, bool) {
	ops := make([]monitor.Op, len(s.ops))
	for i, o := range s.ops {
		m := monitor.Op{Call: o.call, Ret: o.ret, F: monitor.Take, V: int32(o.do.A)}
		switch o.do.F {
		case put:
			m.F, m.P = monitor.Put, o.do.A // a rank is as good as what has it
		case takeNone, takeAny:
			m.V = monitor.Empty
		}
		ops[i] = m
	}
	return ops, true
}
