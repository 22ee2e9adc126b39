package weaker

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sort"
)

// Whether a register with unique values is linearizable follows from its blocks: from when
// the first operation of each returned and when the last was called (Gibbons and Korach,
// SIAM J. Comput. 1997). Let reads take effect up to delta before they began, and all that
// changes is that their calls move back. What held for some delta holds for a greater one,
// so the least is found by halving: it is the time between two events, and exact.

// left is the call of an operation that is left out.
const left = math.MinInt32

// zones decide one register for various calls of its operations.
type zones struct {
	r      *register
	blocks *blocks // nil: compare-and-sets contradict each other
	order  []int32 // the operations, by block and within one by stage
	calls  []int32 // of the operations, as they are

	all, forward, backward []zone // of the last call of clash
}

func newZones(r *register) *zones {
	z := &zones{r: r, calls: make([]int32, len(r.ops))}
	for i, o := range r.ops {
		z.calls[i] = o.call
	}
	if z.blocks, _ = r.blocks(); z.blocks == nil {
		return z
	}
	// Sort by counting: first by stage within the version's block, which for versions in
	// the order of their blocks is a matter of reads coming after the one mutation.
	first := make([]int32, len(r.values)) // by version: how many versions stand before it
	sizes := make([]int32, z.blocks.count+1)
	for v := range r.values {
		if b := z.blocks.of[v]; b != none {
			sizes[b+1]++
		}
	}
	for b := range z.blocks.count {
		sizes[b+1] += sizes[b]
	}
	for v := range r.values {
		if b := z.blocks.of[v]; b != none {
			first[v] = sizes[b] + z.blocks.place[v]
		}
	}
	slot := func(o op) int32 { // its stage over all blocks
		s := 2 * first[o.version()]
		if o.kind == read {
			s++
		}
		return s
	}
	starts := make([]int32, 2*len(r.values)+1)
	for _, o := range r.ops {
		starts[slot(o)+1]++
	}
	for s := 1; s < len(starts); s++ {
		starts[s] += starts[s-1]
	}
	z.order = make([]int32, len(r.ops))
	for i, o := range r.ops {
		s := slot(o)
		z.order[starts[s]] = int32(i)
		starts[s]++
	}
	return z
}

// zone is a block in time: when its first operation returned, when its last was called.
type zone struct {
	first, last     int64
	firstOp, lastOp int32
}

// clash is why a register is not linearizable: a came too late or b did, so one of them has
// to be moved back or left out. The one that is likelier to blame comes first.
type clash struct{ a, b int32 }

// linearizable reports whether the register is, with these calls.
func (z *zones) linearizable(calls []int32) bool { return z.clash(calls) == nil }

// clash returns why the register is not linearizable with these calls, or nil. Returns stay
// where they are. No operation of a later stage of a block may return before one of an
// earlier stage is called, and no two blocks must each come before the other.
func (z *zones) clash(calls []int32) *clash {
	if z.blocks == nil {
		return &clash{none, none}
	}
	z.all = slices.Grow(z.all[:0], z.blocks.count)[:z.blocks.count]
	all := z.all
	for b := range all {
		all[b] = zone{first: math.MaxInt64, last: math.MinInt64, firstOp: none, lastOp: none}
	}
	all[0].first = -1
	block, stage := int32(none), int32(none)
	var earlier zone // the stages before
	for _, i := range z.order {
		o := z.r.ops[i]
		b, s := z.blocks.block(o), z.blocks.stage(o)
		at := &all[b]
		if b != block || s != stage {
			block, stage, earlier = b, s, *at
		}
		if calls[i] == left {
			continue
		}
		ret, call := int64(o.ret), int64(calls[i])
		if ret < earlier.last {
			return &clash{earlier.lastOp, i}
		}
		if ret < at.first {
			at.first, at.firstOp = ret, i
		}
		if call > at.last {
			at.last, at.lastOp = call, i
		}
	}
	return z.apart()
}

// apart returns what keeps two zones from standing one before the other, or nil: no two
// forward ones, which begin before they end, may overlap, and none may hold a backward one.
func (z *zones) apart() *clash {
	forward, backward := z.forward[:0], z.backward[:0]
	for _, x := range z.all {
		if x.first < x.last {
			forward = append(forward, x)
		} else {
			backward = append(backward, x)
		}
	}
	z.forward, z.backward = forward, backward
	between := func(x, y zone) *clash {
		if x.last < y.last {
			x, y = y, x
		}
		return &clash{x.lastOp, y.lastOp}
	}
	slices.SortFunc(forward, func(a, b zone) int { return cmp.Compare(a.first, b.first) })
	for i := 1; i < len(forward); i++ {
		if forward[i].first < forward[i-1].last {
			return between(forward[i-1], forward[i])
		}
	}
	for _, x := range backward {
		i := sort.Search(len(forward), func(i int) bool { return forward[i].first >= x.last })
		if i > 0 && x.first < forward[i-1].last {
			return between(forward[i-1], x)
		}
	}
	return nil
}

// leaveOut leaves out reads, one by one, until the register is linearizable with these
// calls, and returns how many those were. It need not be the least number. It ends with a
// clash of others than reads, or with one for which there was no time.
func (z *zones) leaveOut(calls []int32) (reads int, rest *clash) {
	for work := 0; ; work += len(calls) {
		c := z.clash(calls)
		switch {
		case c == nil || work > maxWork/4:
			return reads, c
		case c.a != none && z.r.ops[c.a].kind == read:
			calls[c.a] = left
		case c.b != none && z.r.ops[c.b].kind == read:
			calls[c.b] = left
		default:
			return reads, c
		}
		reads++
	}
}

// amongReads reports whether leaving out a read would end the clash.
func (z *zones) amongReads(c *clash) bool {
	return c.a != none && z.r.ops[c.a].kind == read || c.b != none && z.r.ops[c.b].kind == read
}

// delta returns the least time by which the register's reads have to be moved back so that
// it is linearizable; false if none is enough, or there was no time. It is not linearizable
// as it is.
func (z *zones) delta(ctx context.Context, clock []int64) (int64, bool) {
	calls := slices.Clone(z.calls)
	for i, o := range z.r.ops {
		if o.kind == read {
			calls[i] = none
		}
	}
	if !z.linearizable(calls) {
		return 0, false
	}
	low, high := int64(1), int64(1)
	for z.moveBack(calls, clock, high); !z.linearizable(calls); z.moveBack(calls, clock, high) {
		if ctx.Err() != nil {
			return 0, false
		}
		low, high = high+1, 2*high
	}
	for low < high {
		if ctx.Err() != nil {
			return 0, false
		}
		mid := low + (high-low)/2
		if z.moveBack(calls, clock, mid); z.linearizable(calls) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low, true
}

// moveBack sets the calls of reads to so long ago: to the first event that was no earlier.
func (z *zones) moveBack(calls []int32, clock []int64, by int64) {
	for i, o := range z.r.ops {
		if o.kind != read {
			continue
		}
		// By ever longer steps, since it is most often not far.
		from, step := o.call, int32(1)
		for from > 0 && clock[from] >= clock[o.call]-by {
			from, step = max(0, from-step), 2*step
		}
		calls[i] = from + int32(sort.Search(int(o.call-from), func(k int) bool { return clock[int(from)+k] >= clock[o.call]-by }))
	}
}
