package weaker

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/faultline-dev/faultline/checkers/engine/replicas"
	"github.com/faultline-dev/faultline/harness/history"
)

// TestStalenessAgainstOracle holds the measures of single keys to their definitions.
func TestStalenessAgainstOracle(t *testing.T) {
	staleOnes, torn, beyond := 0, 0, 0
	for seed := range *histories {
		rnd := rand.New(rand.NewPCG(uint64(seed), 0))
		s := replicas.Spec{Operations: 2 + rnd.IntN(8), Processes: 1 + rnd.IntN(4), Keys: 1, CAS: rnd.IntN(3) == 0, Stale: rnd.Float64()}
		if rnd.IntN(2) == 0 {
			s.Crash = 0.3
		}
		if rnd.IntN(4) == 0 {
			s.Wild = 0.2
		}
		h := s.Make(rnd)
		ops := replicas.Operations(h)
		if len(ops) == 0 || replicas.Phantom(ops) {
			continue
		}
		all, _ := registers(h, history.Nil)
		r, clock := all[0], recorded(h)
		if r.Fault != "" {
			t.Fatalf("seed %d: %s", seed, r.Fault)
		}
		z := newZones(r)
		if got, want := z.linearizable(z.calls), replicas.Linearizable(ops, clock, 0); got != want {
			t.Fatalf("seed %d: linearizable %v, want %v:\n%s", seed, got, want, dump(h))
		}
		found := r.staleReads(clock, r.appeared())
		for _, o := range ops {
			if o.F != "read" || s.CAS {
				continue
			}
			want, future := replicas.Behind(ops, o)
			if future {
				continue
			}
			k := slices.IndexFunc(found, func(s stale) bool { return int(r.ops[s.op].call) == o.Call })
			got := 0
			if k >= 0 {
				got = found[k].versions
				staleOnes++
			}
			if got != want {
				t.Fatalf("seed %d: event %d is %d versions behind, want %d:\n%s", seed, o.Call, got, want, dump(h))
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
			if replicas.Linearizable(ops, clock, by) {
				return 0
			}
			return -1
		})
		switch never := !replicas.Linearizable(ops, clock, 1<<60); {
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

func TestTwoAtomicAgainstOracle(t *testing.T) {
	counts := map[bool]int{}
	for seed := range *histories {
		rnd := rand.New(rand.NewPCG(uint64(seed), 0))
		s := replicas.Spec{Operations: 4 + rnd.IntN(10), Processes: 1 + rnd.IntN(5), Keys: 1, Stale: rnd.Float64(), Crash: 0.2 * float64(rnd.IntN(2)), Wild: 0.2 * float64(rnd.IntN(2))}
		h := s.Make(rnd)
		ops := replicas.Operations(h)
		if len(ops) == 0 || replicas.Phantom(ops) {
			continue
		}
		all, _ := registers(h, history.Nil)
		got, known := all[0].twoAtomic(all[0].appeared())
		if want := replicas.TwoAtomic(ops); !known || got != want {
			t.Fatalf("seed %d: %v (known %v), want %v:\n%s", seed, got, known, want, dump(h))
		}
		counts[got]++
	}
	t.Log(counts)
	if counts[true] < *histories/50 || counts[false] < *histories/50 {
		t.Error("too few of a kind to mean anything")
	}
}
