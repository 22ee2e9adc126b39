package monitor

import (
	"cmp"
	"slices"
)

// Queue decides a queue, first in first out, at first empty.
//
// Say that element a goes first if it was put in before b, or taken out before b, by real
// time. A history without empty takes is legal just if no a goes before b by its put while b
// goes before a by its take. Plainly it must not. And if not, the elements can be lined up:
// both relations come from intervals, so of a <put b and c <put d, one of a <put d and
// c <put b holds; with that any longer circle of alternating relations has a shorter one,
// down to one of two. Let the elements be lined up, put each one in as early as all before
// it allow, take each one out as late as all behind it allow. Were the put of x later than
// its take then some y behind or at x would have returned from its take, and so from its
// put, before some z before or at x had been called to be put in: but then y goes first.
//
// Pending takes. Those called first are the ones to use, for they can do whatever later
// ones can, and they are for elements that nobody took. Such an element u has to be out
// by the moment D(u) when some b that was put in after u had been taken out; that is all that
// it asks for, as u's own take has no end that others could wait for. And at a moment t when
// the queue is empty, every u whose put returned before t has to be out. So u needs a pending
// take of its own that was called before its deadline, the least of D(u) and the t's behind
// its put. By Hall's theorem there are such just if for each moment T no more elements have
// deadlines up to T than pending takes were called by T. Up to T = t these are the elements
// whose put returned before t (D(u) <= t implies that), whatever other t's there are. So a
// moment t is good for an empty take, independently of all others, if no other span covers it
// and no more of these elements were put in before it than pending takes were called.
func Queue(ops []Op, opt Options) Result {
	c, r := collect(ops)
	if r != nil {
		return *r
	}
	q := &queueing{contents: c}
	if r := q.overtaken(); r != nil {
		return *r
	}
	if q.t, r = q.hollows(); r != nil {
		return *r
	}
	if !opt.Order {
		return Result{Verdict: Legal}
	}
	q.contents = q.assign()
	return Result{Verdict: Legal, Order: q.lineUp()}
}

type queueing struct {
	*contents
	first []int32 // by moment: of the elements put in after it, the one that was taken out first
	t     []int32 // by empty take: its moment
}

// overtaken looks for an element that was put in before another one and taken out after it.
func (q *queueing) overtaken() *Result {
	q.first = fill(int(q.end) + 2)
	for n, e := range q.elements {
		if e.take == none {
			continue
		}
		if f := &q.first[e.putLo]; *f == none || e.takeHi < q.elements[*f].takeHi {
			*f = int32(n)
		}
	}
	// From "put in from this moment on" to "after this moment".
	best := int32(none)
	for m := q.end + 1; m >= 0; m-- {
		f := q.first[m]
		q.first[m] = best
		if f != none && (best == none || q.elements[f].takeHi < q.elements[best].takeHi) {
			best = f
		}
	}
	var due []int32 // elements that a pending take has to take out
	for n, e := range q.elements {
		b := q.first[e.putHi]
		switch {
		case b == none || q.elements[b].takeHi >= e.takeLo:
		case e.take == none && len(q.wild) > 0:
			due = append(due, int32(n))
		default:
			r := illegal("overtaken", q.witness([]int32{int32(n), b})...)
			return &r
		}
	}
	slices.SortFunc(due, func(a, b int32) int { return cmp.Compare(q.deadline(a), q.deadline(b)) })
	for k, n := range due {
		if d := q.deadline(n); k >= len(q.before(d)) {
			guilty := slices.Clone(due[:k+1])
			for _, u := range due[:k+1] {
				guilty = append(guilty, q.first[q.elements[u].putHi])
			}
			slices.Sort(guilty)
			r := illegal("overtaken", q.witness(slices.Compact(guilty), q.before(d)...)...)
			return &r
		}
	}
	return nil
}

// deadline is the moment by which element n has to be out for others to be.
func (q *queueing) deadline(n int32) int32 {
	if b := q.first[q.elements[n].putHi]; b != none {
		return q.elements[b].takeHi
	}
	return q.end
}

// assign gives pending takes to the elements that need one. There are enough.
func (q *queueing) assign() *contents {
	used := newMarks(int(q.end) + 1)
	for _, t := range q.t {
		used.set(t)
	}
	var needs []need
	for _, n := range q.left {
		d := q.deadline(n)
		if t := used.atLeast(q.elements[n].putHi + 1); t != none {
			d = min(d, t)
		}
		needs = append(needs, need{n, d})
	}
	return q.meet(needs)
}

// lineUp writes the legal order out: part by part, each with its elements in line, puts as
// early and takes as late as that allows.
func (q *queueing) lineUp() []int32 {
	order := make([]int32, 0, len(q.ops))
	empty := make([]int32, len(q.empty)) // by moment
	for k := range empty {
		empty[k] = int32(k)
	}
	slices.SortFunc(empty, func(a, b int32) int { return cmp.Compare(q.t[a], q.t[b]) })
	parts := make([][]int32, len(empty)+1)
	for _, n := range q.line() {
		k, _ := slices.BinarySearchFunc(empty, q.elements[n].takeLo, func(k, m int32) int { return cmp.Compare(q.t[k], m) })
		parts[k] = append(parts[k], n)
	}
	for p, part := range parts {
		from, to := int32(0), q.end
		if p > 0 {
			from = q.t[empty[p-1]]
			order = append(order, q.empty[empty[p-1]])
		}
		if p < len(empty) {
			to = q.t[empty[p]]
		}
		takes := make([]int32, len(part)) // when
		for k := len(part) - 1; k >= 0; k-- {
			takes[k] = min(to, q.elements[part[k]].takeHi)
			if k+1 < len(part) {
				takes[k] = min(takes[k], takes[k+1])
			}
		}
		put, out := from, 0
		flush := func(before int32) {
			for ; out < len(part) && takes[out] < before; out++ {
				if i := q.elements[part[out]].take; i != none {
					order = append(order, i)
				}
			}
		}
		for _, n := range part {
			put = max(put, q.elements[n].putLo)
			flush(put)
			order = append(order, q.elements[n].put)
		}
		flush(q.end + 1)
	}
	return order
}

// line puts the elements in a line in which all who go first by put or take do.
func (q *queueing) line() []int32 {
	n := len(q.elements)
	by := func(key func(element) int32) []int32 { // counting sort
		at := make([]int32, q.end+2)
		for _, e := range q.elements {
			at[key(e)+1]++
		}
		for m := int32(1); m <= q.end+1; m++ {
			at[m] += at[m-1]
		}
		sorted := make([]int32, n)
		for i, e := range q.elements {
			k := key(e)
			sorted[at[k]] = int32(i)
			at[k]++
		}
		return sorted
	}
	putLo, putHi := by(func(e element) int32 { return e.putLo }), by(func(e element) int32 { return e.putHi })
	takeLo, takeHi := by(func(e element) int32 { return e.takeLo }), by(func(e element) int32 { return e.takeHi })
	line := make([]int32, 0, n)
	gone, free := make([]bool, n), make([]uint8, n)
	var ready []int32
	step := func(i int32) {
		if free[i]++; free[i] == 2 {
			ready = append(ready, i)
		}
	}
	for len(line) < n {
		for len(putHi) > 0 && gone[putHi[0]] {
			putHi = putHi[1:]
		}
		for len(takeHi) > 0 && gone[takeHi[0]] {
			takeHi = takeHi[1:]
		}
		// Nobody who is left goes before these.
		for len(putLo) > 0 && q.elements[putLo[0]].putLo <= q.elements[putHi[0]].putHi {
			step(putLo[0])
			putLo = putLo[1:]
		}
		for len(takeLo) > 0 && q.elements[takeLo[0]].takeLo <= q.elements[takeHi[0]].takeHi {
			step(takeLo[0])
			takeLo = takeLo[1:]
		}
		i := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		gone[i], line = true, append(line, i)
	}
	return line
}
