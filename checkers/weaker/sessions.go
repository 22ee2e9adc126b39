package weaker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/model"
)

// Session guarantees (Terry and others, PDIS 1994), a process being a session. Which of two
// versions is the newer one, a history does not say, and a store that orders writes by its
// own clocks need not go by real time. So each guarantee asks for an order of each key's
// versions, the initial one first and what a compare-and-set wrote after what it replaced,
// in which (as Viotti and Vukolic put it, ACM Comput. Surv. 2016):
//
//   - monotonic-reads: no process reads a version and later one that comes before it;
//   - read-your-writes: no process reads a version that comes before one that it had
//     written;
//   - monotonic-writes: the versions that a process wrote come in the order in which it
//     wrote them;
//   - writes-follow-reads: the version that a process wrote comes after all that it had
//     read.
//
// Each is decided exactly: such an order exists just if the graph of which version must
// come before which has no cycle. Taken by itself a guarantee asks little, and of
// monotonic-writes no history without a compare-and-set can prove that it fails: a reader
// that saw two writes the wrong way round may itself have gone back. Together they ask for
// more: all four in one order are coherence, but for compare-and-sets, which coherence also
// wants to be atomic. So where a guarantee and others contradict each other, and neither
// does so by itself, the verdict is unknown: one of them is broken, and a history does not
// say which. A process that read 1, wrote 2 and then read 1 saw a stale version, if 2 came
// after 1, and its own newest one, if a clock that is late put 2 before 1.
//
// They are about each key by itself: what a process did on other keys is not looked at.

// guarantee is one of them, or several, as a set.
type guarantee uint8

const (
	monotonicReads guarantee = 1 << iota
	readYourWrites
	monotonicWrites
	writesFollowReads

	allFour = monotonicReads | readYourWrites | monotonicWrites | writesFollowReads
)

var guarantees = []struct {
	is    guarantee
	model model.Model
}{
	{readYourWrites, model.ReadYourWrites},
	{monotonicReads, model.MonotonicReads},
	{monotonicWrites, model.MonotonicWrites},
	{writesFollowReads, model.WritesFollowReads},
}

// MonotonicReads, ReadYourWrites, MonotonicWrites and WritesFollowReads return checkers of
// one guarantee each.
func MonotonicReads() checkers.Checker    { return session(monotonicReads, model.MonotonicReads) }
func ReadYourWrites() checkers.Checker    { return session(readYourWrites, model.ReadYourWrites) }
func MonotonicWrites() checkers.Checker   { return session(monotonicWrites, model.MonotonicWrites) }
func WritesFollowReads() checkers.Checker { return session(writesFollowReads, model.WritesFollowReads) }

func session(g guarantee, m model.Model) checkers.Checker {
	return perKey{name: string(m), judge: func(r *register, t *tails) ([]checkers.Anomaly, string) {
		if r.contradiction(t) == nil {
			return nil, "" // what is coherent keeps them all
		}
		p := r.past(t)
		if found := r.breaks(g, string(m), p); found != nil {
			return found, ""
		}
		return nil, r.doubts(g, p)
	}}
}

// doubts says why a guarantee that holds by itself may not: because there are others that
// hold together without it and do not with it, so that one of them is broken. It is "" if
// there are none.
func (r *register) doubts(g guarantee, p past) string {
	var best []edge
	for others := guarantee(1); others <= allFour; others++ {
		if others&g != 0 || r.sessionCycle(others, p, nil) != nil {
			continue
		}
		if c := r.sessionCycle(others|g, p, nil); c != nil && (best == nil || len(c) < len(best)) {
			best = c
		}
	}
	if best == nil {
		return ""
	}
	w := &witness{hops: best}
	return r.tell(w) + r.jointly(w) + ", and which of them does nobody can tell from outside"
}

// breaks returns the anomalies of a guarantee on the register: one for each process that
// breaks it by itself or, if none does, one for those that break it together.
func (r *register) breaks(g guarantee, name string, p past) []checkers.Anomaly {
	cycle := r.sessionCycle(g, p, nil)
	if cycle == nil {
		return nil
	}
	var found []checkers.Anomaly
	for _, process := range r.involved(g, p) {
		if c := r.sessionCycle(g, p, func(o op) bool { return o.process == process }); c != nil {
			found = append(found, r.anomaly(name, &witness{hops: c}, ""))
		}
	}
	if found == nil {
		found = append(found, r.anomaly(name, &witness{hops: cycle}, "; no order of the versions fits all of them"))
	}
	return found
}

// versionGraph is what holds of the versions whoever did what: the initial one comes first,
// and what a compare-and-set wrote after what it replaced. Of compare-and-sets in a circle,
// which contradict each other without any process's help, nothing is concluded.
func (r *register) versionGraph() *graph {
	g := &graph{nodes: len(r.values)}
	for i, o := range r.ops {
		if o.kind == cas {
			g.add(edge{from: o.from, to: o.to, a: none, b: int32(i), why: replaced})
		}
	}
	g.index()
	if len(g.sort()) < g.nodes {
		of, _ := g.components()
		g.edges = slices.DeleteFunc(g.edges, func(e edge) bool { return of[e.from] == of[e.to] })
	}
	for v := int32(1); v < int32(g.nodes); v++ {
		g.add(edge{from: initial, to: v, a: none, b: none, why: first})
	}
	return g
}

// past tells of each operation which ones came before it in its process on this register:
// the last that read, and the last that wrote.
type past struct{ read, wrote []int32 }

func (r *register) past(t *tails) past {
	p := past{fill(len(r.ops)), fill(len(r.ops))}
	for i, j := range r.before(t) {
		if j == none {
			continue
		}
		p.read[i], p.wrote[i] = p.read[j], p.wrote[j]
		if r.ops[j].reads() {
			p.read[i] = j
		}
		if r.ops[j].mutates() {
			p.wrote[i] = j
		}
	}
	return p
}

// constrained is the graph of versions with what guarantees ask for, of the operations that
// count; nil counts all. Besides versions it has a node for what a process had read, and
// one for what it had written, up to each operation, so that it stays small.
func (r *register) constrained(what guarantee, p past, counts func(op) bool) *graph {
	g := r.versionGraph()
	hub := func() int32 { g.nodes++; return int32(g.nodes - 1) }
	var seen, made []int32 // by operation: the nodes of what was read, and written, with it
	var overtaken []int32  // by version: up to which later write of its own writer's process
	if what&writesFollowReads != 0 {
		seen = fill(len(r.ops))
	}
	if what&readYourWrites != 0 {
		made, overtaken = fill(len(r.ops)), fill(len(r.values))
	}
	for i, o := range r.ops {
		i := int32(i)
		if counts != nil && !counts(o) {
			continue
		}
		lastRead, lastWrite := p.read[i], p.wrote[i]
		if what&monotonicReads != 0 && o.reads() && lastRead != none && r.ops[lastRead].from != o.from {
			g.add(edge{from: r.ops[lastRead].from, to: o.from, a: lastRead, b: i, why: inOrder, asks: monotonicReads})
		}
		if what&monotonicWrites != 0 && o.mutates() && lastWrite != none {
			g.add(edge{from: r.ops[lastWrite].to, to: o.to, a: lastWrite, b: i, why: inOrder, asks: monotonicWrites})
		}
		if what&writesFollowReads != 0 {
			if o.mutates() && lastRead != none {
				g.add(edge{from: seen[lastRead], to: o.to, a: none, b: i, why: inOrder})
			}
			if o.reads() {
				seen[i] = hub()
				g.add(edge{from: o.from, to: seen[i], a: i, b: none, why: inOrder, asks: writesFollowReads})
				if lastRead != none {
					g.add(edge{from: seen[lastRead], to: seen[i], a: none, b: none, why: inOrder})
				}
			}
		}
		if what&readYourWrites == 0 {
			continue
		}
		if o.reads() && lastWrite != none {
			r.readOwn(g, p, made, overtaken, i)
		}
		if o.mutates() {
			made[i] = hub()
			g.add(edge{from: o.to, to: made[i], a: i, b: none, why: inOrder, asks: readYourWrites})
			if lastWrite != none {
				g.add(edge{from: made[lastWrite], to: made[i], a: none, b: none, why: inOrder})
			}
		}
	}
	g.index()
	return g
}

// readOwn says that what operation i read must not come before what its process had
// written: any of it but, maybe, the very version that was read.
func (r *register) readOwn(g *graph, p past, made, overtaken []int32, i int32) {
	v, last := r.ops[i].from, p.wrote[i]
	w := r.writer[v]
	if w == none || r.ops[w].process != r.ops[i].process || w > last {
		g.add(edge{from: made[last], to: v, a: none, b: i, why: inOrder})
		return
	}
	if earlier := p.wrote[w]; earlier != none {
		g.add(edge{from: made[earlier], to: v, a: none, b: i, why: inOrder})
	}
	for j := last; j != w && j != overtaken[v]; j = p.wrote[j] {
		if len(g.edges) > maxEdges*(len(r.ops)+len(r.values)) {
			r.Reject("processes read what they wrote long ago too often for it to be decided")
			return
		}
		g.add(edge{from: r.ops[j].to, to: v, a: j, b: i, why: inOrder, asks: readYourWrites})
	}
	overtaken[v] = last
}

// maxEdges bounds the graph, for each operation and version: a process that goes on reading
// many of its old writes makes an edge for each of the newer ones.
const maxEdges = 16

// sessionCycle returns a short cycle among the versions, or nil.
func (r *register) sessionCycle(what guarantee, p past, counts func(op) bool) []edge {
	cycle := r.constrained(what, p, counts).cycle()
	versions := int32(len(r.values))
	for k, e := range cycle {
		if e.from < versions {
			cycle = append(cycle[k:len(cycle):len(cycle)], cycle[:k]...)
			break
		}
	}
	var hops []edge
	for _, e := range cycle {
		if e.from < versions {
			hops = append(hops, e)
			continue
		}
		l := &hops[len(hops)-1]
		if l.to = e.to; e.b != none {
			l.b = e.b
		}
	}
	var merged []edge
	for _, e := range hops {
		if n := len(merged); n > 0 {
			if l := &merged[n-1]; r.joins(*l, e) && l.asks == e.asks && l.a < e.b && l.from != e.to {
				l.b, l.to = e.b, e.to
				continue
			}
		}
		merged = append(merged, e)
	}
	return merged
}

// maxWork bounds looking for the processes that break a guarantee by themselves.
const maxWork = 100e6

// involved are the processes that may break a guarantee by themselves.
func (r *register) involved(what guarantee, p past) []int32 {
	g := r.constrained(what, p, nil)
	of, size := g.components()
	var found []int32
	for _, e := range g.edges {
		if i := max(e.a, e.b); e.why == inOrder && of[e.from] == of[e.to] && (size[of[e.from]] > 1 || e.from == e.to) && i != none {
			found = append(found, r.ops[i].process)
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	return found[:min(len(found), 1+maxWork/(len(g.edges)+g.nodes))]
}

// jointly says what follows from a proof of incoherence.
func (r *register) jointly(w *witness) string {
	if w.knot != nil {
		return ""
	}
	const nothing = "; no order of the versions fits that"
	if len(w.links) > 0 {
		return nothing
	}
	var broken guarantee
	for _, h := range w.hops {
		broken |= h.asks
	}
	var names []string
	for _, g := range guarantees {
		if broken&g.is != 0 {
			names = append(names, string(g.model))
		}
	}
	switch n := len(names); n {
	case 0:
		return nothing
	case 1:
		return "; so " + names[0] + " does not hold"
	default:
		return fmt.Sprintf("; so %s and %s do not hold together", strings.Join(names[:n-1], ", "), names[n-1])
	}
}
