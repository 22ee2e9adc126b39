package weaker

import (
	"context"
	"math/rand"
	"slices"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

// judgedBy is what the oracles look at: the final reads that count, straight from the words.
func judgedBy(ops []plainEnd) (finals []plainEnd) {
	second := 1 << 40
	for _, a := range ops {
		for _, b := range ops {
			if a.final && b.final && a.process == b.process && a.ret < b.call {
				second = min(second, b.call)
			}
		}
	}
	for _, o := range ops {
		if o.final && (second == 1<<40 || o.call >= second) {
			finals = append(finals, o)
		}
	}
	return finals
}

// plainEnd is an operation as the oracles see it.
type plainEnd struct {
	call, ret int
	process   int
	from, to  int64 // 0: does not read, does not write
	write     bool
	cas       bool
	final     bool
	siblings  []int64
	list      bool
}

func plainly1(h *history.History) (ops []plainEnd) {
	phase := h.Telemetry()[0].Time
	for i := range h.Len() {
		e := h.At(i)
		if e.Type != history.Invoke {
			continue
		}
		o := plainEnd{call: i, ret: 1 << 40, process: e.Process, write: e.F == "write" || e.F == "cas", cas: e.F == "cas", list: e.F == "siblings"}
		o.final = !o.write && e.Time >= phase
		drop := !o.write
		for j := i + 1; j < h.Len(); j++ {
			c := h.At(j)
			if c.Process != e.Process {
				continue
			}
			if c.Type == history.OK {
				o.ret, drop = j, false
				o.from, o.siblings = c.Value.A, c.Value.Ints()
			}
			if c.Type == history.Fail {
				drop = true
			}
			break
		}
		switch {
		case e.F == "write":
			o.from, o.to = 0, e.Value.A
		case e.F == "cas":
			o.from, o.to = e.Value.A, e.Value.B
		}
		slices.Sort(o.siblings)
		if !drop {
			ops = append(ops, o)
		}
	}
	return ops
}

// explained tries all orders in which writes may have taken effect for one in which nothing
// acknowledged comes after what a final read found. All that was acknowledged or read before
// is in it, of the others in doubt any; of two that do not overlap the earlier one comes
// first; what a read saw comes before what began after it; and a compare-and-set comes after
// what it replaced.
func explained(ops []plainEnd, last int64) bool {
	var writes []plainEnd
	must, acked := uint(0), uint(0)
	for _, o := range ops {
		if o.write {
			if o.ret < 1<<40 {
				acked |= 1 << len(writes)
			}
			if slices.ContainsFunc(ops, func(r plainEnd) bool { return !r.write && !r.final && r.from == o.to }) {
				must |= 1 << len(writes)
			}
			writes = append(writes, o)
		}
	}
	number := func(value int64) int {
		return slices.IndexFunc(writes, func(o plainEnd) bool { return o.to == value })
	}
	mayFollow := func(used uint, i int) bool {
		for j, o := range writes {
			if used&(1<<j) != 0 {
				// j came before i: not if i had to come before j.
				if writes[i].ret < o.call {
					return false
				}
				if o.cas && o.from == writes[i].to {
					return false
				}
				for _, r := range ops {
					if !r.write && r.from == writes[i].to && r.ret < o.call {
						return false
					}
				}
			}
		}
		w := writes[i]
		return !w.cas || w.from == 0 || number(w.from) < 0 || used&(1<<number(w.from)) != 0
	}
	must |= acked
	var try func(used uint, found bool) bool
	try = func(used uint, found bool) bool {
		if used&must == must && found {
			return true
		}
		for i, w := range writes {
			if used&(1<<i) == 0 && !(found && acked&(1<<i) != 0) && mayFollow(used, i) && try(used|1<<i, found || w.to == last) {
				return true
			}
		}
		return false
	}
	return try(0, last == 0)
}

// kept follows who may have overwritten whom: a write is gone for good reason if it can be
// reached from one that is left.
func kept(ops []plainEnd, left []int64, w plainEnd) bool {
	learnt := func(o plainEnd) int {
		at := -1
		for _, p := range ops {
			if p.process == o.process && p.ret < o.call {
				at = max(at, p.ret)
			}
		}
		return at
	}
	reached := map[int64]bool{}
	todo := slices.Clone(left)
	for len(todo) > 0 {
		v := todo[0]
		todo = todo[1:]
		if reached[v] {
			continue
		}
		reached[v] = true
		for _, o := range ops {
			if !o.write || o.to != v {
				continue
			}
			for _, p := range ops {
				if p.write && learnt(o) > p.call && !(o.ret < p.call) {
					todo = append(todo, p.to)
				}
			}
		}
	}
	return reached[w.to]
}

// lostBy says whether an acknowledged write is lost, straight from the words.
func lostBy(ops []plainEnd) bool {
	finals := judgedBy(ops)
	if len(finals) == 0 {
		return false
	}
	if finals[0].list {
		for _, w := range ops {
			lost := w.write && w.ret < 1<<40
			for _, f := range finals {
				lost = lost && !kept(ops, f.siblings, w)
			}
			if lost {
				return true
			}
		}
		return false
	}
	for _, f := range finals {
		if explained(ops, f.from) {
			return false
		}
	}
	return true
}

// divergedBy says whether two final reads differ that show nothing new.
func divergedBy(ops []plainEnd) bool {
	finals := judgedBy(ops)
	began := 1 << 40
	for _, f := range finals {
		began = min(began, f.call)
	}
	values := func(f plainEnd) []int64 {
		if f.list {
			return f.siblings
		}
		return []int64{f.from}
	}
	var shown func(v int64) bool
	shown = func(v int64) bool {
		return slices.ContainsFunc(ops, func(o plainEnd) bool {
			if o.cas && o.from == v && shown(o.to) {
				return true
			}
			return o.ret < began && (o.from == v || slices.Contains(o.siblings, v))
		})
	}
	fresh := func(f plainEnd) bool {
		for _, v := range values(f) {
			i := slices.IndexFunc(ops, func(o plainEnd) bool { return o.write && o.to == v })
			if i < 0 || ops[i].ret < 1<<40 {
				continue
			}
			if !shown(v) {
				return true
			}
		}
		return false
	}
	for _, f := range finals {
		for _, g := range finals {
			if !fresh(f) && !fresh(g) && !slices.Equal(values(f), values(g)) {
				return true
			}
		}
	}
	return false
}

// endGame is a random history: writes and compare-and-sets of no store at all, and final
// reads that agree more often than not. Reads see anything that had been begun.
func endGame(r *rand.Rand) *history.History {
	h := &history.History{}
	list := r.Intn(3) == 0
	next, names := int64(1), 3
	busy, process := make([]*history.Op, 3), []int{0, 1, 2}
	for started := 0; started < 2+r.Intn(7) || slices.ContainsFunc(busy, func(o *history.Op) bool { return o != nil }); {
		p := r.Intn(3)
		if busy[p] == nil {
			op := history.Op{Time: int64(h.Len()), Process: process[p], F: "read"}
			switch k := r.Intn(8); {
			case k < 5 && next < 7:
				op.F, op.Value = "write", history.Int(next)
				next++
			case k == 5 && !list && next > 1 && next < 7:
				op.F, op.Value = "cas", history.Pair(1+r.Int63n(next-1), next)
				next++
			}
			started++
			h.Append(op)
			busy[p] = &op
			continue
		}
		op := *busy[p]
		busy[p] = nil
		op.Type = history.OK
		switch {
		case op.F == "read" && next > 1:
			op.Value = history.Int(1 + r.Int63n(next-1))
		case op.F != "read" && r.Intn(4) == 0:
			op.Type = history.Info
			process[p] = names
			names++
		}
		h.Append(op)
	}
	h.Note(history.Event{Time: int64(h.Len()), Kind: history.EventPhase, Name: "final"})
	draw := func() []int64 {
		var ns []int64
		for v := int64(1); v < next; v++ {
			if r.Intn(2) == 0 {
				ns = append(ns, v)
			}
		}
		return ns
	}
	common := draw()
	for range 1 + r.Intn(4) {
		ns := common
		if r.Intn(4) == 0 {
			ns = draw()
		}
		op := history.Op{Time: int64(h.Len()), Process: process[r.Intn(3)], F: "read"}
		if list {
			op.F = "siblings"
		}
		h.Append(op)
		op.Type = history.OK
		switch {
		case list:
			op.Value = history.List(ns)
		case len(ns) > 0:
			op.Value = history.Int(ns[len(ns)-1])
		}
		h.Append(op)
	}
	return h
}

// TestEndings holds the checker against the oracles.
func TestEndings(t *testing.T) {
	counts := map[string]int{}
	for seed := range *histories {
		h := endGame(rand.New(rand.NewSource(int64(seed))))
		ops := plainly1(h)
		r := Eventual(model.NoLostWrite).Check(context.Background(), h, checkers.Budget{})
		found := map[string]bool{}
		for _, a := range r.Anomalies {
			found[a.Name] = true
		}
		if found["phantom-value"] {
			continue
		}
		if lost, diverged := lostBy(ops), divergedBy(ops); len(judgedBy(ops)) > 0 && slices.ContainsFunc(ops, func(o plainEnd) bool { return o.write }) &&
			(found["lost-write"] != lost || found["divergence"] != diverged) {
			t.Fatalf("seed %d: lost %v, diverged %v; got %+v\n%s", seed, lost, diverged, r, dump(h))
		}
		for name := range found {
			if ops[len(ops)-1].list {
				name += " of siblings"
			}
			counts[name]++
		}
		counts[r.Valid.String()]++
	}
	t.Log(counts)
	for _, name := range []string{"valid", "lost-write", "lost-write of siblings", "divergence", "divergence of siblings"} {
		if counts[name] < *histories/50 {
			t.Errorf("too few of %s to mean anything: %v", name, counts)
		}
	}
}
