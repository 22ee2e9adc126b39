package weaker

import (
	"context"
	"math/rand"
	"slices"
	"testing"

	"github.com/faultline-dev/faultline/harness/history"
)

// linearizableBrute tries every order of one key's operations, of which reads may take
// effect so much before they began.
func linearizableBrute(ops []plain, clock []int64, by int64) bool {
	before := func(a, b plain) bool {
		if a.ret >= b.call {
			return false
		}
		return b.f != "read" || by == 0 || clock[a.ret] < clock[b.call]-by
	}
	type state struct {
		used uint
		held history.Value
	}
	dead := map[state]bool{}
	var try func(s state) bool
	try = func(s state) bool {
		if dead[s] {
			return false
		}
		rest := false
		for i, o := range ops {
			if s.used&(1<<i) != 0 {
				continue
			}
			rest = rest || !o.crashed
			early := true
			for j, p := range ops {
				early = early && (s.used&(1<<j) != 0 || !before(p, o))
			}
			if held, ok := o.step(s.held); early && ok && try(state{s.used | 1<<i, held}) {
				return true
			}
		}
		dead[s] = true
		return !rest
	}
	return try(state{})
}

// behindBrute is how many versions a read is behind at least: over all orders of the writes,
// each of which took effect between its invocation and the first return of an operation on
// its version. late is set if its version had been written at all when it returned.
func behindBrute(ops []plain, r plain) (versions int, late bool) {
	type life struct {
		v          history.Value
		call, seen int
	}
	var writes []life
	for _, o := range happened(ops) {
		v, ok := o.wrote()
		if !ok {
			continue
		}
		w := life{v: v, call: o.call, seen: o.ret}
		for _, p := range ops {
			if s, ok := p.saw(); ok && s == v {
				w.seen = min(w.seen, p.ret)
			}
		}
		w.seen = max(w.seen, w.call)
		writes = append(writes, w)
		late = late || v == r.value && o.call > r.ret
	}
	if late {
		return 0, true
	}
	// Of an order, count what comes between the read's version and the read, which stands
	// before all writes that it may stand before.
	best := 1 << 20
	var try func(used uint, since int, passed bool)
	try = func(used uint, since int, passed bool) {
		if passed {
			best = min(best, since)
		}
		for i, w := range writes {
			if used&(1<<i) != 0 {
				continue
			}
			early := true
			for j, x := range writes {
				early = early && (used&(1<<j) != 0 || i == j || x.seen >= w.call)
			}
			if !early {
				continue
			}
			next, now := since+1, passed
			if w.v == r.value {
				next = 0
			}
			// The read may stand here once all that had been seen when it began are placed,
			// and none that began after it returned.
			placed := used | 1<<i
			now = true
			for j, x := range writes {
				now = now && (placed&(1<<j) != 0 || x.seen >= r.call) && (placed&(1<<j) == 0 || x.call <= r.ret)
			}
			has := r.value.IsNil()
			for j, x := range writes {
				has = has || placed&(1<<j) != 0 && x.v == r.value
			}
			try(placed, next, now && has)
		}
	}
	start := r.value.IsNil()
	for _, w := range writes {
		start = start && w.seen >= r.call
	}
	try(0, 0, start)
	return best, false
}

// TestStalenessAgainstOracle holds the measures of single keys to their definitions.
func TestStalenessAgainstOracle(t *testing.T) {
	staleOnes, torn, beyond := 0, 0, 0
	for seed := range *histories {
		rnd := rand.New(rand.NewSource(int64(seed)))
		s := shape{ops: 2 + rnd.Intn(8), processes: 1 + rnd.Intn(4), keys: 1, cas: rnd.Intn(3) == 0, stale: rnd.Float64()}
		if rnd.Intn(2) == 0 {
			s.crash = 0.3
		}
		if rnd.Intn(4) == 0 {
			s.wild = 0.2
		}
		h := generate(rnd, s)
		ops := plainly(h)
		if len(ops) == 0 || phantomBrute(ops) {
			continue
		}
		all, _ := registers(h, history.Nil)
		r, clock := all[0], recorded(h)
		if r.Fault != "" {
			t.Fatalf("seed %d: %s", seed, r.Fault)
		}
		z := newZones(r)
		if got, want := z.linearizable(z.calls), linearizableBrute(ops, clock, 0); got != want {
			t.Fatalf("seed %d: linearizable %v, want %v:\n%s", seed, got, want, dump(h))
		}
		found := r.staleReads(clock, r.appeared())
		for _, o := range ops {
			if o.f != "read" || s.cas {
				continue
			}
			want, future := behindBrute(ops, o)
			if future {
				continue
			}
			k := slices.IndexFunc(found, func(s stale) bool { return int(r.ops[s.op].call) == o.call })
			got := 0
			if k >= 0 {
				got = found[k].versions
				staleOnes++
			}
			if got != want {
				t.Fatalf("seed %d: event %d is %d versions behind, want %d:\n%s", seed, o.call, got, want, dump(h))
			}
		}
		if z.linearizable(z.calls) {
			continue
		}
		torn++
		got, ok := z.delta(context.Background(), clock)
		candidates := []int64{1}
		for c := range clock {
			for e := range c {
				candidates = append(candidates, max(1, clock[c]-clock[e]))
			}
		}
		slices.Sort(candidates)
		at, _ := slices.BinarySearchFunc(candidates, true, func(by int64, _ bool) int {
			if linearizableBrute(ops, clock, by) {
				return 0
			}
			return -1
		})
		switch never := !linearizableBrute(ops, clock, 1<<60); {
		case never:
			if beyond++; ok {
				t.Fatalf("seed %d: delta %d, want none:\n%s", seed, got, dump(h))
			}
		case !ok || got != candidates[at]:
			t.Fatalf("seed %d: delta %d %v, want %d:\n%s", seed, got, ok, candidates[at], dump(h))
		}
		for _, s := range found {
			if ok && s.by > got {
				t.Fatalf("seed %d: a read is %d behind, but delta is %d:\n%s", seed, s.by, got, dump(h))
			}
		}
	}
	t.Log("stale reads:", staleOnes, "not linearizable:", torn, "beyond any delta:", beyond)
	if staleOnes < *histories/50 || torn < *histories/50 || beyond < *histories/500 {
		t.Error("too few of a kind to mean anything")
	}
}

// twoAtomicBrute tries every order, in which reads may see the last version but one.
func twoAtomicBrute(ops []plain) bool {
	type state struct {
		used       uint
		held, past history.Value
	}
	dead := map[state]bool{}
	var try func(s state) bool
	try = func(s state) bool {
		if dead[s] {
			return false
		}
		rest := false
		for i, o := range ops {
			if s.used&(1<<i) != 0 {
				continue
			}
			rest = rest || !o.crashed
			early := true
			for j, p := range ops {
				early = early && (s.used&(1<<j) != 0 || p.ret >= o.call)
			}
			next := s
			next.used |= 1 << i
			if o.f == "write" {
				next.held, next.past = o.arg, s.held
			} else if o.value != s.held && o.value != s.past {
				continue
			}
			if early && try(next) {
				return true
			}
		}
		dead[s] = true
		return !rest
	}
	return try(state{})
}

func TestTwoAtomicAgainstOracle(t *testing.T) {
	counts := map[bool]int{}
	for seed := range *histories {
		rnd := rand.New(rand.NewSource(int64(seed)))
		s := shape{ops: 4 + rnd.Intn(10), processes: 1 + rnd.Intn(5), keys: 1, stale: rnd.Float64(), crash: 0.2 * float64(rnd.Intn(2)), wild: 0.2 * float64(rnd.Intn(2))}
		h := generate(rnd, s)
		ops := plainly(h)
		if len(ops) == 0 || phantomBrute(ops) {
			continue
		}
		all, _ := registers(h, history.Nil)
		got, known := all[0].twoAtomic(all[0].appeared())
		if want := twoAtomicBrute(ops); !known || got != want {
			t.Fatalf("seed %d: %v (known %v), want %v:\n%s", seed, got, known, want, dump(h))
		}
		counts[got]++
	}
	t.Log(counts)
	if counts[true] < *histories/50 || counts[false] < *histories/50 {
		t.Error("too few of a kind to mean anything")
	}
}
