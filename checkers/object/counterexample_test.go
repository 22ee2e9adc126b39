package object

import (
	"context"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/checkers"
)

// TestCounterexamples: what is told is illegal by all orders, and no longer is when any of it
// is left out, with what goes together with it.
func TestCounterexamples(t *testing.T) {
	for _, kind := range All {
		if kind.Elsewhere {
			continue
		}
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			minimal, sizes := 0, []int{}
			for seed := range *histories {
				h := random(rand.New(rand.NewSource(int64(seed))), kind.Name)
				got := New(kind, Options{}).Check(context.Background(), h, checkers.Budget{Time: time.Minute, Workers: 1})
				if got.Valid != checkers.Invalid {
					continue
				}
				d := got.Anomalies[0].Detail.(Detail)
				if len(d.Proof) == 0 {
					continue
				}
				all := trials(h)
				fails := func(proof []int) bool {
					return !linearizable(objects[kind.Name].make(), slices.DeleteFunc(slices.Clone(all), func(t trial) bool { return !slices.Contains(proof, t.call) }))
				}
				if !fails(d.Proof) {
					t.Fatalf("seed %d: %v is legal: %s\n%s", seed, d.Proof, got.Anomalies[0].Sentence, dump(h))
				}
				if sizes = append(sizes, len(d.Proof)); !d.Minimal {
					continue
				}
				minimal++
				g := newGathering(&checker{kind, Options{}}, h)
				g.gather() // all of it
				s := g.all[0]
				if s.shared {
					continue // an operation of the history is several of the object's
				}
				var kept []int32
				for i, o := range s.ops {
					if slices.Contains(d.Proof, s.event(o.call)) {
						kept = append(kept, int32(i))
					}
				}
				rule := s.groups(s.ops)
				for k := range kept {
					var fewer []int
					for _, i := range rule.Close(slices.Delete(slices.Clone(kept), k, k+1)) {
						fewer = append(fewer, s.event(s.ops[i].call))
					}
					if fails(fewer) {
						t.Fatalf("seed %d: %v will do for %v: %s\n%s", seed, fewer, d.Proof, got.Anomalies[0].Sentence, dump(h))
					}
				}
			}
			slices.Sort(sizes)
			if len(sizes) == 0 || minimal < *histories/20 {
				t.Fatalf("only %d minimal ones of %d", minimal, len(sizes))
			}
			if sizes[len(sizes)/2] > 12 {
				t.Errorf("median %d", sizes[len(sizes)/2])
			}
			t.Logf("%d counterexamples, %d minimal, of %d operations in the median, %d at most", len(sizes), minimal, sizes[len(sizes)/2], sizes[len(sizes)-1])
		})
	}
}

// TestHonest: what the rule cuts out of a legal history is legal.
func TestHonest(t *testing.T) {
	for _, kind := range All {
		if kind.Elsewhere {
			continue
		}
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			parts := 0
			for seed := range *histories {
				r := rand.New(rand.NewSource(int64(seed)))
				h := random(r, kind.Name)
				all := trials(h)
				g := newGathering(&checker{kind, Options{}}, h)
				g.gather() // all of it
				s := g.all[0]
				if s.shared || s.Fault != "" || !linearizable(objects[kind.Name].make(), all) {
					continue
				}
				var some []int32
				for share, i := r.Float64(), 0; i < len(s.ops); i++ {
					if r.Float64() < share {
						some = append(some, int32(i))
					}
				}
				rule := s.groups(s.ops)
				for _, keep := range [][]int32{rule.Close(slices.Clone(some)), rule.Grow(some)} {
					left := map[int]bool{}
					for _, i := range keep {
						left[s.event(s.ops[i].call)] = true
					}
					if !linearizable(objects[kind.Name].make(), slices.DeleteFunc(slices.Clone(all), func(t trial) bool { return !left[t.call] })) {
						t.Fatalf("seed %d: %v is illegal though the whole is not:\n%s", seed, left, dump(h))
					}
					if len(keep) > 0 && len(keep) < len(s.ops) {
						parts++
					}
				}
			}
			if parts < *histories/10 {
				t.Errorf("only %d parts", parts)
			}
		})
	}
}
