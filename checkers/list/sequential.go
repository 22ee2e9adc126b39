package list

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// Sequential returns a checker of sequential consistency (Lamport, IEEE ToC 1979): one order
// of all operations on all lists exists in which each process's stand in the order in which
// it did them. Real time means nothing to it.
//
// That is NP-hard to decide of registers, but of lists reads give away all there is to know:
// elements that were read stand in the order of the longest read, a read stands between the
// last element that it saw and the next, and an acknowledged element that nobody saw behind
// everything that was read of its list. Every one of these must hold, and together with the
// order of the processes they are all that an order has to keep to. So there is one unless
// they run in a circle, which takes linear time to find out.
func Sequential() checkers.Checker { return sequential{} }

type sequential struct{}

func (sequential) Name() string { return "list" }

func (c sequential) Check(ctx context.Context, h *history.History, budget checkers.Budget) checkers.Result {
	budget = budget.OrDefault()
	ctx, cancel := context.WithTimeout(ctx, budget.Time)
	defer cancel()
	result := checkers.Result{Checker: c.Name()}
	g := &circle{}
	invalid, elements, reads := 0, 0, 0
	subjects := gather(h, budget.Memory)
	for _, s := range subjects {
		s.untimed = true
		if s.Fault == "" && ctx.Err() != nil {
			s.Fault = "no time was left for it"
		}
		if s.Fault != "" {
			result.Doubt(s.name(), s.Fault)
			continue
		}
		elements, reads = elements+len(s.elements), reads+len(s.reads)
		if a := s.unordered(); a != nil {
			result.Valid = checkers.Invalid
			if invalid++; invalid <= maxAnomalies {
				result.Anomalies = append(result.Anomalies, *a)
			}
			continue
		}
		g.take(s)
	}
	if a := g.anomaly(); a != nil {
		result.Valid = checkers.Invalid
		result.Anomalies = append(result.Anomalies, *a)
	}
	result.Count("keys", len(subjects), "")
	result.Count("elements", elements, "that may have been appended, or were read")
	result.Count("reads", reads, "")
	return result
}

// node is an operation in the graph, or the end of what was read of a list.
type node struct {
	s         *subject
	call, ret int // ret is never where it is in doubt; call none for the end of a list
	process   int
	element   int32 // number, or none: a read, or an end
	read      int   // or none
	next      []int32
}

// circle is the graph of what must come before what.
type circle struct {
	nodes []node
	own   [][2]int32 // what a process did, and what it did next
}

func (g *circle) add(s *subject, call, ret int, element int32, read int) int32 {
	n := node{s: s, call: call, ret: ret, element: element, read: read, process: none}
	if call != none {
		n.process = s.H.At(call).Process
	}
	g.nodes = append(g.nodes, n)
	return int32(len(g.nodes) - 1)
}

func (g *circle) before(a, b int32) { g.nodes[a].next = append(g.nodes[a].next, b) }

// take adds a list whose reads are beginnings of one another, by their length.
func (g *circle) take(s *subject) {
	var order []int32
	if n := len(s.reads); n > 0 {
		order = s.reads[n-1].elements
	}
	last := int32(none)
	next := 0
	var waiting []int32 // reads that the next element stands behind
	for k := 0; k <= len(order); k++ {
		for ; next < len(s.reads) && len(s.reads[next].elements) == k; next++ {
			r := g.add(s, s.reads[next].call, s.reads[next].ret, none, next)
			if last != none {
				g.before(last, r)
			}
			waiting = append(waiting, r)
		}
		var here int32
		if k == len(order) {
			here = g.add(s, none, none, none, none)
		} else {
			el := s.elements[order[k]]
			ret := never
			if el.acked != none {
				ret = el.acked
			}
			here = g.add(s, el.appended, ret, order[k], none)
		}
		if last != none {
			g.before(last, here)
		}
		for _, r := range waiting {
			g.before(r, here)
		}
		waiting, last = waiting[:0], here
	}
	for n, el := range s.elements {
		if !el.seen && el.appended != none && el.acked != none {
			g.before(last, g.add(s, el.appended, el.acked, int32(n), none))
		}
	}
}

// processes adds the order in which each process did its operations. What is in doubt comes
// after what its process had done, and before nothing.
func (g *circle) processes() {
	var order []int32
	for i, n := range g.nodes {
		if n.call != none {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(g.nodes[a].call, g.nodes[b].call) })
	last := map[int]int32{}
	for _, i := range order {
		n := g.nodes[i]
		if p, found := last[n.process]; found {
			g.before(p, i)
			g.own = append(g.own, [2]int32{p, i})
		}
		if n.ret != never {
			last[n.process] = i
		}
	}
}

// anomaly finds a circle, a short one.
func (g *circle) anomaly() *checkers.Anomaly {
	g.processes()
	in := make([]int32, len(g.nodes))
	for _, n := range g.nodes {
		for _, m := range n.next {
			in[m]++
		}
	}
	var free []int32
	for i := range g.nodes {
		if in[i] == 0 {
			free = append(free, int32(i))
		}
	}
	left := len(g.nodes)
	for len(free) > 0 {
		n := free[len(free)-1]
		free = free[:len(free)-1]
		left--
		for _, m := range g.nodes[n].next {
			if in[m]--; in[m] == 0 {
				free = append(free, m)
			}
		}
	}
	if left == 0 {
		return nil
	}
	var best []int32
	tried := 0
	for _, e := range g.own {
		// A circle leads over something that a process did after something else.
		if in[e[0]] > 0 && in[e[1]] > 0 && tried < mostTries {
			tried++
			if path := g.path(e[1], e[0], in, len(best)); path != nil {
				best = path
			}
		}
	}
	return g.tell(best)
}

// mostTries bounds the search for a short circle.
const mostTries = 200

// path returns a shortest way from a to b among what is left, if it is shorter than most (0:
// however long).
func (g *circle) path(a, b int32, in []int32, most int) []int32 {
	from := map[int32]int32{a: a}
	depth := map[int32]int{a: 1}
	for queue := []int32{a}; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		if n == b {
			path := []int32{n}
			for n != a {
				n = from[n]
				path = append(path, n)
			}
			slices.Reverse(path)
			return path
		}
		if most > 0 && depth[n] >= most-1 {
			continue
		}
		for _, m := range g.nodes[n].next {
			if _, seen := from[m]; !seen && in[m] > 0 {
				from[m], depth[m] = n, depth[n]+1
				queue = append(queue, m)
			}
		}
	}
	return nil
}

// tell tells of a circle: each of its operations must come before the next, and the last
// before the first.
func (g *circle) tell(path []int32) *checkers.Anomaly {
	var steps []string
	var longest []read // of each list in which elements show the way
	a := &checkers.Anomaly{Name: "nonsequential"}
	for k, i := range path {
		n := g.nodes[i]
		if n.call == none {
			continue
		}
		a.Ops = append(a.Ops, n.call)
		if k+1 < len(path) && n.read == none && g.nodes[path[k+1]].read == none && len(n.s.reads) > 0 {
			if r := n.s.reads[len(n.s.reads)-1]; !slices.ContainsFunc(longest, func(o read) bool { return o.call == r.call }) {
				longest = append(longest, r)
				a.Ops = append(a.Ops, r.call, r.ret)
			}
		}
		if n.ret != never {
			a.Ops = append(a.Ops, n.ret)
		}
		before, after := g.nodes[path[(k+len(path)-1)%len(path)]], g.nodes[path[(k+1)%len(path)]]
		if before.process != n.process && after.process != n.process && n.read == none && len(path) > 8 {
			continue // an element on the way through a long list
		}
		steps = append(steps, n.did())
	}
	if len(path) == 0 {
		a.Sentence = "no order of all operations keeps to the order of each process"
		return a
	}
	a.Sentence = "no order of all operations keeps to the order of each process: each of these comes before the next, and the last before the first: " + strings.Join(steps, "; ")
	for _, r := range longest {
		a.Sentence += fmt.Sprintf("; the order of elements is that of %s's read at %s", g.nodes[path[0]].s.Who(r.call), g.nodes[path[0]].s.When(r.ret))
	}
	slices.Sort(a.Ops)
	a.Ops = slices.Compact(a.Ops)
	if s := g.nodes[path[0]].s; s.Keyed && !slices.ContainsFunc(path, func(i int32) bool { return g.nodes[i].s != s }) {
		key := s.Key
		a.Key = &key
	}
	return a
}

// did tells what an operation did.
func (n node) did() string {
	s, where := n.s, ""
	if s.Keyed {
		where = fmt.Sprintf(" of key %d", s.Key)
	}
	if n.read == none {
		if n.ret == never {
			return fmt.Sprintf("%s appended element %d%s (from %s on, never acknowledged)", s.Who(n.call), s.elements[n.element].value, where, s.When(n.call))
		}
		return fmt.Sprintf("%s appended element %d%s (at %s)", s.Who(n.call), s.elements[n.element].value, where, s.When(n.ret))
	}
	r := s.reads[n.read]
	if len(r.elements) == 0 {
		return fmt.Sprintf("%s read nothing%s (at %s)", s.Who(n.call), where, s.When(n.ret))
	}
	return fmt.Sprintf("%s read %d elements%s, up to %d (at %s)", s.Who(n.call), len(r.elements), where, s.elements[r.elements[len(r.elements)-1]].value, s.When(n.ret))
}
