package weaker

import (
	"cmp"
	"slices"
)

// twoAtomic decides 2-atomicity: whether the operations have an order that respects real
// time and in which each read saw the newest version or the one before it. It is exact, and
// for registers without compare-and-sets (after the algorithm LBT of Golab, Li and Shah,
// PODC 2011).
//
// The order of writes is built from its end. A write may be the last one of those that are
// left if none of them began after it had come about. If it is, the reads that began after
// that stand behind it, and so saw it, or the one before it: which is thereby given, or
// there is a contradiction if those reads saw several. So one choice leads to a stretch of
// writes without another choice, until no read asks for the one before. What is left then
// does not depend on how it goes on, for any order of it can be put before the stretch; and
// if there is an order of all, there is one of what is left, since leaving out versions
// makes nothing older. So no stretch that has come to its end is ever taken back.
type twoAtomic struct {
	r      *register
	seen   []int32 // by version: the event by which it had come about
	placed []bool  // by version
	called []int32 // versions by when their writes were called
	came   []int32 // versions by when they had come about
	reads  []int32 // by when they were called
	at     reach
	trail  []int32 // the versions of the stretch
	work   int
}

// reach is how far from the ends of its lists the order has come: all behind is placed.
type reach struct{ called, came, reads int }

// twoAtomic reports whether the register is 2-atomic, and whether that is known.
func (r *register) twoAtomic(seen []int32) (holds, known bool) {
	z := &twoAtomic{r: r, seen: seen, placed: make([]bool, len(r.values))}
	z.called = append(z.called, initial)
	for i, o := range r.ops {
		switch {
		case o.kind == cas:
			return false, false
		case o.kind == write:
			z.called = append(z.called, o.to)
		default:
			if w := r.writer[o.from]; w != none && r.ops[w].call > o.ret {
				return false, true // it saw what was not yet being written
			}
			z.reads = append(z.reads, int32(i))
		}
	}
	z.came = slices.Clone(z.called)
	slices.SortFunc(z.came, func(a, b int32) int { return cmp.Compare(seen[a], seen[b]) })
	z.at = reach{len(z.called), len(z.came), len(z.reads)}
	for {
		switch found := z.stretch(); {
		case z.work > maxWork:
			return false, false
		case !found:
			return false, true
		case z.newest() == none:
			return true, true
		}
	}
}

func (z *twoAtomic) call(v int32) int32 {
	if v == initial {
		return none
	}
	return z.r.ops[z.r.writer[v]].call
}

// newest is the version whose write was called last of those left, or none.
func (z *twoAtomic) newest() int32 {
	for ; z.at.called > 0; z.at.called-- {
		if v := z.called[z.at.called-1]; !z.placed[v] {
			return v
		}
	}
	return none
}

// mayBeLast reports whether a version may be the last one of those left.
func (z *twoAtomic) mayBeLast(v int32) bool {
	n := z.newest()
	for k := z.at.called - 1; n == v && k > 0; k-- { // the last but it
		z.work++
		if u := z.called[k-1]; !z.placed[u] {
			n = u
		}
	}
	return n == v || z.call(n) <= z.seen[v]
}

// stretch places one, beginning with whichever version leads to its end.
func (z *twoAtomic) stretch() bool {
	n := z.newest()
	for z.at.came > 0 && z.placed[z.came[z.at.came-1]] {
		z.at.came--
	}
	start := z.at
	for k := start.came; k > 0; k-- {
		v := z.came[k-1]
		if z.seen[v] < z.call(n) {
			break // n comes after it, and after all that had come about even earlier
		}
		if z.placed[v] {
			continue
		}
		z.trail = z.trail[:0]
		if z.from(v) {
			return true
		}
		for _, u := range z.trail {
			z.placed[u] = false
		}
		z.at = start
		if z.work > maxWork {
			return false
		}
	}
	return false
}

// from places the stretch that begins with a version, if that comes to its end.
func (z *twoAtomic) from(v int32) bool {
	for v != none {
		z.work++
		if !z.mayBeLast(v) {
			return false
		}
		z.placed[v] = true
		z.trail = append(z.trail, v)
		before := int32(none)
		for ; z.at.reads > 0; z.at.reads-- {
			o := z.r.ops[z.reads[z.at.reads-1]]
			if o.call < z.seen[v] {
				break
			}
			z.work++
			switch {
			case z.placed[o.from] || o.from == before:
			case before == none:
				before = o.from
			default:
				return false
			}
		}
		v = before
	}
	return true
}
