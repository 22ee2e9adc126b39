package weaker

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// What is forced: if an operation on block X comes before one on block Y of the same key,
// all of X comes before all of Y, since blocks don't mix. That makes more come before more,
// so it is repeated until nothing new follows. Whoever comes before whom is kept as clocks,
// one for each operation: how many operations of each process come before it (Fidge;
// Mattern, 1988).

// bytesPerEdge is what one that is forced takes, with the graph's index and what is known.
const bytesPerEdge = 100

// chains are the operations of processes as clocks count them: each stands after the one
// before it. A process whose operation in doubt is not its last one has several.
type chains struct {
	of, at []int32   // by operation: its chain, its place there, from 1
	ops    [][]int32 // by chain
}

func (w *world) chains() *chains {
	c := &chains{of: make([]int32, len(w.ops)), at: make([]int32, len(w.ops))}
	current := map[int32]int32{} // by process
	for _, i := range w.byCall {
		p := w.ops[i].process
		n, found := current[p]
		if found {
			last := c.ops[n][len(c.ops[n])-1]
			found = w.ops[last].ret != pending
		}
		if !found {
			n = int32(len(c.ops))
			current[p], c.ops = n, append(c.ops, nil)
		}
		c.ops[n] = append(c.ops[n], i)
		c.of[i], c.at[i] = n, int32(len(c.ops[n]))
	}
	return c
}

// visits are a chain's operations on one key: their places, ascending.
type visits struct {
	chain int32
	ops   []int32
}

// saturate adds what is forced to the graph and returns a circle, if it comes to one. It
// ends early when time is up, or does nothing if the clocks have no room.
func (w *world) saturate(ctx context.Context, memory int64) []edge {
	c := w.chains()
	width := len(c.ops)
	g := w.g
	g.index()
	if circle := g.cycle(); circle != nil {
		return circle
	}
	if int64(g.nodes)*int64(width)*4 > memory {
		return nil
	}
	visited := make([][]visits, len(w.rs))
	for n, ops := range c.ops {
		by := map[int32][]int32{}
		for _, i := range ops {
			by[w.key[i]] = append(by[w.key[i]], i)
		}
		for k, on := range by {
			visited[k] = append(visited[k], visits{int32(n), on})
		}
	}
	for k := range visited {
		slices.SortFunc(visited[k], func(a, b visits) int { return int(a.chain) - int(b.chain) })
	}
	clocks := make([]int32, g.nodes*width)
	known := map[[2]int32]bool{}
	for ctx.Err() == nil {
		order := g.sort()
		if len(order) < g.nodes {
			return g.cycle()
		}
		clear(clocks)
		for _, n := range order {
			clock := clocks[int(n)*width:][:width]
			if int(n) < len(w.ops) {
				clock[c.of[n]] = c.at[n]
			}
			for _, e := range g.leaving(n) {
				to := clocks[int(g.edges[e].to)*width:][:width]
				for p, at := range clock {
					to[p] = max(to[p], at)
				}
			}
		}
		before := len(g.edges)
		for y, root := range w.root {
			y := int32(y)
			if root == none { // it comes before the others, or there was a circle already
				continue
			}
			clock := clocks[int(w.end(y))*width:][:width]
			for _, v := range visited[w.home[y]] {
				// The last operation of the chain that comes before one of y, but is none.
				k := sort.Search(len(v.ops), func(k int) bool { return c.at[v.ops[k]] > clock[v.chain] }) - 1
				for k >= 0 && w.of[v.ops[k]] == y {
					k--
				}
				if k < 0 {
					continue
				}
				x := w.of[v.ops[k]]
				if x == w.begin[w.home[y]] || known[[2]int32{x, y}] {
					continue
				}
				known[[2]int32{x, y}] = true
				g.add(edge{from: w.end(x), to: root, a: v.ops[k], b: w.end(y), why: follows})
			}
		}
		if len(g.edges) == before || int64(len(g.edges))*bytesPerEdge > memory {
			return nil
		}
		g.index()
	}
	return nil
}

// anomaly tells of a circle.
func (w *world) anomaly(circle []edge) checkers.Anomaly {
	var parts []string
	hops := w.merge(circle)
	for _, h := range hops {
		switch {
		case h.why == inOrder:
			parts = append(parts, fmt.Sprintf("%s %s and then %s", w.who(h.a), w.did(h.a), w.did(h.b)))
		case h.why == follows && w.isOp(h.a) && !w.isOp(h.from):
			r := w.rs[w.key[h.to]]
			parts = append(parts, fmt.Sprintf("hence on %s %s comes before %s", r.name(), w.begins(h.from), r.value(w.ops[h.to].to)))
		}
	}
	a := checkers.Anomaly{Name: "nonsequential", Sentence: shorten(parts) + "; no one order of all operations fits"}
	a.Ops = w.events(w.reasons(circle))
	return a
}

// merge makes one hop of those in a row by the same process.
func (w *world) merge(circle []edge) []edge {
	var merged []edge
	for _, e := range circle {
		if n := len(merged); n > 0 && e.why == inOrder {
			if l := &merged[n-1]; l.why == inOrder && w.ops[l.a].process == w.ops[e.a].process {
				l.b, l.to = e.b, e.to
				continue
			}
		}
		merged = append(merged, e)
	}
	return merged
}

func (w *world) isOp(n int32) bool { return n >= 0 && int(n) < len(w.ops) }

// begins is the value with which the block begins whose end a node is.
func (w *world) begins(end int32) string {
	block := end - int32(len(w.ops))
	r := w.rs[w.home[block]]
	if w.root[block] == none {
		return r.value(initial)
	}
	return r.value(w.ops[w.root[block]].to)
}

// reasons are the operations of a circle, and of all from which its edges follow.
func (w *world) reasons(circle []edge) []int32 {
	number := map[[2]int32]int32{}
	for i, e := range w.g.edges {
		if _, found := number[[2]int32{e.from, e.to}]; !found {
			number[[2]int32{e.from, e.to}] = int32(i)
		}
	}
	var ops []int32
	told := map[int32]bool{}
	for queue := slices.Clone(circle); len(queue) > 0 && len(ops) <= maxProof; {
		e := queue[0]
		queue = queue[1:]
		i := number[[2]int32{e.from, e.to}]
		if told[i] {
			continue
		}
		told[i] = true
		for _, n := range [...]int32{e.from, e.to} {
			if w.isOp(n) {
				ops = append(ops, n)
			}
		}
		if e.why == follows && w.isOp(e.a) && !w.isOp(e.from) {
			queue = append(queue, w.g.path(e.a, e.b, i)...)
		}
	}
	return ops
}

// events are those of the operations, and of those that these depend on.
func (w *world) events(ops []int32) []int {
	by := make([][]int32, len(w.rs))
	for _, i := range ops {
		by[w.key[i]] = append(by[w.key[i]], i-w.base[w.key[i]])
	}
	var events []int
	for k, on := range by {
		events = append(events, w.rs[k].events(on)...)
	}
	slices.Sort(events)
	return events
}

func (w *world) who(i int32) string { return w.rs[w.key[i]].who(i - w.base[w.key[i]]) }

// did tells what an operation did, and where.
func (w *world) did(i int32) string {
	r := w.rs[w.key[i]]
	text := r.did(i - w.base[w.key[i]])
	if r.Keyed {
		text += " on key " + history.Int(r.Key).String()
	}
	return text
}

// exhausted tells that all orders were tried.
func (w *world) exhausted() checkers.Anomaly {
	all := w.byCall[:min(len(w.byCall), maxProof)]
	return checkers.Anomaly{Name: "nonsequential", Ops: w.events(all),
		Sentence: fmt.Sprintf("the %d operations on %s have no order that is legal and keeps to that of each process: all were tried", len(w.ops), about(w.rs))}
}
