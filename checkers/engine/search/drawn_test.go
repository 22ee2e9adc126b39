package search

import (
	"context"
	"math/rand"
	"testing"
)

// drawn makes a small history out of nothing but chance: when operations are called and
// return, and what they did. Parts of histories look like this, which is what the search for
// a minimal counterexample asks about.
func (m object[S, O]) drawn(r *rand.Rand) []Op[O] {
	n := 3 + r.Intn(5)
	ops := make([]Op[O], n)
	var events []int // of operations
	for i := range ops {
		ops[i] = Op[O]{Call: none, Ret: Pending, Do: m.draw(r, r.Intn(2))}
		if r.Intn(2) == 0 {
			ops[i].Do = m.spoil(r, ops[i].Do)
		}
		if events = append(events, i); r.Intn(4) > 0 {
			events = append(events, i)
		}
	}
	// What is near in this order is near in time, so that not everything overlaps.
	for i := range events {
		j := min(len(events)-1, i+r.Intn(4))
		events[i], events[j] = events[j], events[i]
	}
	for at, i := range events {
		if ops[i].Call == none {
			ops[i].Call = int32(at)
		} else {
			ops[i].Ret = int32(at)
		}
	}
	return ops
}

func parts[S, O comparable](t *testing.T, m object[S, O]) {
	counts := map[bool]int{}
	for seed := range *histories {
		ops := m.drawn(rand.New(rand.NewSource(int64(seed))))
		legal := bruteForce(m.Model, ops, Pending)
		counts[legal]++
		for _, way := range []Way{Ways[0], Ways[seed%len(Ways)]} {
			if got := Decide(context.Background(), m.Model, ops, way.Options(0)); (got.Verdict == Legal) != legal {
				for i, o := range ops {
					t.Logf("%d: %d to %d: %+v", i, o.Call, o.Ret, o.Do)
				}
				t.Fatalf("seed %d: %v %s, want legal %v", seed, got.Verdict, way.Name, legal)
			}
		}
	}
	if t.Log(counts); counts[true] < *histories/10 || counts[false] < *histories/10 {
		t.Error("too few of a kind to mean anything")
	}
}

// TestHidden: a write that never returned, of what is held already, is of use: another one can
// be placed before it, unseen.
func TestHidden(t *testing.T) {
	ops := []Op[reg]{
		{0, Pending, reg{'w', 0, 3}},
		{1, 2, reg{'w', 0, 3}},
		{3, 6, reg{'w', 0, 2}},
		{4, 5, reg{'c', 3, 4}},
		{7, 8, reg{'r', 4, 0}},
	}
	if got := Decide(context.Background(), register.Model, ops, Options{}); got.Verdict != Legal {
		t.Errorf("%v at %d", got.Verdict, got.At)
	}
}

func TestDrawn(t *testing.T) {
	t.Run("register", func(t *testing.T) { parts(t, register) })
	t.Run("mutex", func(t *testing.T) { parts(t, mutex) })
	t.Run("queue", func(t *testing.T) { parts(t, queueObject) })
	t.Run("set", func(t *testing.T) { parts(t, setObject) })
	t.Run("multi", func(t *testing.T) { parts(t, multi) })
}
