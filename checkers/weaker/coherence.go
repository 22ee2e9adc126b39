package weaker

import (
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

// Coherence returns a checker of sequential consistency of each key by itself: one order of
// the key's operations exists that is legal and in which each process's stand in the order
// in which it did them. It is what a multiprocessor's memory is called coherent for.
//
// It is decided exactly, in linear time, since a version's operations stand together as a
// block (blocks.go). A legal order exists just if, within each block, no process did
// something of a later stage before something of an earlier one; and the blocks can be
// lined up, the initial one first, so that each process meets them in its order: if the
// graph of what must precede what has no cycle. That this suffices: line the blocks up,
// write each out stage by stage, and within a stage, where only reads of one version are,
// by invocation.
func Coherence() checkers.Checker {
	return perKey{name: string(model.Coherent), judge: (*register).incoherent}
}

// incoherent returns why the register is not coherent, if it is not.
func (r *register) incoherent(t *tails) ([]checkers.Anomaly, string) {
	if w := r.contradiction(t); w != nil {
		return []checkers.Anomaly{r.anomaly("incoherent", w, r.jointly(w))}, ""
	}
	return nil, ""
}

// contradiction is what proves the register incoherent, or nil.
func (r *register) contradiction(t *tails) *witness {
	b, k := r.blocks()
	if k != nil {
		return &witness{knot: k}
	}
	prev := r.before(t)
	g := &graph{nodes: b.count}
	for i, p := range prev {
		if p == none {
			continue
		}
		i := int32(i)
		x, y := r.ops[p], r.ops[i]
		from, to := b.block(x), b.block(y)
		switch {
		case from != to:
			g.add(edge{from: from, to: to, a: p, b: i, why: inOrder, asks: r.asks(p, i)})
		case b.stage(x) > b.stage(y):
			w := &witness{hops: []edge{{a: p, b: i, why: inOrder, asks: r.asks(p, i)}}}
			for v := y.version(); v != x.version(); {
				t := b.taker[v]
				w.hops = append(w.hops, edge{a: none, b: t, why: replaced})
				v = r.ops[t].to
			}
			return w
		}
	}
	for n := int32(1); n < int32(b.count); n++ {
		g.add(edge{from: 0, to: n, a: none, b: none, why: first})
	}
	g.index()
	cycle := g.cycle()
	if cycle == nil {
		return nil
	}
	w := &witness{hops: r.merge(cycle)}
	// What ties the operations together by which the cycle enters a block and leaves it.
	for k, h := range w.hops {
		if h.why == first {
			continue // to whatever the block begins with
		}
		next := w.hops[(k+1)%len(w.hops)]
		v, u := r.ops[h.b].version(), int32(initial)
		if next.a != none {
			u = r.ops[next.a].version()
		}
		if b.place[v] > b.place[u] {
			v, u = u, v
		}
		for v != u {
			t := b.taker[v]
			w.links = append(w.links, t)
			v = r.ops[t].to
		}
	}
	slices.Sort(w.links)
	w.links = slices.Compact(w.links)
	return w
}

// merge makes one hop of two in a row by the same process, unless that ends where it began.
func (r *register) merge(cycle []edge) []edge {
	var merged []edge
	for _, e := range cycle {
		if n := len(merged); n > 0 {
			if l := &merged[n-1]; r.joins(*l, e) && l.a < e.b && l.from != e.to {
				l.b, l.to, l.asks = e.b, e.to, r.asks(l.a, e.b)
				continue
			}
		}
		merged = append(merged, e)
	}
	return merged
}

// joins reports whether one hop goes on where the other ends, within a process.
func (r *register) joins(l, e edge) bool {
	return l.why == inOrder && e.why == inOrder && r.ops[l.a].process == r.ops[e.a].process
}

// asks is the session guarantee that asks for the version that operation a left there to
// come before that which b, which its process did later, left there.
func (r *register) asks(a, b int32) guarantee {
	switch x, y := r.ops[a].mutates(), r.ops[b].mutates(); {
	case x && y:
		return monotonicWrites
	case x:
		return readYourWrites
	case y:
		return writesFollowReads
	}
	return monotonicReads
}

// anomaly puts a witness into the form that all checkers share.
func (r *register) anomaly(name string, w *witness, so string) checkers.Anomaly {
	a := checkers.Anomaly{Name: name, Sentence: r.tell(w) + so, Ops: r.events(w.operations())}
	if r.Keyed {
		key := r.Key
		a.Key, a.Sentence = &key, "on key "+history.Int(key).String()+", "+a.Sentence
	}
	return a
}
