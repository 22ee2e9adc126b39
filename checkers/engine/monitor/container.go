package monitor

import (
	"cmp"
	"slices"
)

// What queues, stacks and priority queues have in common.
//
// Every element is thought to be taken out in the end: what nobody took has a take of its
// own at moment end. Then the puts and takes of any set of elements are a history by
// themselves, which is legal if the whole is: leaving all of an element out hurts no other.
//
// A put is before its own take, so it may be thought to return, and the take to be called,
// no later and no sooner than the other's allows. With that an element is surely inside at
// the moments from put.hi+1 to take.lo-1, its span, if there are any.
//
// Takes that found nothing. The history is legal just if it is without them, and each has
// a moment that no span covers. They need one, for there the container is empty. Now let
// t be such moments, one for each. Of the elements some can be done with by the first t (the
// take can), others have not begun by it (the put need not have), and every element is one
// or the other as no span covers t. Sort the elements by the first t that they can be done
// with by; each such part is legal by itself, and all its operations have a moment
// between its two t's. A legal order of a part stays one when what is before the one t is
// moved up to it and what is behind the other back to it. So the parts, one after another
// with the empty takes between them, are a legal order of the whole.

// element is one that is or was inside. The four moments are those of its put and its take,
// each from lo to hi.
type element struct {
	put, take      int32 // operations; take is none if nobody took it
	putLo, putHi   int32
	takeLo, takeHi int32
	priority       int64
}

// contents is a history of a container.
type contents struct {
	ops []Op
	moments
	elements []element // those that were certainly inside at some time
	left     []int32   // those of them that nobody took
	wild     []int32   // pending takes, by call
	empty    []int32   // takes that found nothing
}

// collect sorts operations by element.
func collect(ops []Op) (*contents, *Result) {
	m, refused := place(ops, Put, Take)
	if refused != nil {
		return nil, refused
	}
	c := &contents{ops: ops, moments: m}
	puts, takes := fill(len(ops)), fill(len(ops))
	var twice *Result
	for i, o := range ops {
		i := int32(i)
		switch {
		case o.F == Take && o.Ret == Pending:
			c.wild = append(c.wild, i)
		case o.F == Take && o.V == Empty:
			c.empty = append(c.empty, i)
		case o.F == Take && takes[o.V] == none:
			takes[o.V] = i
		case o.F == Take:
			if twice == nil {
				r := illegal("taken-twice", takes[o.V], i)
				twice = &r
			}
		case o.V == Empty:
			r := unsure("operation %d has no element", i)
			return nil, &r
		case puts[o.V] != none:
			r := unsure("element %d is put in twice, by operations %d and %d", o.V, puts[o.V], i)
			return nil, &r
		default:
			puts[o.V] = i
		}
	}
	if twice != nil {
		if put := puts[ops[twice.Witness[0]].V]; put != none {
			r := illegal(twice.Pattern, append(twice.Witness, put)...)
			return nil, &r
		}
		return nil, twice
	}
	slices.SortFunc(c.wild, func(a, b int32) int { return cmp.Compare(m.lo[a], m.lo[b]) })
	c.elements = make([]element, 0, len(ops)/2)
	for v, put := range puts {
		take := takes[v]
		switch {
		case put == none && take == none, take == none && ops[put].Ret == Pending:
			continue
		case put == none:
			r := illegal("never-put", take)
			return nil, &r
		}
		e := element{put: put, take: take, putLo: m.lo[put], putHi: m.hi[put], takeLo: m.end, takeHi: m.end, priority: ops[put].P}
		if take != none {
			if m.hi[take] < m.lo[put] {
				r := illegal("taken-before-put", put, take)
				return nil, &r
			}
			e.takeLo, e.takeHi = max(m.lo[take], e.putLo), m.hi[take]
			e.putHi = min(e.putHi, e.takeHi)
		} else {
			c.left = append(c.left, int32(len(c.elements)))
		}
		c.elements = append(c.elements, e)
	}
	return c, nil
}

// witness makes operations of elements, together with others.
func (c *contents) witness(elements []int32, others ...int32) []int32 {
	for _, n := range elements {
		e := c.elements[n]
		others = append(others, e.put)
		if e.take != none {
			others = append(others, e.take)
		}
	}
	return others
}

// before returns the pending takes that were called before moment m.
func (c *contents) before(m int32) []int32 {
	k, _ := slices.BinarySearchFunc(c.wild, m, func(i, m int32) int { return cmp.Compare(c.lo[i], m+1) })
	return c.wild[:k]
}

// uncovered returns for each moment the first one from there on that no span covers, where
// elements that nobody took do not count as far as there are pending takes for them.
func (c *contents) uncovered() []int32 {
	open := make([]int32, c.end+2)   // spans of what was taken, by differences
	excess := make([]int32, c.end+2) // what nobody took, less the pending takes
	for _, e := range c.elements {
		if e.take == none {
			excess[e.putHi+1]++
		} else if e.putHi+1 < e.takeLo {
			open[e.putHi+1]++
			open[e.takeLo]--
		}
	}
	for _, i := range c.wild {
		excess[c.lo[i]]--
	}
	for m := int32(1); m < c.end; m++ {
		open[m] += open[m-1]
		excess[m] += excess[m-1]
	}
	next := open
	next[c.end] = c.end
	for m := c.end - 1; m >= 0; m-- {
		if open[m] > 0 || excess[m] > 0 {
			next[m] = next[m+1]
		} else {
			next[m] = m
		}
	}
	return next
}

// hollows finds a moment for each empty take.
func (c *contents) hollows() ([]int32, *Result) {
	if len(c.empty) == 0 {
		return nil, nil
	}
	next := c.uncovered()
	t := make([]int32, len(c.empty))
	for k, i := range c.empty {
		if t[k] = next[c.lo[i]]; t[k] > c.hi[i] {
			guilty := c.covering(func(int32) bool { return true })(c.lo[i], c.hi[i])
			r := illegal("empty-while-inside", c.witness(guilty, append(c.before(c.hi[i]), i)...)...)
			return nil, &r
		}
	}
	return t, nil
}

// covering returns a function that finds few elements, of those that count, that cover the
// moments from lo to hi, where they do.
func (c *contents) covering(counts func(int32) bool) func(lo, hi int32) []int32 {
	longest := fill(int(c.end) + 1) // by moment: of the spans begun, the one that lasts longest
	for n, e := range c.elements {
		if from := e.putHi + 1; e.take != none && from < e.takeLo && counts(int32(n)) && (longest[from] == none || e.takeLo > c.elements[longest[from]].takeLo) {
			longest[from] = int32(n)
		}
	}
	for m := int32(1); m <= c.end; m++ {
		if l := longest[m-1]; l != none && (longest[m] == none || c.elements[l].takeLo > c.elements[longest[m]].takeLo) {
			longest[m] = l
		}
	}
	var left []int32
	for _, n := range c.left {
		if counts(n) {
			left = append(left, n)
		}
	}
	slices.SortFunc(left, func(a, b int32) int { return cmp.Compare(c.elements[a].putHi, c.elements[b].putHi) })
	return func(lo, hi int32) (guilty []int32) {
		rest := false
		for m := lo; m <= hi; {
			if l := longest[m]; l != none && c.elements[l].takeLo > m {
				guilty = append(guilty, l)
				m = c.elements[l].takeLo
				continue
			}
			rest = true
			m++
		}
		if rest {
			// What nobody took: wherever there are more of them than pending takes called,
			// there are more of the first ones, if these are one more than the takes at the end.
			guilty = append(guilty, left[:min(len(left), len(c.before(hi))+1)]...)
		}
		return guilty
	}
}

// need is an element that nobody took and that has to be out by some moment, or none.
type need struct{ element, deadline int32 }

// meet returns the history with pending takes given to those in need, the first to the most
// urgent, or nil if that cannot be.
func (c *contents) meet(needs []need) *contents {
	needs = slices.DeleteFunc(needs, func(n need) bool { return n.deadline == none || n.deadline >= c.end })
	slices.SortFunc(needs, func(a, b need) int { return cmp.Compare(a.deadline, b.deadline) })
	met := *c
	met.elements, met.wild = slices.Clone(c.elements), nil
	for k, n := range needs {
		if k >= len(c.wild) || c.lo[c.wild[k]] > n.deadline {
			return nil
		}
		e := &met.elements[n.element]
		e.take, e.takeLo = c.wild[k], max(e.putLo, c.lo[c.wild[k]])
	}
	met.left = slices.DeleteFunc(slices.Clone(c.left), func(n int32) bool { return met.elements[n].take != none })
	return &met
}

// shrink leaves out elements of a witness as long as it stays illegal by itself, and is not
// too much work.
func (c *contents) shrink(witness []int32, illegal func(*contents) bool) []int32 {
	units := map[int32][]int32{}
	var keep, elements []int32
	for _, i := range witness {
		if o := c.ops[i]; o.F == Take && (o.Ret == Pending || o.V == Empty) {
			keep = append(keep, i)
		} else if units[o.V] = append(units[o.V], i); len(units[o.V]) == 1 {
			elements = append(elements, o.V)
		}
	}
	budget := 3_000_000
	fails := func(elements []int32) bool {
		var ops []Op
		for _, i := range keep {
			ops = append(ops, c.ops[i])
		}
		for k, v := range elements {
			for _, i := range units[v] {
				o := c.ops[i]
				o.V = int32(k)
				ops = append(ops, o)
			}
		}
		budget -= len(ops)
		sub, r := collect(ops)
		return r == nil && illegal(sub)
	}
	for size := (len(elements) + 1) / 2; size > 0; size /= 2 {
		for at := 0; at < len(elements) && budget > 0; {
			without := slices.Concat(elements[:at], elements[min(len(elements), at+size):])
			if fails(without) {
				elements = without
			} else {
				at += size
			}
		}
	}
	for _, v := range elements {
		keep = append(keep, units[v]...)
	}
	return keep
}

// fill returns n times none.
func fill(n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = none
	}
	return s
}
