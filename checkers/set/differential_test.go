package set

import (
	"context"
	"flag"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

var histories = flag.Int("histories", 3000, "random histories of the differential test")

// generate runs random adds and reads against a real set, then maybe spoils an answer: an
// element more, one less, or one doubled.
func generate(r *rand.Rand) *history.History {
	h := &history.History{}
	type flight struct {
		op   history.Op
		done bool
	}
	busy, process := make([]*flight, 1+r.Intn(3)), []int{0, 1, 2}
	var state []int64
	started, ops, names := 0, 2+r.Intn(6), 3
	repeat := r.Intn(3) == 0
	for next := int64(1); ; {
		p := r.Intn(len(busy))
		f := busy[p]
		switch {
		case f == nil && started < ops:
			started++
			op := history.Op{Time: int64(h.Len()), Process: process[p], Type: history.Invoke, F: "read"}
			if r.Intn(2) == 0 {
				op.F, op.Value = "add", history.Int(next)
				if next++; repeat {
					next = 1 + r.Int63n(2)
				}
			}
			h.Append(op)
			busy[p] = &flight{op: op}
		case f == nil:
			if !slices.ContainsFunc(busy, func(f *flight) bool { return f != nil }) {
				return spoil(r, h)
			}
		case !f.done && f.op.F == "add" && r.Intn(6) == 0:
			end := f.op
			if end.Type = history.Info; r.Intn(2) == 0 {
				end.Type = history.Fail
			} else if r.Intn(2) == 0 && !slices.Contains(state, f.op.Value.A) {
				state = append(state, f.op.Value.A)
			}
			end.Time = int64(h.Len())
			h.Append(end)
			busy[p], process[p] = nil, names
			names++
		case !f.done:
			f.done = true
			if f.op.F == "read" {
				f.op.Value = history.List(state)
			} else if !slices.Contains(state, f.op.Value.A) {
				state = append(state, f.op.Value.A)
			}
		default:
			f.op.Time, f.op.Type = int64(h.Len()), history.OK
			h.Append(f.op)
			busy[p] = nil
		}
	}
}

func spoil(r *rand.Rand, h *history.History) *history.History {
	out := &history.History{}
	for i := range h.Len() {
		op := h.At(i)
		if ns := op.Value.Ints(); op.Type == history.OK && op.F == "read" && r.Intn(4) == 0 {
			switch k := r.Intn(3); {
			case k == 0:
				if v := 1 + r.Int63n(4); !slices.Contains(ns, v) {
					ns = append(ns, v)
				}
			case k == 1 && len(ns) > 0:
				ns = slices.Delete(ns, 0, 1)
			case k == 2 && len(ns) > 0 && r.Intn(3) == 0:
				ns = append(ns, ns[0])
			}
			op.Value = history.List(ns)
		}
		out.Append(op)
	}
	return out
}

// plain is an operation as the oracles see it.
type plain struct {
	call, ret int
	add       int64 // 0: a read
	read      map[int64]int
}

func plainly(h *history.History) (ops []plain) {
	for i := range h.Len() {
		e := h.At(i)
		if e.Type != history.Invoke {
			continue
		}
		o := plain{call: i, ret: 1 << 40, read: map[int64]int{}}
		if e.F == "add" {
			o.add = e.Value.A
		}
		drop := e.F == "read"
		for j := i + 1; j < h.Len(); j++ {
			if c := h.At(j); c.Process == e.Process {
				switch {
				case c.Type == history.OK:
					o.ret, drop = j, false
					for _, n := range c.Value.Ints() {
						o.read[n]++
					}
				case c.Type == history.Fail:
					drop = true
				}
				break
			}
		}
		if !drop {
			ops = append(ops, o)
		}
	}
	return ops
}

// linearizable tries every order.
func linearizable(ops []plain) bool {
	var try func(used uint, state map[int64]bool) bool
	try = func(used uint, state map[int64]bool) bool {
		rest := false
		for i, o := range ops {
			if used&(1<<i) != 0 {
				continue
			}
			rest = rest || o.ret < 1<<40
			early := true
			for j, p := range ops {
				early = early && (used&(1<<j) != 0 || p.ret > o.call)
			}
			if !early {
				continue
			}
			next := state
			if o.add != 0 {
				next = map[int64]bool{o.add: true}
				for v := range state {
					next[v] = true
				}
			} else {
				same := len(o.read) == len(state)
				for v := range o.read {
					same = same && state[v]
				}
				if !same {
					continue
				}
			}
			if try(used|1<<i, next) {
				return true
			}
		}
		return !rest
	}
	return try(0, map[int64]bool{})
}

// anomalous says which anomalies a history has, straight from their definitions.
func anomalous(h *history.History, ops []plain) (names []string) {
	lastAdd, finals := -1, false
	for i := range h.Len() {
		if h.At(i).F == "add" {
			lastAdd = i
		}
	}
	has := map[string]bool{}
	for v := int64(1); v < 12; v++ {
		added, known, inFinal := 1<<40, 1<<40, false
		for _, o := range ops {
			switch {
			case o.add == v:
				added, known = min(added, o.call), min(known, o.ret)
			case o.add == 0 && o.read[v] > 0:
				known = min(known, o.ret)
				has["duplicate-element"] = has["duplicate-element"] || o.read[v] > 1
				inFinal = inFinal || o.call > lastAdd
			}
			finals = finals || o.add == 0 && o.call > lastAdd
		}
		for _, o := range ops {
			if o.add == 0 && o.read[v] > 0 && o.ret < added {
				has["phantom-element"] = true
			}
		}
		seenUntil := -1
		for _, o := range ops {
			if o.add == 0 && o.read[v] > 0 {
				seenUntil = max(seenUntil, o.ret)
			}
		}
		gone := false // a final read began after the last that saw it, and does not
		for _, o := range ops {
			gone = gone || o.add == 0 && o.read[v] == 0 && o.call > lastAdd && seenUntil >= 0 && o.call > seenUntil
		}
		if finals && known < 1<<40 && added < 1<<40 && (!inFinal || gone) {
			has["lost-element"] = true
		}
	}
	for name := range has {
		if has[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestAgainstOracles(t *testing.T) {
	counts := map[string]int{}
	for seed := range *histories {
		h := generate(rand.New(rand.NewSource(int64(seed))))
		var text strings.Builder
		for i := range h.Len() {
			fmt.Fprintln(&text, h.At(i))
		}
		ops := plainly(h)
		want := anomalous(h, ops)
		loose := Full(Options{}).Check(context.Background(), h, checkers.Budget{})
		var got []string
		for _, a := range loose.Anomalies {
			got = append(got, a.Name)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: got %v, want %v:\n%s", seed, got, want, &text)
		}
		strict := Full(Options{Linearizable: true}).Check(context.Background(), h, checkers.Budget{})
		legal := linearizable(ops)
		accused := slices.ContainsFunc(strict.Anomalies, func(a checkers.Anomaly) bool {
			return a.Name == "nonlinearizable" || a.Name == "phantom-element"
		})
		if accused == legal {
			t.Fatalf("seed %d: legal is %v, got %+v:\n%s", seed, legal, strict, &text)
		}
		counts[fmt.Sprint(want)]++
		counts[fmt.Sprint("legal ", legal)]++
	}
	t.Log(counts)
	if counts["legal true"] < *histories/10 || counts["legal false"] < *histories/10 || counts["[lost-element]"] < *histories/200 {
		t.Errorf("too few of a kind to mean anything: %v", counts)
	}
}
