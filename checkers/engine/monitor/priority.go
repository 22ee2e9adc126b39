package monitor

import (
	"cmp"
	"slices"
)

// PriorityQueue decides a priority queue, at first empty, of which a Take gets an element
// whose P is least; of several such ones any. (For one that takes the greatest, hand the
// monitor ^P.)
//
// A history without empty takes (see container.go for those) is legal just if every take has
// a moment that is not covered by the span of an element that comes before its own. It needs
// one, as none of these may be inside then. Now let there be one for each, and let the
// history without the elements of the greatest P, which come last, be legal. By the moments
// of their takes, the others fall into parts as with empty takes. So these takes can stand
// between the parts: then nothing that comes before them is inside. Their puts, which nobody
// else cares about, can stand anywhere before them.
//
// Pending takes. At a moment t of some take there must be, for all elements that nobody took
// that come before its own and whose put returned before t, as many pending takes called
// before t. The history is illegal if that cannot be had even for one take at a time.
// Otherwise see whether the pending takes are enough for all the moments that were found, or
// whether none are needed. If neither, the answer is Unsure.
func PriorityQueue(ops []Op, opt Options) Result {
	c, r := collect(ops)
	if r != nil {
		return *r
	}
	p := newRanking(c)
	if r := p.hollow(); r != nil {
		return *r
	}
	if n := p.scan(); n != none {
		return illegal("out-of-turn", p.early(n)...)
	}
	if len(c.wild) > 0 && len(c.left) > 0 {
		without := *c
		without.wild = nil
		plain := newRanking(&without)
		if plain.hollow() == nil && plain.scan() == none {
			p = plain
		} else if assigned := p.assign(); assigned == nil {
			return unsure("it matters which of %d pending takes got which of %d elements", len(c.wild), len(c.left))
		} else if p = newRanking(assigned); p.hollow() != nil || p.scan() != none {
			return unsure("it matters which of %d pending takes got which of %d elements", len(c.wild), len(c.left))
		}
	}
	if !opt.Order {
		return Result{Verdict: Legal}
	}
	return Result{Verdict: Legal, Order: p.lineUp()}
}

type ranking struct {
	*contents
	runs
	t      []int32 // by empty take: its moment
	byRank []int32 // elements, those that come first first
	takeAt []int32 // by element: the moment found
}

func newRanking(c *contents) *ranking {
	p := &ranking{contents: c, takeAt: fill(len(c.elements)), byRank: make([]int32, len(c.elements))}
	type ranked struct {
		priority int64
		element  int32
	}
	all := make([]ranked, len(c.elements))
	for n, e := range c.elements {
		all[n] = ranked{e.priority, int32(n)}
	}
	slices.SortFunc(all, func(a, b ranked) int { return cmp.Compare(a.priority, b.priority) })
	for k, r := range all {
		p.byRank[k] = r.element
	}
	p.runs = newRuns(c)
	return p
}

func (p *ranking) hollow() *Result {
	t, r := p.hollows()
	p.t = t
	return r
}

// classes calls f for the elements of each P, in order of rank or against it, until f says
// that it has had enough.
func (p *ranking) classes(backwards bool, f func(class []int32) bool) {
	rest := p.byRank
	for len(rest) > 0 {
		k, edge := 0, rest[0]
		if backwards {
			edge = rest[len(rest)-1]
		}
		same := func(n int32) bool { return p.elements[n].priority == p.elements[edge].priority }
		var class []int32
		if backwards {
			for k = len(rest); k > 0 && same(rest[k-1]); k-- {
			}
			rest, class = rest[:k], rest[k:]
		} else {
			for k < len(rest) && same(rest[k]) {
				k++
			}
			class, rest = rest[:k], rest[k:]
		}
		if !f(class) {
			return
		}
	}
}

// scan finds a moment for each take, or returns an element for whose take there is none.
func (p *ranking) scan() int32 {
	if len(p.wild) > 0 && len(p.left) > 0 {
		return p.scanWild()
	}
	// free[r] leads to the first run from r on that is not covered by a span.
	free := make([]int32, len(p.values)+1)
	for r := range free {
		free[r] = int32(r)
	}
	next := func(r int32) int32 {
		for free[r] != r {
			free[r] = free[free[r]]
			r = free[r]
		}
		return r
	}
	found := int32(none)
	p.classes(false, func(class []int32) bool {
		for _, n := range class {
			e := &p.elements[n]
			r := next(p.run[e.takeLo])
			if r > p.run[e.takeHi] {
				found = n
				return false
			}
			p.takeAt[n] = max(e.takeLo, p.first[r])
		}
		for _, n := range class {
			if from, to, weight := p.spanned(p.elements[n]); weight > 0 {
				for r := next(int32(from)); r <= int32(to); r = next(r) {
					free[r] = r + 1
				}
			}
		}
		return true
	})
	return found
}

// scanWild is scan where pending takes matter. Of the good moments it chooses the last of
// those that need as few of them as the first.
func (p *ranking) scanWild() int32 {
	values := make([]int64, len(p.values)) // only the pending takes, to begin with
	for _, i := range p.wild {
		values[p.run[p.lo[i]]]--
	}
	for r := 1; r < len(values); r++ {
		values[r] += values[r-1]
	}
	counts := newCounts(values)
	begins := newMarks(int(p.end) + 1) // spans of elements that nobody took
	found := int32(none)
	p.classes(false, func(class []int32) bool {
		for _, n := range class {
			e := &p.elements[n]
			r, ok := counts.find(int(p.run[e.takeLo]), int(p.run[e.takeHi]))
			if !ok {
				found = n
				return false
			}
			until := e.takeHi
			if u := begins.atLeast(max(e.takeLo, p.first[r]) + 1); u != none {
				until = min(until, u-1)
			}
			r, _ = counts.findLast(r, int(p.run[until]))
			if p.takeAt[n] = until; int(p.run[until]) > r {
				p.takeAt[n] = p.first[r+1] - 1
			}
		}
		for _, n := range class {
			if from, to, weight := p.spanned(p.elements[n]); weight > 0 {
				counts.add(from, to, weight)
				if p.elements[n].take == none {
					begins.set(p.elements[n].putHi + 1)
				}
			}
		}
		return true
	})
	return found
}

// early tells of an element that was taken while others that come before it were inside.
func (p *ranking) early(n int32) []int32 {
	e := p.elements[n]
	cover := p.covering(func(o int32) bool { return p.elements[o].priority < e.priority })
	return p.witness(append(cover(e.takeLo, e.takeHi), n), p.before(e.takeHi)...)
}

// assign gives pending takes to elements that nobody took and that had to be out at the
// moment of a take of one that comes behind them, or returns nil if it cannot.
func (p *ranking) assign() *contents {
	used := newMarks(int(p.end) + 1)
	for _, t := range p.t {
		used.set(t)
	}
	var needs []need
	p.classes(true, func(class []int32) bool {
		for _, n := range class {
			if p.elements[n].take == none {
				needs = append(needs, need{n, used.atLeast(p.elements[n].putHi + 1)})
			}
		}
		for _, n := range class {
			used.set(p.takeAt[n])
		}
		return true
	})
	return p.meet(needs)
}

// lineUp writes the legal order out, from behind: takes stand between those of elements that
// come after theirs, puts as late as possible.
func (p *ranking) lineUp() []int32 {
	row := newRow(len(p.elements)+len(p.empty), p.end)
	for k, t := range p.t {
		row.insert(int32(len(p.elements)+k), t)
	}
	p.classes(true, func(class []int32) bool {
		first := make([]bool, len(class)) // at their moments
		for k, n := range class {
			p.takeAt[n], first[k] = row.fit(p.takeAt[n], p.elements[n].putHi)
		}
		for k, n := range class {
			if first[k] {
				row.follow(n, row.last[row.used.atMost(p.takeAt[n])], p.takeAt[n])
			} else {
				row.insert(n, p.takeAt[n])
			}
		}
		return true
	})
	var ahead []int32 // whose puts stand last at their last moments
	for n, e := range p.elements {
		if e.putHi < p.takeAt[n] {
			ahead = append(ahead, int32(n))
		}
	}
	slices.SortFunc(ahead, func(a, b int32) int { return cmp.Compare(p.elements[a].putHi, p.elements[b].putHi) })
	order := make([]int32, 0, len(p.ops))
	flush := func(moment int32) {
		for len(ahead) > 0 && p.elements[ahead[0]].putHi < moment {
			order, ahead = append(order, p.elements[ahead[0]].put), ahead[1:]
		}
	}
	row.each(func(x, moment int32) {
		flush(moment)
		if int(x) >= len(p.elements) {
			order = append(order, p.empty[int(x)-len(p.elements)])
			return
		}
		e := p.elements[x]
		if e.putHi >= moment {
			order = append(order, e.put)
		}
		if e.take != none {
			order = append(order, e.take)
		}
	})
	flush(p.end + 1)
	return order
}
