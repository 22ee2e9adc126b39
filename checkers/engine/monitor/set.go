package monitor

import "slices"

// Set decides a set at first empty: Put adds V, Take removes it, Present and Absent tell
// whether it is in. Each element is added once at most and removed once at most; an add that
// found its element there already is a Present, a remove that did not find it an Absent.
//
// No operation of one element cares about another, so each is decided by itself. Let a be
// the moment when it was added and r that when it was removed. It was present between the
// two, so a is before the return of each Present (and of the add), r after the call of each
// (and of the remove). An Absent has to have a moment before a or after r: the later a and
// the earlier r, the better for it. So take the last possible a and the first possible r, or
// if these are the wrong way round, any moment between them for both.
//
// A pending add matters only if its element was seen, that is by a Present or by a remove
// that returned; without it every Absent is right. A pending remove may have happened as
// soon as it could, which is best for every Absent; where it happened before the add it
// cannot have removed anything, and so need not have happened at all.
func Set(ops []Op, opt Options) Result {
	m, refused := place(ops, Put, Take, Present, Absent)
	if refused != nil {
		return *refused
	}
	s := setting{ops: ops, moments: m, elements: make([]life, len(ops))}
	for v := range s.elements {
		s.elements[v] = life{add: none, remove: none, seen: none, late: none, a: m.end, r: 0}
	}
	if r := s.gather(); r != nil {
		return *r
	}
	for v := range s.elements {
		if r := s.decide(&s.elements[v]); r != nil {
			return *r
		}
	}
	for i, o := range ops {
		if o.F != Absent || o.Ret == Pending {
			continue
		}
		if x := &s.elements[o.V]; x.add != none && x.a < m.lo[i] && m.hi[i] < x.r {
			return illegal("absent-while-inside", s.inside(x, int32(i))...)
		}
	}
	if !opt.Order {
		return Result{Verdict: Legal}
	}
	return Result{Verdict: Legal, Order: s.lineUp()}
}

// life is what happened to one element.
type life struct {
	add, remove int32
	seen        int32 // the Present, or remove, that returned first
	late        int32 // the Present that was called last
	a, r        int32 // the moments it was added and removed at
}

type setting struct {
	ops []Op
	moments
	elements []life
}

func (s *setting) gather() *Result {
	var twice *Result
	for i, o := range s.ops {
		i := int32(i)
		if o.V == Empty {
			r := unsure("operation %d has no element", i)
			return &r
		}
		x := &s.elements[o.V]
		switch {
		case o.F == Put && x.add != none:
			r := unsure("element %d is added twice, by operations %d and %d", o.V, x.add, i)
			return &r
		case o.F == Put:
			x.add = i
		case o.F == Take && x.remove == none:
			x.remove = i
		case o.F == Take && s.ops[x.remove].Ret != Pending && o.Ret != Pending:
			if twice == nil {
				r := illegal("removed-twice", x.remove, i)
				twice = &r
			}
		case o.F == Take && (o.Ret != Pending || s.ops[x.remove].Ret == Pending && s.lo[i] < s.lo[x.remove]):
			x.remove = i // whoever returned removed it; of those pending, the first can as well as any
		}
		if o.Ret == Pending || o.F != Present && o.F != Take {
			continue
		}
		if x.seen == none || s.hi[i] < s.hi[x.seen] {
			x.seen = i
		}
		if o.F == Present && (x.late == none || s.lo[i] > s.lo[x.late]) {
			x.late = i
		}
	}
	if twice != nil {
		if add := s.elements[s.ops[twice.Witness[0]].V].add; add != none {
			r := illegal(twice.Pattern, append(twice.Witness, add)...)
			return &r
		}
	}
	return twice
}

// decide chooses when the element was added and removed, if it was.
func (s *setting) decide(x *life) *Result {
	if x.seen == none && (x.add == none || s.ops[x.add].Ret == Pending) {
		x.add, x.remove = none, none // there is no telling that it was ever in
		return nil
	}
	if x.add == none {
		r := illegal("never-added", x.seen)
		return &r
	}
	x.a, x.r = s.hi[x.add], s.end
	if x.seen != none {
		if s.hi[x.seen] < s.lo[x.add] {
			r := illegal("seen-before-added", x.add, x.seen)
			return &r
		}
		x.a = min(x.a, s.hi[x.seen])
	}
	if x.remove != none {
		x.r = max(s.lo[x.remove], s.lo[x.add])
		if x.late != none {
			if s.hi[x.remove] < s.lo[x.late] {
				r := illegal("seen-after-removed", x.add, x.late, x.remove)
				return &r
			}
			x.r = max(x.r, s.lo[x.late])
		}
	}
	if x.a > x.r {
		x.a = x.r
	}
	return nil
}

// inside says why the element was in throughout an Absent.
func (s *setting) inside(x *life, absent int32) []int32 {
	witness := []int32{x.add, absent}
	if x.a < s.hi[x.add] {
		witness = append(witness, x.seen)
	}
	if x.remove != none {
		witness = append(witness, x.remove)
		if x.r > s.lo[x.remove] && x.r > s.lo[x.add] {
			witness = append(witness, x.late)
		}
	}
	return witness
}

// lineUp gives each operation its moment; where several of one element share one, they stand
// in the order in which they are written here.
func (s *setting) lineUp() []int32 {
	type point struct{ op, moment, step int32 }
	var points []point
	at := func(i, moment, step int32) { points = append(points, point{i, moment, step}) }
	for i, o := range s.ops {
		i := int32(i)
		x := &s.elements[o.V]
		switch {
		case o.F == Put && x.add == i:
			at(i, x.a, 1)
		case o.F == Take && x.remove == i:
			at(i, x.r, 3)
		case o.Ret == Pending || o.F == Put || o.F == Take:
		case o.F == Present:
			at(i, max(x.a, s.lo[i]), 2)
		case x.add == none || s.lo[i] <= x.a:
			at(i, s.lo[i], 0)
		default:
			at(i, max(x.r, s.lo[i]), 4)
		}
	}
	slices.SortFunc(points, func(p, q point) int {
		if p.moment != q.moment {
			return int(p.moment - q.moment)
		}
		return int(p.step - q.step)
	})
	order := make([]int32, len(points))
	for k, p := range points {
		order[k] = p.op
	}
	return order
}
