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
// sources: the writes of v (compare-and-sets to v among them) called before it returned. Of
// a set of operations, the *ruler* of an operation r is the mutation in the set that was
// called last of those that returned before r was called. A source w that returned before
// the ruler was called is ruled out: the ruler would stand between w and r. A source that is
// a pending compare-and-set took effect, if r saw its value, after the ruler, so the same
// is true of its own sources. A set is honest if
//
//	(a) with each operation that returned and saw a value it holds all of its sources that
//	    are not ruled out, and with a pending compare-and-set among these, all of that one's
//	    which the same ruler does not rule out, and so on;
//	(b) with each operation that saw a value it holds one source at least, if there is any,
//	    unless the value is the initial one.
//
// By (a), every legal order of the whole is one of the set, if first the pending operations
// are left out of it whose value none of the set saw, nor any pending one that is left in,
// and then all that is not in the set. For take an operation of what remains, and w, the
// last mutation before it in the whole order. If the operation returned, its ruler is before
// it and so not after w. If it is pending then it is, by way of other pending ones perhaps,
// the last mutation before an operation of the set that returned, so the ruler of that one,
// which is not pending, is before it and not after w, either. Hence w is the ruler or comes
// after it, and is not ruled out; it is in the set, and it is still the last one.
//
// By (b), nobody is left to see a value that appears to come from nowhere though somebody
// had written it.
//
// Where values are written once that comes to: a write goes only together with all that saw
// its value, a compare-and-set with the rest of its chain. Where they are written again and
// again no honest rule can ask for less than all possible sources: "1 was written, then 2,
// and then 1 was read" proves nothing if another write of 1 in between has been taken out.
type sources struct {
	s     *subject
	limit int32
	by    map[int32]*writers // by value, as far as asked for
	// The mutations that returned, by return; newest[k] was called last among the first k+1.
	// Where values are written once nobody is ruled out, and nobody needs them.
	back, newest []int32
	// Scratch of Close and Grow: who is in the set, and which pending compare-and-sets have
	// been looked at for the operation numbered round.
	in     []bool
	looked []int32
	round  int32
}

// writers are those who wrote a value: those that returned, by call, and how late the first
// k+1 of them did; and those that did not.
type writers struct{ done, latest, open []int32 }

// sources prepares for the prefix up to event limit.
func (s *subject) sources(limit int32) *sources {
	q := &sources{s: s, limit: limit, by: map[int32]*writers{}, in: make([]bool, len(s.ops)), looked: make([]int32, len(s.ops))}
	if !s.unique() {
		q.back = slices.DeleteFunc(s.returned(limit), func(i int32) bool { return !s.ops[i].mutates() })
		q.newest = s.newest(q.back)
	}
	return q
}

// few is of how many values the writers are looked for one by one, which most
// counterexamples need of two or three, before those of all values are.
const few = 8

// of returns who wrote a value.
func (q *sources) of(v int32) *writers {
	if w, found := q.by[v]; found {
		return w
	}
	if len(q.by) < few {
		q.by[v] = &writers{}
		for i := range q.s.ops {
			if o := &q.s.ops[i]; o.to == v && o.mutates() && o.call <= q.limit {
				q.by[v].add(int32(i), o.ret, q.limit)
			}
		}
		return q.by[v]
	}
	clear(q.by)
	all := make([]writers, q.s.number.Len())
	for v := range all {
		q.by[int32(v)] = &all[v]
	}
	for i, o := range q.s.ops {
		if o.mutates() && o.call <= q.limit {
			all[o.to].add(int32(i), o.ret, q.limit)
		}
	}
	return q.by[v]
}

func (w *writers) add(i, ret, limit int32) {
	if ret > limit {
		w.open = append(w.open, i)
		return
	}
	if k := len(w.latest); k > 0 {
		ret = max(ret, w.latest[k-1])
	}
	w.done, w.latest = append(w.done, i), append(w.latest, ret)
}

// within lists the operations that constrain the prefix up to event limit, in order.
func (s *subject) within(limit int32) []int32 {
	ops := make([]int32, 0, len(s.ops))
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

// newest says of mutations in the order of their returns which was called last up to each.
func (s *subject) newest(ops []int32) (newest []int32) {
	last := int32(none)
	for _, i := range ops {
		if last == none || s.ops[i].call > s.ops[last].call {
			last = i
		}
		newest = append(newest, last)
	}
	return newest
}

// ruler returns that of operation i among mutations so sorted, or none.
func (s *subject) ruler(i int32, back, newest []int32) int32 {
	k := sort.Search(len(back), func(k int) bool { return s.ops[back[k]].ret > s.ops[i].call })
	if k == 0 {
		return none
	}
	return newest[k-1]
}

// each calls visit for the sources of operation i, called before event until, that the ruler
// does not rule out.
func (q *sources) each(i, ruler, until int32, visit func(w int32)) {
	v, since := q.s.ops[i].from, int32(-1)
	if ruler != none {
		since = q.s.ops[ruler].call
	}
	by := q.of(v)
	for _, w := range by.open {
		if w != i && q.s.ops[w].call < until {
			visit(w)
		}
	}
	k := sort.Search(len(by.done), func(k int) bool { return q.s.ops[by.done[k]].call > until })
	for k--; k >= 0 && by.latest[k] > since; k-- {
		if w := by.done[k]; w != i && q.s.ops[w].ret > since {
			visit(w)
		}
	}
}

// every calls visit for all that an operation that returned has to have with it by (a).
func (q *sources) every(i, ruler int32, visit func(w int32)) {
	q.round++
	var further func(w int32)
	further = func(w int32) {
		visit(w)
		if o := q.s.ops[w]; o.kind == cas && o.ret > q.limit && q.looked[w] != q.round {
			q.looked[w] = q.round
			q.each(w, ruler, q.s.ops[i].ret, further)
		}
	}
	q.each(i, ruler, q.s.ops[i].ret, further)
}

// last is the source of operation i that returned last, or none.
func (q *sources) last(i int32) int32 {
	late := int32(none)
	visit := func(w int32) {
		if late == none || q.s.ops[w].ret > q.s.ops[late].ret {
			late = w
		}
	}
	until := min(q.s.ops[i].ret, q.limit+1)
	// Those called last come close to those that returned last, and there may be many.
	if q.each(i, q.s.ruler(i, q.back, q.newest), until, visit); late == none {
		q.each(i, none, until, visit)
	}
	return late
}

// Close implements minimal.Rule.
func (q *sources) Close(keep []int32) []int32 {
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
	slices.SortFunc(back, func(a, b int32) int { return cmp.Compare(ops[a].ret, ops[b].ret) })
	for again := true; again; {
		again = false
		newest := q.s.newest(back)
		for _, i := range keep {
			if q.in[i] && !q.stands(i, q.s.ruler(i, back, newest), writers) {
				q.in[i], again = false, true
			}
		}
		back = slices.DeleteFunc(back, func(i int32) bool { return !q.in[i] })
	}
	kept := keep[:0]
	for _, i := range keep {
		if q.in[i] {
			kept, q.in[i] = append(kept, i), false
		}
	}
	return kept
}

// stands reports whether an operation may stay: ruler is the set's, writers are the set's,
// of which some may have fallen.
func (q *sources) stands(i, ruler int32, writers map[int32][]int32) bool {
	o := q.s.ops[i]
	if o.kind == write {
		return true
	}
	if o.ret <= q.limit {
		missing := false
		if q.every(i, ruler, func(w int32) { missing = missing || !q.in[w] }); missing {
			return false
		}
	}
	return o.from == initial || q.last(i) == none || slices.ContainsFunc(writers[o.from], func(w int32) bool {
		return w != i && q.in[w] && q.s.ops[w].call < min(o.ret, q.limit+1)
	})
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
		if q.s.ops[i].ret <= q.limit {
			ruler := q.s.ruler(i, q.back, q.newest)
			others := false
			q.every(i, ruler, func(w int32) { add(w); others = others || q.s.ops[w].ret > q.limit && q.s.ops[w].kind == cas })
			if ruler != none && (others || q.rulesOut(i, ruler)) {
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
	return slices.ContainsFunc(q.of(q.s.ops[i].from).done, func(w int32) bool {
		return !q.in[w] && q.s.ops[w].ret < since
	})
}
