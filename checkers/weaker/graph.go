package weaker

import "slices"

// cause says why one thing must come before another.
type cause uint8

const (
	inOrder  cause = iota // a process did a and then b
	first                 // what a register holds at first comes before all else
	replaced              // the compare-and-set b put its value in the place of another
	sees                  // b saw what a wrote, or put its value in the place of what a saw
	follows               // one version must follow another, since an operation on it does
)

// edge says that node from must come before node to, because of the operations a and b.
type edge struct {
	from, to int32
	a, b     int32
	why      cause
	asks     guarantee // of an edge in order: the session guarantees that ask for it
}

// graph is what must come before what.
type graph struct {
	nodes int
	edges []edge
	start []int32 // by node: its edges in out
	out   []int32
}

func (g *graph) add(e edge) { g.edges = append(g.edges, e) }

// index sorts the edges by where they leave; none may be added after it.
func (g *graph) index() {
	g.start = make([]int32, g.nodes+1)
	for _, e := range g.edges {
		g.start[e.from+1]++
	}
	for n := range g.nodes {
		g.start[n+1] += g.start[n]
	}
	at := slices.Clone(g.start)
	g.out = make([]int32, len(g.edges))
	for i, e := range g.edges {
		g.out[at[e.from]] = int32(i)
		at[e.from]++
	}
}

func (g *graph) leaving(n int32) []int32 { return g.out[g.start[n]:g.start[n+1]] }

// sort returns the nodes in an order that fits, as many as have a place in one: all, if
// there is no cycle (Kahn, CACM 1962).
func (g *graph) sort() []int32 {
	missing := make([]int32, g.nodes)
	for _, e := range g.edges {
		missing[e.to]++
	}
	order := make([]int32, 0, g.nodes)
	for n, m := range missing {
		if m == 0 {
			order = append(order, int32(n))
		}
	}
	for k := 0; k < len(order); k++ {
		for _, i := range g.leaving(order[k]) {
			to := g.edges[i].to
			if missing[to]--; missing[to] == 0 {
				order = append(order, to)
			}
		}
	}
	return order
}

// components numbers the strongly connected components (Tarjan, SIAM J. Comput. 1972), by
// node, and tells their sizes.
func (g *graph) components() (of, size []int32) {
	of = fill(g.nodes)
	index, low := fill(g.nodes), make([]int32, g.nodes)
	next := slices.Clone(g.start)
	var stack, path []int32
	count := int32(0)
	for root := range int32(g.nodes) {
		if index[root] != none {
			continue
		}
		path = append(path[:0], root)
		for len(path) > 0 {
			n := path[len(path)-1]
			if index[n] == none {
				index[n], low[n] = count, count
				count++
				stack = append(stack, n)
			}
			if at := next[n]; at < g.start[n+1] {
				next[n]++
				switch to := g.edges[g.out[at]].to; {
				case index[to] == none:
					path = append(path, to)
				case of[to] == none:
					low[n] = min(low[n], index[to])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				above := path[len(path)-1]
				low[above] = min(low[above], low[n])
			}
			if low[n] != index[n] {
				continue
			}
			members := int32(0)
			for {
				last := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				of[last] = int32(len(size))
				if members++; last == n {
					break
				}
			}
			size = append(size, members)
		}
	}
	return of, size
}

// A short cycle is looked for from so many nodes, if that does not take too many steps.
const (
	sources  = 64
	maxSteps = 4e6
)

// cycle returns a short cycle, or nil if there is none.
func (g *graph) cycle() []edge {
	if len(g.sort()) == g.nodes {
		return nil
	}
	for _, e := range g.edges {
		if e.from == e.to {
			return []edge{e}
		}
	}
	of, size := g.components()
	var best []edge
	tried, steps := 0, 0
	for n := range int32(g.nodes) {
		if size[of[n]] == 1 {
			continue
		}
		if c := g.cycleThrough(n, of, &steps); best == nil || len(c) < len(best) {
			best = c
		}
		if tried++; tried == sources || steps > maxSteps || len(best) == 2 {
			break
		}
	}
	return best
}

// cycleThrough returns the shortest cycle through a node of a component larger than one.
func (g *graph) cycleThrough(start int32, of []int32, steps *int) []edge {
	by := map[int32]int32{} // the edge by which a node was reached first
	queue := []int32{start}
	for k := 0; k < len(queue); k++ {
		for _, i := range g.leaving(queue[k]) {
			*steps++
			to := g.edges[i].to
			if of[to] != of[start] {
				continue
			}
			if to == start {
				return g.walkBack(i, start, by)
			}
			if _, seen := by[to]; !seen {
				by[to] = i
				queue = append(queue, to)
			}
		}
	}
	return nil
}

// path returns the shortest way between two nodes along the edges added before one.
func (g *graph) path(from, to, limit int32) []edge {
	by := map[int32]int32{}
	queue := []int32{from}
	for k := 0; k < len(queue); k++ {
		for _, i := range g.leaving(queue[k]) {
			e := g.edges[i]
			if i >= limit {
				continue
			}
			if e.to == to {
				return g.walkBack(i, from, by)
			}
			if _, seen := by[e.to]; !seen && e.to != from {
				by[e.to] = i
				queue = append(queue, e.to)
			}
		}
	}
	return nil
}

// walkBack collects the edges from start up to the last one.
func (g *graph) walkBack(last, start int32, by map[int32]int32) []edge {
	found := []edge{g.edges[last]}
	for n := g.edges[last].from; n != start; {
		e := g.edges[by[n]]
		found = append(found, e)
		n = e.from
	}
	slices.Reverse(found)
	return found
}
