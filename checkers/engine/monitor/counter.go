package monitor

import (
	"cmp"
	"container/heap"
	"slices"
	"sort"
)

// Counter decides a counter at first zero: Increment adds one, Count adds one and returns the
// sum P, Read returns it.
//
// The sum only rises, so reads of a lower value stand before those of a higher one, and a
// Count of P between reads of P-1 and of P: that is the order of *groups*, in which nothing
// may have returned before something of an earlier group was called. What is left open is
// where increments stand, in the gaps before, between and behind the groups, each of which
// has room for as many as its neighbours differ by; behind all groups there is room for any
// number. Real time allows each increment a range of neighbouring gaps. Among increments it
// asks for nothing more: if x returned before y was called, both ends of x's range are no
// later than those of y's, so in any order that has them the wrong way round they can change
// places. So these are unit jobs with release times and deadlines, and to fill each gap with
// those that are due first is exact.
//
// A pending Increment or Count is never due, and behind all groups it need not have happened.
func Counter(ops []Op, opt Options) Result {
	m, refused := place(ops, Increment, Count, Read)
	if refused != nil {
		return *refused
	}
	c := counting{ops: ops, moments: m}
	for _, step := range []func() *Result{c.group, c.backwards, c.fill} {
		if r := step(); r != nil {
			return *r
		}
	}
	if !opt.Order {
		return Result{Verdict: Legal}
	}
	return Result{Verdict: Legal, Order: c.lineUp()}
}

// group is a Count or are all Reads of one value.
type group struct {
	value int64
	room  int64   // for increments in the gap before it
	ops   []int32 // by call
	// Of this group and all before it the operation called last, and of it and all behind it
	// the one that returned first.
	late, soon int32
}

// job is an increment and the gaps that it may stand in.
type job struct{ op, first, last int32 }

type counting struct {
	ops []Op
	moments
	groups []group
	jobs   []job
	gaps   [][]int32 // what stands in each
}

func (c *counting) group() *Result {
	var known []int32
	for i, o := range c.ops {
		switch {
		case o.F == Increment, o.F == Count && o.Ret == Pending:
			c.jobs = append(c.jobs, job{op: int32(i)})
		case o.Ret == Pending:
		case o.P < 0, o.F == Count && o.P == 0:
			r := illegal("below-zero", int32(i))
			return &r
		default:
			known = append(known, int32(i))
		}
	}
	slices.SortFunc(known, func(a, b int32) int {
		x, y := c.ops[a], c.ops[b]
		return cmp.Or(cmp.Compare(x.P, y.P), cmp.Compare(x.F, y.F), cmp.Compare(x.Call, y.Call)) // Count is before Read
	})
	previous := int64(0)
	for k, i := range known {
		o := c.ops[i]
		n := len(c.groups)
		if k > 0 {
			switch before := c.ops[known[k-1]]; {
			case before.P == o.P && before.F == o.F && o.F == Count:
				r := illegal("counted-twice", known[k-1], i)
				return &r
			case before.P == o.P && before.F == o.F:
				c.groups[n-1].ops = append(c.groups[n-1].ops, i)
				continue
			}
		}
		room := o.P - previous
		if o.F == Count {
			room--
		}
		previous = o.P
		c.groups = append(c.groups, group{value: o.P, room: room, ops: []int32{i}})
	}
	return nil
}

// backwards looks for a lower value that was got by somebody who began after somebody else
// had got a higher one.
func (c *counting) backwards() *Result {
	for g := range c.groups {
		x := &c.groups[g]
		x.late = x.ops[len(x.ops)-1]
		x.soon = slices.MinFunc(x.ops, func(a, b int32) int { return cmp.Compare(c.hi[a], c.hi[b]) })
		if g == 0 {
			continue
		}
		before := c.groups[g-1].late
		if c.hi[x.soon] < c.lo[before] {
			r := illegal("backwards", before, x.soon)
			return &r
		}
		if c.lo[before] > c.lo[x.late] {
			x.late = before
		}
	}
	for g := len(c.groups) - 2; g >= 0; g-- {
		if behind := c.groups[g+1].soon; c.hi[behind] < c.hi[c.groups[g].soon] {
			c.groups[g].soon = behind
		}
	}
	return nil
}

// fill puts the increments into the gaps.
func (c *counting) fill() *Result {
	for k := range c.jobs {
		j := &c.jobs[k]
		j.first = int32(sort.Search(len(c.groups), func(g int) bool { return c.hi[c.groups[g].soon] >= c.lo[j.op] }))
		j.last = int32(sort.Search(len(c.groups), func(g int) bool { return c.lo[c.groups[g].late] > c.hi[j.op] }))
		if j.first > j.last {
			r := illegal("uncounted", c.groups[j.first-1].soon, j.op, c.groups[j.last].late)
			return &r
		}
	}
	slices.SortFunc(c.jobs, func(a, b job) int { return cmp.Compare(a.first, b.first) })
	c.gaps = make([][]int32, len(c.groups)+1)
	ready := agenda{lo: c.lo}
	rest := c.jobs
	for g := range c.groups {
		for len(rest) > 0 && int(rest[0].first) <= g {
			heap.Push(&ready, rest[0])
			rest = rest[1:]
		}
		for range c.groups[g].room {
			if len(ready.jobs) == 0 {
				r := illegal("too-high", c.groups[g].soon)
				return &r
			}
			c.gaps[g] = append(c.gaps[g], heap.Pop(&ready).(job).op)
		}
		if len(ready.jobs) > 0 && int(ready.jobs[0].last) <= g {
			r := c.tooLow(g)
			return &r
		}
	}
	for _, j := range append(ready.jobs, rest...) {
		if c.ops[j.op].Ret != Pending {
			c.gaps[len(c.groups)] = append(c.gaps[len(c.groups)], j.op)
		}
	}
	return nil
}

// tooLow tells of a value that leaves no room for all increments that must be part of it:
// from some earlier group on there are more of them than fit.
func (c *counting) tooLow(last int) Result {
	inside := make([]int64, last+1) // by first gap
	for _, j := range c.jobs {
		if int(j.last) <= last {
			inside[j.first]++
		}
	}
	first, spare := last, c.groups[last].room-inside[last]
	for spare >= 0 && first > 0 {
		first--
		spare += c.groups[first].room - inside[first]
	}
	witness := []int32{c.groups[last].late}
	if first > 0 {
		witness = append(witness, c.groups[first-1].soon)
	}
	return illegal("too-low", witness...)
}

func (c *counting) lineUp() []int32 {
	order := make([]int32, 0, len(c.ops))
	for g, gap := range c.gaps {
		slices.SortFunc(gap, func(a, b int32) int { return cmp.Compare(c.lo[a], c.lo[b]) })
		order = append(order, gap...)
		if g < len(c.groups) {
			order = append(order, c.groups[g].ops...)
		}
	}
	return order
}

// agenda is a heap of jobs, the one that is due first, and was called first, first.
type agenda struct {
	jobs []job
	lo   []int32
}

func (a *agenda) Len() int { return len(a.jobs) }
func (a *agenda) Less(i, j int) bool {
	x, y := a.jobs[i], a.jobs[j]
	return x.last < y.last || x.last == y.last && a.lo[x.op] < a.lo[y.op]
}
func (a *agenda) Swap(i, j int) { a.jobs[i], a.jobs[j] = a.jobs[j], a.jobs[i] }
func (a *agenda) Push(x any)    { a.jobs = append(a.jobs, x.(job)) }
func (a *agenda) Pop() any {
	x := a.jobs[len(a.jobs)-1]
	a.jobs = a.jobs[:len(a.jobs)-1]
	return x
}
