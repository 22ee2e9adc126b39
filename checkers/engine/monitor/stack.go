package monitor

// Stack decides a stack, last in first out, at first empty.
//
// In a legal order of a history without empty takes (see container.go for those) some
// element is at the bottom first; while it is put in or taken out no other is inside, so
// both have a moment that no other element's span covers. Conversely, let some element's put
// and take have such moments, p and t. No later than p can others be done with, or else need
// not have begun by it, and the same with t. If the history is legal without this element,
// so are, each by itself, the part that can be done with by p, of the rest the part that can
// be by t, and what is left; and their operations have moments before p, between the two, and
// behind t. So their legal orders stand one after another with the put and the take between
// them, and the history is legal. (p comes before t, or can change places with it: where put
// and take overlap, both have both moments.) So one may remove any such element, and go on
// until nothing is left, or nothing can be removed and the history is illegal.
//
// Spans only go away, so a moment that was uncovered once stays so. It is enough to keep
// count of the spans at each moment, and for each moment that loses its last one to find the
// operations that have it.
//
// Pending takes. An element that nobody took can be taken at the end, so only its put has to
// find a moment, but its span lasts until then unless a pending take ends it sooner. For a
// moment t to be uncovered, every one of those still there whose put returned before t needs
// a pending take of its own that was called before t. For all moments where there are as many
// takes as elements that can be had at once, as with queues. But elements that were removed
// earlier may have needed theirs as well, which counts only as long as they were there: so
// take it first that they give them back. If the history is illegal even so, it is illegal.
// If it is not, see which takes the removals did use; or do without any. If neither way there
// is one for each element in need, the answer is Unsure.
func Stack(ops []Op, opt Options) Result {
	c, r := collect(ops)
	if r != nil {
		return *r
	}
	return c.stack(opt)
}

func (c *contents) stack(opt Options) Result {
	s := newStacking(c)
	if r := s.hollow(); r != nil {
		return *r
	}
	if !s.remove() {
		guilty := s.stuck()
		witness := append(c.witness(guilty), c.wild...)
		return illegal("not-last-in-first-out", c.shrink(witness, func(sub *contents) bool {
			return !newStacking(sub).remove()
		})...)
	}
	if len(c.wild) > 0 && len(c.left) > 0 {
		without := *c
		without.wild = nil
		plain := newStacking(&without)
		if plain.hollow() == nil && plain.remove() {
			s = plain
		} else if assigned := s.assign(); assigned == nil {
			return unsure("it matters which of %d pending takes got which element", len(c.wild))
		} else if s = newStacking(assigned); s.hollow() != nil || !s.remove() {
			return unsure("it matters which of %d pending takes got which of %d elements", len(c.wild), len(c.left))
		}
	}
	if !opt.Order {
		return Result{Verdict: Legal}
	}
	return Result{Verdict: Legal, Order: s.lineUp()}
}

// stacking is the removal of elements, one after another.
type stacking struct {
	*contents
	runs
	t       []int32 // by empty take: its moment
	counts  *counts
	ops     []held // by lo
	begun   []int  // by run: how many of the operations have begun by it
	ends    *stabbing
	putAt   []int32 // by element: the moment found
	takeAt  []int32
	removed []int32 // elements
}

// held is an operation of an element, which has the runs from lo to hi.
type held struct {
	element, lo, hi int32
	take            bool
}

func newStacking(c *contents) *stacking {
	s := &stacking{contents: c, runs: newRuns(c), putAt: fill(len(c.elements)), takeAt: fill(len(c.elements))}
	s.counts = newCounts(s.values)
	s.sort()
	return s
}

// sort puts the operations in order of their first runs.
func (s *stacking) sort() {
	s.begun = make([]int, len(s.first)+1)
	count := func(each func(held)) {
		for n, e := range s.elements {
			each(held{int32(n), s.run[e.putLo], s.run[e.putHi], false})
			each(held{int32(n), s.run[e.takeLo], s.run[e.takeHi], true})
		}
	}
	count(func(h held) { s.begun[h.lo+1]++ })
	for r := 1; r < len(s.begun); r++ {
		s.begun[r] += s.begun[r-1]
	}
	s.ops = make([]held, 2*len(s.elements))
	count(func(h held) {
		s.ops[s.begun[h.lo]] = h
		s.begun[h.lo]++
	})
	ends := make([]int32, len(s.ops))
	for k, h := range s.ops {
		ends[k] = h.hi
	}
	s.ends = newStabbing(ends)
}

// hollow finds a moment for each empty take.
func (s *stacking) hollow() *Result {
	t, r := s.hollows()
	s.t = t
	return r
}

// remove removes as many elements as can be, and says whether that is all of them.
func (s *stacking) remove() bool {
	for {
		r, ok := s.counts.take()
		if !ok {
			return len(s.removed) == len(s.elements)
		}
		for {
			k, ok := s.ends.take(s.begun[r], int32(r))
			if !ok {
				break
			}
			h := s.ops[k]
			e := s.elements[h.element]
			if h.take {
				s.takeAt[h.element] = max(e.takeLo, s.first[r])
			} else {
				s.putAt[h.element] = max(e.putLo, s.first[r])
			}
			if s.putAt[h.element] == none || s.takeAt[h.element] == none {
				continue
			}
			s.removed = append(s.removed, h.element)
			if from, to, weight := s.spanned(e); weight > 0 {
				s.counts.add(from, to, -weight)
			}
		}
	}
}

// assign gives pending takes to elements that nobody took and that had to be out at a moment
// that something removed before them made use of, or returns nil if it cannot.
func (s *stacking) assign() *contents {
	used := newMarks(int(s.end) + 1)
	for _, t := range s.t {
		used.set(t)
	}
	var needs []need
	for _, n := range s.removed {
		if e := s.elements[n]; e.take == none {
			needs = append(needs, need{n, used.atLeast(e.putHi + 1)})
		}
		used.set(s.putAt[n])
		used.set(s.takeAt[n])
	}
	return s.meet(needs)
}

// lineUp writes the legal order out. Whatever was removed stands between two neighbours of
// what was removed before it.
func (s *stacking) lineUp() []int32 {
	row := newRow(2*len(s.elements)+len(s.empty), s.end)
	for k, t := range s.t {
		row.insert(int32(2*len(s.elements)+k), t)
	}
	for _, n := range s.removed {
		put, take := s.putAt[n], s.takeAt[n]
		if take < put { // they overlap, so both have both
			put, take = take, put
		}
		put, take = row.between(put, take, s.elements[n].putHi)
		row.insert(2*n, put)
		row.follow(2*n+1, 2*n, take)
	}
	order := make([]int32, 0, len(s.contents.ops))
	row.each(func(x, _ int32) {
		i := int32(none)
		switch {
		case int(x) >= 2*len(s.elements):
			i = s.empty[int(x)-2*len(s.elements)]
		case x%2 == 0:
			i = s.elements[x/2].put
		default:
			i = s.elements[x/2].take
		}
		if i != none {
			order = append(order, i)
		}
	})
	return order
}

// stuck returns elements that cannot be removed, whatever is done with all others: for each
// of them one of its operations has only moments that spans of the others cover.
func (s *stacking) stuck() []int32 {
	remains := make([]bool, len(s.elements))
	for n := range remains {
		remains[n] = true
	}
	for _, n := range s.removed {
		remains[n] = false
	}
	cover := s.covering(func(n int32) bool { return remains[n] })
	// blocked is the operation of n that found no moment.
	blocked := func(n int32) (lo, hi int32) {
		if s.putAt[n] == none {
			return s.elements[n].putLo, s.elements[n].putHi
		}
		return s.elements[n].takeLo, s.elements[n].takeHi
	}
	start := int32(none)
	for n := range int32(len(s.elements)) {
		if !remains[n] {
			continue
		}
		lo, hi := blocked(n)
		if start == none {
			start = n
		} else if l, h := blocked(start); hi-lo < h-l {
			start = n
		}
	}
	guilty := []int32{start}
	remains[start] = false
	for k := 0; k < len(guilty); k++ {
		lo, hi := blocked(guilty[k])
		for _, n := range cover(lo, hi) {
			if remains[n] {
				remains[n] = false
				guilty = append(guilty, n)
			}
		}
	}
	return guilty
}
