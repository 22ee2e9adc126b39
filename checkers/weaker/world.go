package weaker

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// world is a group of keys, and what must come before what on them. Its nodes are the
// operations of all keys, and one for the end of each block, behind all of the block's.
// That a version is held for one stretch of time then reads: of two blocks of a key, the
// end of one comes before the write with which the other begins.
type world struct {
	rs       []*register
	blocks   []*blocks // by key
	base     []int32   // by key: its first operation
	ops      []op      // of all keys
	key      []int32   // by operation
	prev     []int32   // by operation: the one before it of its process that had returned
	byCall   []int32   // operations by invocation
	of       []int32   // by operation: its block, over all keys
	root     []int32   // by block: the write with which it begins; none: it was there at first
	home     []int32   // by block: its key
	begin    []int32   // by key: its first block, that of the initial version
	g        *graph    // without the order of blocks, but for what is forced
	searched bool
}

func newWorld(rs []*register, t *tails) *world {
	w := &world{rs: rs, g: &graph{}}
	for k, r := range rs {
		b, _ := r.blocks()
		w.blocks = append(w.blocks, b)
		w.base = append(w.base, int32(len(w.ops)))
		w.begin = append(w.begin, int32(len(w.root)))
		for range b.count {
			w.root, w.home = append(w.root, none), append(w.home, int32(k))
		}
		for i, o := range r.ops {
			block := w.begin[k] + b.block(o)
			if o.kind == write {
				w.root[block] = w.base[k] + int32(i)
			}
			w.ops, w.key, w.of = append(w.ops, o), append(w.key, int32(k)), append(w.of, block)
		}
	}
	w.byCall = make([]int32, len(w.ops))
	for i := range w.byCall {
		w.byCall[i] = int32(i)
	}
	slices.SortFunc(w.byCall, func(a, b int32) int { return cmp.Compare(w.ops[a].call, w.ops[b].call) })
	w.prev = make([]int32, len(w.ops))
	t.clear()
	for _, i := range w.byCall {
		o := w.ops[i]
		if w.prev[i] = t.get(o.process); o.ret != pending {
			t.set(o.process, i)
		}
	}
	w.connect()
	return w
}

// end is the node of a block's end.
func (w *world) end(block int32) int32 { return int32(len(w.ops)) + block }

// connect says what holds whatever the order of blocks.
func (w *world) connect() {
	g := w.g
	g.nodes = len(w.ops) + len(w.root)
	add := func(from, to int32, why cause) { g.add(edge{from: from, to: to, a: from, b: to, why: why}) }
	for i, p := range w.prev {
		if p != none {
			add(p, int32(i), inOrder)
		}
	}
	for i, o := range w.ops {
		i := int32(i)
		r, b, base := w.rs[w.key[i]], w.blocks[w.key[i]], w.base[w.key[i]]
		v := o.version()
		if o.kind == read && r.writer[v] != none {
			add(base+r.writer[v], i, sees)
		}
		if t := b.taker[v]; t != none {
			add(i, base+t, sees)
		} else {
			add(i, w.end(w.of[i]), follows)
		}
	}
	for block, root := range w.root {
		if root != none {
			add(w.end(w.begin[w.home[block]]), root, follows)
		}
	}
}

// span is when the first operation of a block returned, and the last was called.
type span struct{ first, last int64 }

func (w *world) spans() []span {
	spans := make([]span, len(w.root))
	for b := range spans {
		spans[b] = span{math.MaxInt64, math.MinInt64}
	}
	for i, o := range w.ops {
		s := &spans[w.of[i]]
		s.first, s.last = min(s.first, int64(o.ret)), max(s.last, int64(o.call))
	}
	return spans
}

// sorted reports whether one of some lines of blocks makes an order. The first is the one
// that real time asks for where there is one (Gibbons and Korach); the others are right
// where stale reads make a version seem to live longer than it did.
func (w *world) sorted() bool {
	spans := w.spans()
	for _, when := range []func(block int32) int64{
		func(b int32) int64 { return spans[b].first + spans[b].last },
		func(b int32) int64 { return int64(w.ops[w.root[b]].call) },
		func(b int32) int64 { return spans[b].first },
	} {
		g := &graph{nodes: w.g.nodes, edges: slices.Clone(w.g.edges)}
		for k, begin := range w.begin {
			line := make([]int32, w.blocks[k].count-1)
			for i := range line {
				line[i] = begin + 1 + int32(i)
			}
			slices.SortFunc(line, func(a, b int32) int { return cmp.Compare(when(a), when(b)) })
			for i := 1; i < len(line); i++ {
				g.add(edge{from: w.end(line[i-1]), to: w.root[line[i]], a: none, b: none, why: follows})
			}
		}
		g.index()
		if order := g.sort(); len(order) == g.nodes && w.legal(order) {
			return true
		}
	}
	return false
}

// legal replays an order: whether all operations are in it, each process's in its own order,
// and whether each saw what the register held.
func (w *world) legal(order []int32) bool {
	held := make([]int32, len(w.rs))
	done := make([]bool, len(w.ops))
	count := 0
	for _, i := range order {
		if int(i) >= len(w.ops) {
			continue // the end of a block
		}
		o, k := w.ops[i], w.key[i]
		if done[i] || w.prev[i] != none && !done[w.prev[i]] || o.reads() && held[k] != o.from {
			return false
		}
		if o.mutates() {
			held[k] = o.to
		}
		done[i] = true
		count++
	}
	return count == len(w.ops)
}

// untilShare is the time until then, divided among so many.
func untilShare(end time.Time, n int) time.Duration { return time.Until(end) / time.Duration(n) }
