package linearizable

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

// Zones decide a register whose values are written once each, exactly and without search,
// in the time of a sort (after Gibbons and Korach, "Testing shared memories", SIAM J.
// Comput. 1997, whom compare-and-set is added to here).
//
// Because a value is written once it is held for one stretch of time: once replaced it
// never comes back. So in a legal order the operations on v stand together: its writer,
// its readers, and then the compare-and-set that took it away, if one did, which is at
// the same time the writer of the next value. Values linked by compare-and-sets are hence
// one *block* that nothing else interrupts, and within which the order is given in
// *stages*: writer, readers, compare-and-set, readers, and so on; within a stage anything
// goes. The register's initial value is a block whose writer returned before all else.
//
//	write 1 | read 1, read 1 | cas 1->2 | read 2      one block, four stages
//
// A legal order exists just if
//
//  1. every value seen was written, is taken by one compare-and-set at most, and no chain
//     of compare-and-sets bites its own tail;
//  2. within each block, no operation of a later stage returned before one of an earlier
//     stage was called;
//  3. no two blocks must each come before the other. X must come before Y if some
//     operation of X returned before one of Y was called: if first(X) < last(Y), where
//     first is the earliest return and last the latest call of a block.
//
// That these are necessary is plain. That they suffice: longer cycles of blocks imply one
// of two. Take a cycle, X in it with the smallest first, P before X and Q before P (Q may
// be X). Then first(X) <= first(Q) < last(P), so X must come before P, as P before X. So
// the blocks can be lined up, and any line that respects 3 respects real time between
// blocks: had y of a later block returned before x of an earlier one was called, then the
// later would have to be first. If X must come before Y and not the other way round, then
// first(X) < last(Y) and last(X) <= first(Y): adding up, first+last is a key to sort by.
//
// Of the pending operations those take part that somebody saw the value of (they took
// effect at some time, so they return at the end of time); the others are left out, see
// prune.

// reason says how a history contradicts itself.
type reason uint8

const (
	unwritten  reason = iota // late saw a value that nobody wrote
	takenTwice               // late and since both took the same value by compare-and-set
	circular                 // late is one of a circle of compare-and-sets
	overtaken                // late was called after since, of a later stage, had returned
	torn                     // two blocks must each come before the other
)

// conflict is a contradiction: the operations (indices) that make it up. In a torn one
// lower returned before upper was called, so lower's block must come first; and since, of
// upper's block, returned before late, of lower's block, was called.
type conflict struct {
	why          reason
	late, since  int32
	lower, upper int32
	links        []int32 // compare-and-sets that tie the operations of one block together
}

// none stands for the operation that wrote the initial value, which is not in the history.
const none = -1

// decision is what zones say of a prefix of the history: a legal order or a conflict.
type decision struct {
	order    []int32
	conflict *conflict
}

// block is a chain of values; calls and returns are indices of events.
type block struct {
	root        int32 // the value that it begins with
	first, last int64 // the earliest return, the latest call
	firstOp     int32 // whose return and call these are, or none
	lastOp      int32
	newest      int32 // the operation that returned at the limit, or none
}

// zoning is the state of one decision.
type zoning struct {
	s       *subject
	limit   int32   // events after it have not happened yet
	n       int     // operations called by then
	writer  []int32 // by value: the operation, or none
	taker   []int32 // by value: the compare-and-set from it
	readers [][]int32
	held    []bool // by value: somebody's block holds it
	blocks  []block
}

// zones decides the prefix of the history up to event limit.
func (s *subject) zones(limit int32) decision {
	z := &zoning{s: s, limit: limit}
	z.n = sort.Search(len(s.ops), func(i int) bool { return s.ops[i].call > limit })
	for _, step := range []func() *conflict{z.gather, z.chain, z.compare} {
		if c := step(); c != nil {
			return decision{conflict: c}
		}
	}
	return decision{order: z.lineUp()}
}

// ret is when the operation returned, as far as is known at the limit.
func (z *zoning) ret(i int32) int32 {
	if r := z.s.ops[i].ret; r <= z.limit {
		return r
	}
	return pending
}

// gather finds each value's writer, readers and taker.
func (z *zoning) gather() *conflict {
	values := len(z.s.values)
	z.writer, z.taker = fill(values), fill(values)
	counts := make([]int32, values)
	for i, o := range z.s.ops[:z.n] {
		if o.mutates() {
			z.writer[o.to] = int32(i)
		} else if z.ret(int32(i)) != pending {
			counts[o.from]++
		}
	}
	z.readers = make([][]int32, values)
	for v, c := range counts {
		if c > 0 {
			z.readers[v] = make([]int32, 0, c)
		}
	}
	// Whoever returned takes part, and so does, transitively, whoever wrote what they saw.
	part := make([]bool, z.n)
	var queue []int32
	join := func(i int32) {
		if i != none && !part[i] {
			part[i], queue = true, append(queue, i)
		}
	}
	for i := range int32(z.n) {
		if z.ret(i) != pending {
			join(i)
		}
	}
	for k := 0; k < len(queue); k++ {
		i := queue[k]
		o := z.s.ops[i]
		if o.kind != write {
			if z.writer[o.from] == none && o.from != initial {
				return &conflict{why: unwritten, late: i, since: none, lower: none, upper: none}
			}
			join(z.writer[o.from])
		}
		switch {
		case o.kind == read:
			z.readers[o.from] = append(z.readers[o.from], i)
		case o.kind == cas && z.taker[o.from] != none:
			other := z.taker[o.from]
			return &conflict{why: takenTwice, late: max(i, other), since: min(i, other), lower: z.writer[o.from], upper: none}
		case o.kind == cas:
			z.taker[o.from] = i
		}
	}
	for v, w := range z.writer {
		if w != none && !part[w] {
			z.writer[v] = none
		}
	}
	return nil
}

// chain makes the blocks and checks the stages within each.
func (z *zoning) chain() *conflict {
	z.held = make([]bool, len(z.s.values))
	for v := range int32(len(z.s.values)) {
		w := z.writer[v]
		if v != initial && (w == none || z.s.ops[w].kind == cas) {
			continue
		}
		if c := z.walk(v); c != nil {
			return c
		}
	}
	for v, w := range z.writer {
		if w != none && !z.held[v] {
			c := &conflict{why: circular, late: w, since: none, lower: none, upper: none}
			for t := z.taker[v]; t != none && t != w; t = z.taker[z.s.ops[t].to] {
				c.links = append(c.links, t)
			}
			return c
		}
	}
	return nil
}

// walk goes through one block, stage by stage.
func (z *zoning) walk(root int32) *conflict {
	b := block{root: root, first: math.MaxInt64, last: -1, firstOp: none, lastOp: none, newest: none}
	if root == initial {
		b.first = -1
	}
	var found *conflict
	stage := func(ops ...int32) {
		last, lastOp := b.last, b.lastOp
		for _, i := range ops {
			ret, call := int64(z.ret(i)), int64(z.s.ops[i].call)
			if ret < last && found == nil {
				found = &conflict{why: overtaken, late: lastOp, since: i, lower: none, upper: none}
				found.links = z.links(root, lastOp, i)
			}
			if ret < b.first {
				b.first, b.firstOp = ret, i
			}
			if call > b.last {
				b.last, b.lastOp = call, i
			}
			if ret == int64(z.limit) {
				b.newest = i
			}
		}
	}
	if w := z.writer[root]; w != none {
		stage(w)
	}
	for v := root; ; {
		z.held[v] = true
		stage(z.readers[v]...)
		t := z.taker[v]
		if t == none {
			break
		}
		stage(t)
		v = z.s.ops[t].to
	}
	z.blocks = append(z.blocks, b)
	return found
}

// compare looks for two blocks that must each come before the other. Seen as intervals
// between first and last, a pair does so just if both are *forward* (first < last) and
// overlap, or one is forward and contains the other, backward one.
func (z *zoning) compare() *conflict {
	var forward, backward []block
	for _, b := range z.blocks {
		if b.first < b.last {
			forward = append(forward, b)
		} else {
			backward = append(backward, b)
		}
	}
	slices.SortFunc(forward, func(a, b block) int { return cmp.Compare(a.first, b.first) })
	for i := 1; i < len(forward); i++ {
		if forward[i].first < forward[i-1].last {
			return z.torn(forward[i-1], forward[i])
		}
	}
	for _, b := range backward {
		i := sort.Search(len(forward), func(i int) bool { return forward[i].first >= b.last })
		if i > 0 && b.first < forward[i-1].last {
			return z.torn(forward[i-1], b)
		}
	}
	return nil
}

// torn makes a story of two blocks. It ends with the operation that returned last, where
// that was called too late, else with the one that was called last. The initial value,
// which nobody wrote, can only be the lower one.
func (z *zoning) torn(x, y block) *conflict {
	end := func(x, y block) int32 { // x's operation that y came before
		if x.newest != none && int64(z.s.ops[x.newest].call) > y.first {
			return x.newest
		}
		return x.lastOp
	}
	switch {
	case x.root == initial:
	case y.root == initial, end(x, y) != x.newest && (end(y, x) == y.newest || y.last > x.last):
		x, y = y, x
	}
	c := &conflict{why: torn, late: end(x, y), since: y.firstOp, lower: x.firstOp, upper: y.lastOp}
	c.links = append(z.links(x.root, c.lower, c.late), z.links(y.root, c.since, c.upper)...)
	return c
}

// links returns the compare-and-sets of a block that stand between two of its operations.
func (z *zoning) links(root, a, b int32) []int32 {
	value := func(i int32) int32 {
		switch {
		case i == none:
			return initial
		case z.s.ops[i].kind == read:
			return z.s.ops[i].from
		default:
			return z.s.ops[i].to
		}
	}
	from, to := value(a), value(b)
	var links []int32
	ends := 0
	for v := root; ; {
		for _, end := range [...]int32{from, to} {
			if v == end {
				ends++
			}
		}
		t := z.taker[v]
		if t == none || ends == 2 {
			return links
		}
		if ends == 1 && t != a && t != b {
			links = append(links, t)
		}
		v = z.s.ops[t].to
	}
}

// lineUp writes the legal order out.
func (z *zoning) lineUp() []int32 {
	slices.SortFunc(z.blocks, func(a, b block) int { return cmp.Compare(a.first+a.last, b.first+b.last) })
	order := make([]int32, 0, z.n)
	for _, b := range z.blocks {
		if w := z.writer[b.root]; w != none {
			order = append(order, w)
		}
		for v := b.root; ; {
			slices.Sort(z.readers[v]) // by invocation
			order = append(order, z.readers[v]...)
			t := z.taker[v]
			if t == none {
				break
			}
			order = append(order, t)
			v = z.s.ops[t].to
		}
	}
	return order
}

func fill(n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = none
	}
	return s
}
