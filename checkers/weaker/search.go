package weaker

import (
	"cmp"
	"context"
	"slices"
)

// search looks for an order of a world by trying, depth first. What it need not try:
//
//   - an operation that is not a block's first write is done as soon as all that must come
//     before it is. For until then its block is held in any order that goes on from here,
//     and doing it earlier takes nothing from anybody;
//   - so is the whole of a block for which nothing is missing any more, if the key holds no
//     unfinished one: afterwards the key is as free as it was;
//   - so is the write of a key's last block.
//
// What is left to choose is which of the writes that may come next does. What is to come
// depends only on what has been done, so what has been done is remembered, as a sum of 128
// random bits an operation, and never gone on from twice.
type search struct {
	w       *world
	missing []int32 // by node: what must come before it and has not
	need    []int32 // by block: how often something outside it that has not come must come before one of its operations
	left    []int32 // by key: the blocks not begun
	open    []int32 // by key: the unfinished block, or none
	ready   []int32 // writes that begin a block, for which nothing is missing
	at      []int32 // by operation: where in ready it is, or none
	done    []int32 // nodes, in the order in which they were done
	pending []int32 // nodes to be done now
	sum     [2]uint64
	best    int // operations of the longest order tried
}

func newSearch(w *world) *search {
	w.g.index()
	s := &search{w: w, missing: make([]int32, w.g.nodes), need: make([]int32, len(w.root)), at: fill(len(w.ops)), open: slices.Clone(w.begin)}
	for _, b := range w.blocks {
		s.left = append(s.left, int32(b.count-1))
	}
	for _, e := range w.g.edges {
		s.missing[e.to]++
		if s.enters(e) {
			s.need[w.of[e.to]]++
		}
	}
	for n, m := range s.missing {
		if m == 0 {
			s.enable(int32(n))
		}
	}
	return s
}

// enters reports whether an edge leads into a block from outside.
func (s *search) enters(e edge) bool {
	return s.w.isOp(e.to) && (!s.w.isOp(e.from) || s.w.of[e.from] != s.w.of[e.to])
}

// begins reports whether a node is the write with which a block begins.
func (s *search) begins(n int32) bool { return s.w.isOp(n) && s.w.ops[n].kind == write }

// enable takes note that nothing is missing for a node any more.
func (s *search) enable(n int32) {
	if !s.begins(n) {
		s.pending = append(s.pending, n)
		return
	}
	s.at[n] = int32(len(s.ready))
	s.ready = append(s.ready, n)
}

// unready takes a write out of those that are ready.
func (s *search) unready(n int32) {
	last := s.ready[len(s.ready)-1]
	s.ready[s.at[n]], s.at[last] = last, s.at[n]
	s.ready = s.ready[:len(s.ready)-1]
	s.at[n] = none
}

// flip adds a node to the sum, or takes it away.
func (s *search) flip(n int32) {
	for k := range s.sum {
		x := uint64(n)*2 + uint64(k) + 1 // splitmix64 (Steele, Lea and Flood, OOPSLA 2014)
		x *= 0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		s.sum[k] ^= x ^ x>>31
	}
}

// do does a node, and takes note of what that enables.
func (s *search) do(n int32) {
	w := s.w
	if s.begins(n) {
		s.unready(n)
		s.open[w.key[n]] = w.of[n]
		s.left[w.key[n]]--
	} else if !w.isOp(n) {
		s.open[w.home[n-int32(len(w.ops))]] = none
	}
	s.done = append(s.done, n)
	s.flip(n)
	for _, i := range w.g.leaving(n) {
		e := w.g.edges[i]
		if s.enters(e) {
			s.need[w.of[e.to]]--
		}
		if s.missing[e.to]--; s.missing[e.to] == 0 {
			s.enable(e.to)
		}
	}
}

// undo takes back what was done last, until only so much is done.
func (s *search) undo(mark int) {
	w := s.w
	for len(s.done) > mark {
		n := s.done[len(s.done)-1]
		s.done = s.done[:len(s.done)-1]
		s.flip(n)
		for _, i := range w.g.leaving(n) {
			e := w.g.edges[i]
			if s.enters(e) {
				s.need[w.of[e.to]]++
			}
			if s.missing[e.to]++; s.missing[e.to] == 1 && s.begins(e.to) {
				s.unready(e.to)
			}
		}
		if s.begins(n) {
			s.enable(n)
			s.open[w.key[n]] = none
			s.left[w.key[n]]++
		} else if !w.isOp(n) {
			block := n - int32(len(w.ops))
			s.open[w.home[block]] = block
		}
	}
}

// advance does all that need not be chosen.
func (s *search) advance() {
	for {
		for len(s.pending) > 0 {
			n := s.pending[len(s.pending)-1]
			s.pending = s.pending[:len(s.pending)-1]
			s.do(n)
		}
		safe := slices.IndexFunc(s.ready, func(n int32) bool {
			k := s.w.key[n]
			return s.open[k] == none && (s.left[k] == 1 || s.need[s.w.of[n]] == 0)
		})
		if safe < 0 {
			return
		}
		s.do(s.ready[safe])
	}
}

// choices are the writes that may come next, those first that were called first.
func (s *search) choices() []int32 {
	var found []int32
	for _, n := range s.ready {
		if s.open[s.w.key[n]] == none {
			found = append(found, n)
		}
	}
	slices.SortFunc(found, func(a, b int32) int { return cmp.Compare(s.w.ops[a].call, s.w.ops[b].call) })
	return found
}

// choice is a point of the search: what was done by then, and what may come next.
type choice struct {
	mark int
	next []int32
}

// bytesPerState is what a remembered one takes, its part of the points included.
const bytesPerState = 64

// run returns an order, or whether there is none for sure.
func (s *search) run(ctx context.Context, memory int64) (order []int32, ended bool) {
	seen := map[[2]uint64]struct{}{}
	var path []choice
	held := int64(0) // choices on the path
	for steps := 0; ; steps++ {
		s.advance()
		s.best = max(s.best, s.operations())
		if len(s.done) == s.w.g.nodes {
			return s.done, false
		}
		if _, again := seen[s.sum]; !again {
			seen[s.sum] = struct{}{}
			next := s.choices()
			held += int64(len(next))
			path = append(path, choice{len(s.done), next})
		}
		for len(path) > 0 && len(path[len(path)-1].next) == 0 {
			path = path[:len(path)-1]
		}
		if len(path) == 0 {
			return nil, true
		}
		if int64(len(seen))*bytesPerState+held*4 > memory || steps%64 == 0 && ctx.Err() != nil {
			return nil, false
		}
		top := &path[len(path)-1]
		s.undo(top.mark)
		s.do(top.next[0])
		top.next = top.next[1:]
	}
}

// operations is how many of those done are operations, and not the ends of blocks; an
// estimate that costs nothing: as many ends are done as blocks are begun and not open.
func (s *search) operations() int {
	ends := 0
	for k, b := range s.w.blocks {
		ends += b.count - int(s.left[k])
		if s.open[k] != none {
			ends--
		}
	}
	return len(s.done) - ends
}
