package linearizable

import (
	"cmp"
	"slices"
	"sort"
)

// sources are the rule by which operations may be taken out of a register's history for a
// minimal counterexample (see checkers/engine/minimal).
//
// An operation that saw v - a read, or a compare-and-set from v - saw it from one of its
// sources: the writes of v (compare-and-sets to v among them) called before it returned.
// A source w is *ruled out* by a mutation m that certainly happened if w returned before m
// was called, and m returned before the operation was called: then w was not the last one
// before it. A set of operations is honest if each operation in it that saw a value
//
//	(a) has with it all of its sources that no operation of the set rules out,
//	(b) has with it one source at least, if it has any, or saw the initial value.
//
// By (a), every legal order of the whole, confined to an honest set, is legal. For let the
// operation have seen the value of w there, the last mutation before it. If w was not in the
// set then it was ruled out by some m of it, and m would stand between the two. So w is in
// the set, and it is still the last one. By (b), nobody is left to see a value that appears to
// come from nowhere though somebody had written it.
//
// Where values are written once that comes to: a write goes only together with all that saw
// its value, a compare-and-set with the rest of its chain. Where they are written again and
// again no honest rule can ask for less than all possible sources: "1 was written, then 2,
// and then 1 was read" proves nothing if another write of 1 in between has been taken out.
//
// A pending compare-and-set is let off (a), and then counts as a pending write: whoever may
// take effect at any time has every later write of v among its sources. That is honest,
// for any order that is legal for the compare-and-set is legal for the write; so the set is
// illegal with the compare-and-set, too.
type sources struct {
	s     *subject
	limit int32
	// By value, who wrote it: those that returned, by call, and how late the first k+1 of
	// them did; and those that did not.
	done, open [][]int32
	latest     [][]int32
	// The mutations that returned, by return; newest[k] was called last among the first k+1.
	back, newest []int32
	in           []bool // scratch of Close and Grow: who is in the set
}

// sources prepares for the prefix up to event limit.
func (s *subject) sources(limit int32) *sources {
	values := len(s.values)
	q := &sources{s: s, limit: limit, done: make([][]int32, values), open: make([][]int32, values),
		latest: make([][]int32, values), in: make([]bool, len(s.ops))}
	for _, i := range s.within(limit) {
		o := s.ops[i]
		switch {
		case !o.mutates():
		case o.ret > limit:
			q.open[o.to] = append(q.open[o.to], i)
		default:
			late := o.ret
			if k := len(q.latest[o.to]); k > 0 {
				late = max(late, q.latest[o.to][k-1])
			}
			q.done[o.to], q.latest[o.to] = append(q.done[o.to], i), append(q.latest[o.to], late)
			q.back = append(q.back, i)
		}
	}
	q.newest = s.byReturn(q.back)
	return q
}

// within lists the operations that constrain the prefix up to event limit, in order.
func (s *subject) within(limit int32) []int32 {
	var ops []int32
	for i, o := range s.ops {
		if o.call > limit {
			break
		}
		if o.ret <= limit || o.mutates() {
			ops = append(ops, int32(i))
		}
	}
	return ops
}

// byReturn sorts mutations by return, and says of each which was called last up to it.
func (s *subject) byReturn(ops []int32) (newest []int32) {
	slices.SortFunc(ops, func(a, b int32) int { return cmp.Compare(s.ops[a].ret, s.ops[b].ret) })
	last := int32(none)
	for _, i := range ops {
		if last == none || s.ops[i].call > s.ops[last].call {
			last = i
		}
		newest = append(newest, last)
	}
	return newest
}

// before returns, of mutations so sorted, the one called last of those that returned before
// operation i was called: it rules out whatever returned before its call.
func (s *subject) before(i int32, back, newest []int32) int32 {
	k := sort.Search(len(back), func(k int) bool { return s.ops[back[k]].ret > s.ops[i].call })
	if k == 0 {
		return none
	}
	return newest[k-1]
}

// each calls visit for the sources of operation i that a mutation (or none) does not rule out.
func (q *sources) each(i, ruler int32, visit func(w int32)) {
	o := q.s.ops[i]
	ret, since := min(o.ret, q.limit), int32(-1)
	if ruler != none {
		since = q.s.ops[ruler].call
	}
	for _, w := range q.open[o.from] {
		if w != i && q.s.ops[w].call < ret {
			visit(w)
		}
	}
	done := q.done[o.from]
	k := sort.Search(len(done), func(k int) bool { return q.s.ops[done[k]].call > ret })
	for k--; k >= 0 && q.latest[o.from][k] > since; k-- {
		if w := done[k]; w != i && q.s.ops[w].ret > since {
			visit(w)
		}
	}
}

// last is the source of operation i that returned last, or none.
func (q *sources) last(i int32) int32 {
	late := int32(none)
	visit := func(w int32) {
		if late == none || q.s.ops[w].ret > q.s.ops[late].ret {
			late = w
		}
	}
	// Those called last come close to those that returned last, and there may be many.
	if q.each(i, q.s.before(i, q.back, q.newest), visit); late == none {
		q.each(i, none, visit)
	}
	return late
}

// standing says whether an operation may stay in a set.
type standing uint8

const (
	falls  standing = iota // no
	blind                  // as a pending write
	stands                 // as it is
)

// close returns how each operation of the largest honest set within keep stands, falls for
// those that are not in it.
func (q *sources) close(keep []int32) []standing {
	ops := q.s.ops
	var back []int32
	writers := map[int32][]int32{} // in the set, by value
	for _, i := range keep {
		q.in[i] = true
		if o := ops[i]; o.mutates() {
			if writers[o.to] = append(writers[o.to], i); o.ret <= q.limit {
				back = append(back, i)
			}
		}
	}
	defer func() {
		for _, i := range keep {
			q.in[i] = false
		}
	}()
	stand := make([]standing, len(keep))
	for again := true; again; {
		again = false
		back = slices.DeleteFunc(back, func(i int32) bool { return !q.in[i] })
		newest := q.s.byReturn(back)
		for k, i := range keep {
			if !q.in[i] {
				continue
			}
			stand[k] = q.stand(i, q.s.before(i, back, newest), writers)
			if stand[k] == falls {
				q.in[i], again = false, true
			}
		}
	}
	return stand
}

// stand judges one operation: ruler is the set's mutation before it, writers are the set's,
// of which some may have fallen.
func (q *sources) stand(i, ruler int32, writers map[int32][]int32) standing {
	o := q.s.ops[i]
	if o.kind == write {
		return stands
	}
	missing := false
	q.each(i, ruler, func(w int32) { missing = missing || !q.in[w] })
	if missing && o.ret <= q.limit {
		return falls
	}
	has := o.from == initial || slices.ContainsFunc(writers[o.from], func(w int32) bool {
		return w != i && q.in[w] && q.s.ops[w].call < min(o.ret, q.limit)
	})
	switch {
	case !has && q.last(i) != none:
		return falls
	case missing:
		return blind
	}
	return stands
}

// Close implements minimal.Rule.
func (q *sources) Close(keep []int32) []int32 {
	kept := keep[:0]
	for k, stand := range q.close(keep) {
		if stand != falls {
			kept = append(kept, keep[k])
		}
	}
	return kept
}

// Grow implements minimal.Rule: with each operation come the sources that are not ruled out
// in the whole of the history, and whoever rules out the others.
func (q *sources) Grow(keep []int32) []int32 {
	all := slices.Clone(keep)
	for _, i := range keep {
		q.in[i] = true
	}
	add := func(w int32) {
		if w != none && !q.in[w] {
			q.in[w], all = true, append(all, w)
		}
	}
	for k := 0; k < len(all); k++ {
		i := all[k]
		if q.s.ops[i].kind == write {
			continue
		}
		sure := q.s.ops[i].ret <= q.limit
		if sure {
			ruler := q.s.before(i, q.back, q.newest)
			q.each(i, ruler, add)
			if ruler != none && q.rulesOut(i, ruler) {
				add(ruler)
			}
		}
		add(q.last(i))
	}
	for _, i := range all {
		q.in[i] = false
	}
	slices.Sort(all)
	return all
}

// rulesOut reports whether a mutation rules out any source of operation i that is not in
// the set anyway.
func (q *sources) rulesOut(i, ruler int32) bool {
	since := q.s.ops[ruler].call
	return slices.ContainsFunc(q.done[q.s.ops[i].from], func(w int32) bool {
		return !q.in[w] && q.s.ops[w].ret < since
	})
}
