package linearizable

import (
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
	first, last int32 // the earliest return, the latest call
	firstOp     int32 // whose return and call these are, or none
	lastOp      int32
	newest      int32 // the operation that returned at the limit, or none
}

// holder is what is known of one value: operations, or none.
type holder struct {
	writer, taker int32 // who wrote it, and the compare-and-set from it
	first, last   int32 // of its readers those that returned first and that were called last
}

// zoning is the state of one decision.
type zoning struct {
	s       *subject
	limit   int32 // events after it have not happened yet
	n       int   // operations called by then
	holders []holder
	newest  int32  // the operation that returned at the limit, or none
	novel   int32  // the value of whose stage it is
	held    []bool // by value: somebody's block holds it
	blocks  []block
}

// zones decides the prefix of the history up to event limit, with the order to show for it.
func (s *subject) zones(limit int32) decision {
	z, found := s.zone(limit)
	if found != nil {
		return decision{conflict: found}
	}
	return decision{order: z.lineUp()}
}

// contradiction is why the prefix of the history up to event limit has no legal order, if
// it has none.
func (s *subject) contradiction(limit int32) *conflict {
	_, found := s.zone(limit)
	return found
}

func (s *subject) zone(limit int32) (*zoning, *conflict) {
	z := &zoning{s: s, limit: limit, newest: none, novel: none}
	z.n = sort.Search(len(s.ops), func(i int) bool { return s.ops[i].call > limit })
	for _, step := range []func() *conflict{z.gather, z.chain, z.compare} {
		if c := step(); c != nil {
			return z, c
		}
	}
	return z, nil
}

// ret is when the operation returned, as far as is known at the limit.
func (z *zoning) ret(i int32) int32 {
	if r := z.s.ops[i].ret; r <= z.limit {
		return r
	}
	return pending
}

// gather finds each value's writer, readers and taker. Whoever returned takes part, and so
// does, transitively, whoever wrote what they saw.
func (z *zoning) gather() *conflict {
	z.holders = make([]holder, z.s.number.Len())
	for v := range z.holders {
		z.holders[v] = holder{none, none, none, none}
	}
	ops := z.s.ops[:z.n]
	open := 0
	for i := range ops {
		o := &ops[i]
		if o.kind != read {
			z.holders[o.to].writer = int32(i)
		}
		if o.ret > z.limit {
			open++
		} else if o.ret == z.limit {
			if z.newest, z.novel = int32(i), o.from; o.kind == write {
				z.novel = o.to
			}
		}
	}
	var part map[int32]bool // the pending ones that take part
	var queue []int32
	if open > 0 {
		part = map[int32]bool{}
	}
	for i := range ops {
		if ops[i].ret > z.limit {
			continue
		}
		if c := z.place(int32(i)); c != nil {
			return c
		}
		if open == 0 || ops[i].kind == write {
			continue
		}
		if w := z.holders[ops[i].from].writer; w != none && ops[w].ret > z.limit && !part[w] {
			part[w], queue = true, append(queue, w)
		}
	}
	for k := 0; k < len(queue); k++ {
		i := queue[k]
		if ops[i].kind == write {
			continue
		}
		if c := z.place(i); c != nil {
			return c
		}
		if w := z.holders[ops[i].from].writer; w != none && ops[w].ret > z.limit && !part[w] {
			part[w], queue = true, append(queue, w)
		}
	}
	for i := range ops {
		if open > 0 && ops[i].kind != read && ops[i].ret > z.limit && !part[int32(i)] {
			z.holders[ops[i].to].writer = none
		}
	}
	return nil
}

// place enters an operation that takes part with the value that it saw.
func (z *zoning) place(i int32) *conflict {
	o := &z.s.ops[i]
	if o.kind == write {
		return nil
	}
	h := &z.holders[o.from]
	if h.writer == none && o.from != initial {
		return &conflict{why: unwritten, late: i, since: none, lower: none, upper: none}
	}
	switch {
	case o.kind == read:
		if h.first == none || o.ret < z.s.ops[h.first].ret {
			h.first = i
		}
		h.last = i // operations come in order of their calls
	case h.taker != none:
		return &conflict{why: takenTwice, late: max(i, h.taker), since: min(i, h.taker), lower: h.writer, upper: none}
	default:
		h.taker = i
	}
	return nil
}

// chain makes the blocks and checks the stages within each.
func (z *zoning) chain() *conflict {
	z.held = make([]bool, len(z.holders))
	roots, chained := 0, 0
	root := func(v int) bool {
		w := z.holders[v].writer
		return v == initial || w != none && z.s.ops[w].kind != cas
	}
	for v := range z.holders {
		if root(v) {
			roots++
		} else if z.holders[v].writer != none {
			chained++
		}
	}
	z.blocks = make([]block, 0, roots)
	for v := range z.holders {
		if root(v) {
			if c := z.walk(int32(v)); c != nil {
				return c
			}
		}
	}
	for v := range z.holders {
		if w := z.holders[v].writer; chained > 0 && w != none && !z.held[v] {
			c := &conflict{why: circular, late: w, since: none, lower: none, upper: none}
			for t := z.holders[v].taker; t != none && t != w; t = z.holders[z.s.ops[t].to].taker {
				c.links = append(c.links, t)
			}
			return c
		}
	}
	return nil
}

// walk goes through one block, stage by stage.
func (z *zoning) walk(root int32) *conflict {
	b := block{root: root, first: pending, last: -1, firstOp: none, lastOp: none, newest: none}
	if root == initial {
		b.first = -1
	}
	var found *conflict
	// stage takes in the operations of one, by the one that returned first and the one that
	// was called last.
	stage := func(first, last int32) {
		if first == none {
			return
		}
		ret, call := z.ret(first), z.s.ops[last].call
		if ret < b.last && found == nil {
			found = &conflict{why: overtaken, late: b.lastOp, since: first, lower: none, upper: none}
			found.links = z.links(root, b.lastOp, first)
		}
		if ret < b.first {
			b.first, b.firstOp = ret, first
		}
		if call > b.last {
			b.last, b.lastOp = call, last
		}
	}
	stage(z.holders[root].writer, z.holders[root].writer)
	for v := root; ; {
		z.held[v] = true
		if v == z.novel {
			b.newest = z.newest
		}
		h := &z.holders[v]
		stage(h.first, h.last)
		if h.taker == none {
			break
		}
		stage(h.taker, h.taker)
		v = z.s.ops[h.taker].to
	}
	z.blocks = append(z.blocks, b)
	return found
}

// compare looks for two blocks that must each come before the other. Seen as intervals
// between first and last, a pair does so just if both are *forward* (first < last) and
// overlap, or one is forward and contains the other, backward one.
func (z *zoning) compare() *conflict {
	count := 0
	for i := range z.blocks {
		if z.blocks[i].first < z.blocks[i].last {
			count++
		}
	}
	forward := make([]uint64, 0, count) // by first
	backward := make([]uint64, 0, len(z.blocks)-count)
	for i := range z.blocks {
		if b := &z.blocks[i]; b.first < b.last {
			forward = append(forward, key(b.first, int32(i)))
		} else {
			backward = append(backward, key(b.last, int32(i)))
		}
	}
	sortKeys(forward)
	at := func(keys []uint64, k int) *block { return &z.blocks[uint32(keys[k])] }
	for k := 1; k < len(forward); k++ {
		if x, y := at(forward, k-1), at(forward, k); y.first < x.last {
			return z.torn(*x, *y)
		}
	}
	// What no two forward ones overlap at, only the latest that began before can contain.
	sortKeys(backward)
	began := 0
	for k := range backward {
		b := at(backward, k)
		for began < len(forward) && at(forward, began).first < b.last {
			began++
		}
		if began > 0 {
			if x := at(forward, began-1); b.first < x.last {
				return z.torn(*x, *b)
			}
		}
	}
	return nil
}

// torn makes a story of two blocks. It ends with the operation that returned last, where
// that was called too late, else with the one that was called last. The initial value,
// which nobody wrote, can only be the lower one.
func (z *zoning) torn(x, y block) *conflict {
	end := func(x, y block) int32 { // x's operation that y came before
		if x.newest != none && z.s.ops[x.newest].call > y.first {
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
		t := z.holders[v].taker
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
	// The readers by value: those of v stand from starts[v] on.
	starts := make([]int32, len(z.holders)+1)
	ops := z.s.ops[:z.n]
	for i := range ops {
		if ops[i].kind == read && ops[i].ret <= z.limit {
			starts[ops[i].from+1]++
		}
	}
	for v := range z.holders {
		starts[v+1] += starts[v]
	}
	readers := make([]int32, starts[len(z.holders)])
	next := slices.Clone(starts)
	for i := range ops {
		if ops[i].kind == read && ops[i].ret <= z.limit {
			readers[next[ops[i].from]] = int32(i)
			next[ops[i].from]++
		}
	}
	keys := make([]uint64, len(z.blocks))
	for i, b := range z.blocks {
		keys[i] = uint64(b.first+1)<<32 + uint64(b.last+1)<<32 + uint64(i)
	}
	sortKeys(keys)
	order := make([]int32, 0, z.n)
	for _, k := range keys {
		v := z.blocks[uint32(k)].root
		if w := z.holders[v].writer; w != none {
			order = append(order, w)
		}
		for {
			order = append(order, readers[starts[v]:starts[v+1]]...)
			t := z.holders[v].taker
			if t == none {
				break
			}
			order = append(order, t)
			v = z.s.ops[t].to
		}
	}
	return order
}
