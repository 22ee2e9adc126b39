package linearizable

import (
	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// A sweep goes once through the events, keeps a few numbers for each value, and settles the
// registers that are legal and have their values written once each: nearly all there are. No
// operation is gathered for these, and nothing is sorted. What it does not settle, for
// whatever reason, is looked at again with all its operations.
//
// It decides by the conditions that stand with the zones (zones.go), the third in another
// form. A block's first is the return of an operation, and returns come in order, so the
// blocks are found in the order of their firsts. Take two that must each come before the
// other: first(X) < first(Y) < last(X) and first(X) < last(Y). So when the blocks are gone
// through in order it is enough to remember the X that reaches beyond those gone through:
// there is one at most, the latest of the forward ones. Had another, X', last(X') behind
// first(Y), it would reach beyond first(X) too, and be in conflict with X, which is forward.

// stage is what is known of one value of a register.
type stage struct {
	call, ret   int32 // of its writer; none if it has none, pending if it has not returned
	first, last int32 // of its readers: the earliest return, the latest call
	from, next  int32 // values: the one that the compare-and-set which wrote it found, and the one that this was replaced by; or none
	passed      bool  // its chain has been gone through
}

// line is a register in a sweep.
type line struct {
	stages   []stage // by value
	firsts   []int32 // values, in the order in which the first operation on each returned
	ops      int     // that constrain the order
	returned int     // of these
	cas      bool    // there are compare-and-sets
	broken   bool    // it is not settled by the sweep
	left     bool    // and that was noticed
	roots    []int32 // of blocks that contradict each other or themselves: it is illegal
}

// flight is an operation under way.
type flight struct {
	s        *subject
	call     int32
	from, to int32
	kind     kind
}

// sweep finds the registers of a history up to event limit and settles what it can.
func (g *gathering) sweep(limit int32) {
	h := g.h
	reading, _ := h.Number("read")
	writing, _ := h.Number("write")
	var open history.ByProcess[flight]
	broken, errors := 0, h.Errors()
	var e history.Row
	for i := range min(h.Len(), int(limit)+1) {
		if h.ReadRow(i, &e); e.Process < 0 {
			continue
		}
		f := open.Of(int(e.Process))
		if e.Type != history.Invoke {
			if f.s != nil && !f.s.line.broken {
				f.done(h, &errors, i, &e)
			}
			f.s = nil
			continue
		}
		f.s, f.call = g.subject(id{e.Key, e.Keyed}, h.Len()-i), int32(i)
		switch {
		case f.s.line.broken:
			if f.s.line.left {
				continue
			}
			f.s.line.left = true
			if broken++; broken == len(g.all) { // so will be the others
				g.abandon()
				return
			}
		case e.F == reading && reading > 0:
			f.kind = read
		case e.F == writing && writing > 0 && e.Kind == history.KindInt:
			f.kind, f.to = write, f.s.number.OfInt(e.A)
			f.s.line.begin(f.to, none, f.call)
		default:
			f.begin(h.At(i))
		}
	}
	for _, s := range g.all {
		s.line.returned = s.line.ops
		s.settled = !s.line.broken && s.line.join() && s.line.legal()
		if s.size = s.line.ops; len(s.line.roots) == 0 {
			s.line = nil
			continue
		}
		s.size = s.line.returned // it did not come to all that are pending
		for _, st := range s.line.stages {
			if st.call != none && st.ret == pending && st.seen() {
				s.size++
			}
		}
	}
}

// abandon ends a sweep that settles nothing.
func (g *gathering) abandon() {
	for _, s := range g.all {
		s.line = nil
	}
}

// begin takes in the invocation of an operation that is not the most frequent of all.
func (f *flight) begin(e history.Op) {
	s := f.s
	switch e.F {
	case "read":
		f.kind = read
	case "write":
		f.kind, f.to = write, s.number.Of(e.Value)
		s.line.begin(f.to, none, f.call)
	case "cas":
		from, to, ok := checkers.OldAndNew(e.Value)
		f.kind, f.from, f.to = cas, s.number.Of(from), s.number.Of(to)
		s.line.cas = true
		if s.line.begin(f.to, f.from, f.call); !ok {
			s.line.broken = true
		}
	case "siblings":
		f.s = nil
	default:
		s.line.broken = true
	}
}

// done takes in the completion of the operation, event i.
func (f *flight) done(h *history.History, errors *history.Errors, i int, e *history.Row) {
	s := f.s
	switch {
	case e.Type == history.Info:
	case e.Type == history.Fail && f.kind == read:
	case e.Type == history.Fail:
		if s.line.cancel(f.to); f.kind == cas {
			if v, seen := checkers.SeenWith(errors.Of(i), h.ValueOf(i, e)); seen {
				s.line.read(s.number.Of(v), f.call, int32(i))
			}
		}
	case f.kind == read && e.Kind == history.KindInt:
		s.line.read(s.number.OfInt(e.A), f.call, int32(i))
	case f.kind == read:
		s.line.read(s.number.Of(h.Value(i)), f.call, int32(i))
	case f.kind == write:
		s.line.written(f.to, int32(i))
	default:
		if from := s.line.stage(f.from); from.next != none || !from.begun(f.from) {
			s.line.broken = true
		} else {
			from.next = f.to
			s.line.written(f.to, int32(i))
		}
	}
}

// stage is that of a value.
func (l *line) stage(v int32) *stage {
	for int(v) >= len(l.stages) {
		l.stages = append(l.stages, stage{none, pending, pending, none, none, none, false})
	}
	return &l.stages[v]
}

// begun reports whether a value's writer has been invoked, so that somebody can have seen it.
func (st *stage) begun(v int32) bool { return st.call != none || v == initial }

// seen reports whether somebody has seen the value.
func (st *stage) seen() bool { return st.first != pending || st.next != none }

// begin takes in that a value's writer was invoked, a compare-and-set from a value or a write.
func (l *line) begin(v, from, call int32) {
	st := l.stage(v)
	if st.begun(v) {
		l.broken = true
	}
	st.call, st.from = call, from
}

// written takes in that a value's writer returned.
func (l *line) written(v, ret int32) {
	st := l.stage(v)
	if st.ret = ret; st.first == pending {
		l.firsts = append(l.firsts, v)
	}
	l.ops++
}

// cancel takes in that a value's writer has certainly done nothing.
func (l *line) cancel(v int32) {
	st := l.stage(v)
	if st.seen() {
		l.broken = true
	}
	st.call, st.from = none, none
}

// read takes in that somebody saw a value.
func (l *line) read(v, call, ret int32) {
	st := l.stage(v)
	if !st.begun(v) {
		l.broken = true
	}
	if st.first == pending {
		if st.first = ret; st.ret == pending {
			l.firsts = append(l.firsts, v)
		}
	}
	st.last = max(st.last, call)
	l.ops++
}

// join puts the pending compare-and-sets into their chains that took effect, because somebody
// saw their value or what became of it. It reports whether two took the same value.
func (l *line) join() bool {
	if !l.cas {
		return true
	}
	for _, v := range l.firsts {
		for l.stages[v].from >= 0 {
			st := &l.stages[v]
			from := l.stage(st.from)
			joined := from.next == v
			if !joined && from.next != none || !from.begun(st.from) {
				return false
			}
			if from.next = v; joined && l.stages[v].ret == pending {
				break
			}
			if v = l.stages[v].from; l.stages[v].ret != pending {
				break
			}
		}
	}
	return true
}

// legal goes through the blocks. It counts the pending operations on the way.
func (l *line) legal() bool {
	l.stage(initial)
	reaching, ok := l.pass(initial) // the latest of the forward blocks
	if !ok {
		l.roots = []int32{initial}
		return false
	}
	far := int32(initial) // its root
	for _, v := range l.firsts {
		st := &l.stages[v]
		y := span{min(st.ret, st.first), max(st.call, st.last)}
		root := v
		switch {
		case st.passed:
			continue
		case st.from != none || st.next != none:
			if root = l.root(v); root == none {
				return false
			}
			if y, ok = l.pass(root); !ok {
				l.roots = []int32{root}
				return false
			}
		case st.ret == pending:
			l.ops++
		}
		if y.first < reaching.last && reaching.first < y.last {
			l.roots = []int32{far, root}
			return false
		}
		if y.first < y.last {
			reaching, far = y, root
		}
	}
	return true
}

// span is from the first return of a block to its last call.
type span struct{ first, last int32 }

// root is the value that the chain of a value begins with, or none if the chain bites its
// tail.
func (l *line) root(v int32) int32 {
	for at, n := v, len(l.stages); n > 0; n-- {
		from := l.stages[at].from
		if from < 0 {
			return at
		}
		at = from
	}
	return none
}

// pass goes through a chain of values, stage by stage, and reports whether they may follow
// each other.
func (l *line) pass(root int32) (block span, ok bool) {
	block, ok = span{pending, none}, true
	if root == initial {
		block.first = -1
	}
	for v := root; v != none; v = l.stages[v].next {
		st := &l.stages[v]
		if st.passed = true; v != initial {
			ok = ok && st.ret >= block.last
			block = span{min(block.first, st.ret), max(block.last, st.call)}
			if st.ret == pending {
				l.ops++
			}
		}
		if st.first != pending {
			ok = ok && st.first >= block.last
			block = span{min(block.first, st.first), max(block.last, st.last)}
		}
	}
	return block, ok
}
