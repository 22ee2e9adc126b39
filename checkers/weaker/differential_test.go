package weaker

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/replicas"
	"github.com/faultline-dev/faultline/harness/history"
)

var histories = flag.Int("histories", 3000, "random histories of the differential tests")

func dump(h *history.History) string {
	var b strings.Builder
	for i := range h.Len() {
		fmt.Fprintln(&b, h.At(i))
	}
	return b.String()
}

// named picks an anomaly's operations out of a history.
func named(h *history.History, a checkers.Anomaly) *history.History {
	part := &history.History{}
	for _, e := range a.Ops {
		part.Append(h.At(e))
	}
	return part
}

// compare holds a checker against an oracle over random histories, and what it names as
// proof against the same oracle.
func compare(t *testing.T, c checkers.Checker, ops, keys int, holds, doubtful func([]replicas.Operation) bool) {
	t.Parallel()
	counts := map[checkers.Validity]int{}
	for seed := range *histories {
		h := replicas.Random(uint64(seed), ops, keys)
		got := c.Check(context.Background(), h, checkers.Budget{})
		want := checkers.Invalid
		if holds(replicas.Operations(h)) {
			want = checkers.Valid
			if doubtful != nil && doubtful(replicas.Operations(h)) {
				want = checkers.Unknown
			}
		}
		if got.Valid != want {
			t.Fatalf("seed %d: %v, want %v: %s %+v\n%s", seed, got.Valid, want, got.Reason, got.Anomalies, dump(h))
		}
		for _, a := range got.Anomalies {
			if a.Name != "phantom-value" && holds(replicas.Operations(named(h, a))) {
				t.Fatalf("seed %d: %v prove nothing: %s\n%s", seed, a.Ops, a.Sentence, dump(h))
			}
		}
		counts[want]++
	}
	t.Log(counts)
	if c.Name() != "monotonic-writes" && counts[checkers.Invalid] < *histories/50 || counts[checkers.Valid] < *histories/50 {
		t.Errorf("too few of a kind to mean anything: %v", counts)
	}
}

// each makes an oracle of all keys from one of a single key.
func each(holds func([]replicas.Operation) bool) func([]replicas.Operation) bool {
	return func(ops []replicas.Operation) bool { return replicas.Each(ops, holds) }
}

func TestCoherenceAgainstOracle(t *testing.T) {
	compare(t, Coherence(), 10, 2, each(replicas.Sequential), nil)
}

// TestSessionsAgainstOracle also holds them to doubting what they cannot know: a guarantee
// that holds by itself, but not together with others that hold without it.
func TestSessionsAgainstOracle(t *testing.T) {
	for _, c := range []struct {
		checker checkers.Checker
		what    guarantee
	}{
		{MonotonicReads(), monotonicReads},
		{ReadYourWrites(), readYourWrites},
		{WritesFollowReads(), writesFollowReads},
		{MonotonicWrites(), monotonicWrites},
		{session(allFour, "all four"), allFour},
	} {
		t.Run(c.checker.Name(), func(t *testing.T) {
			is := replicas.Guarantees(c.what)
			compare(t, c.checker, 9, 1, each(func(ops []replicas.Operation) bool { return replicas.Sessions(ops, is) }),
				func(ops []replicas.Operation) bool { return replicas.Undecided(ops, is) })
		})
	}
}

func TestSequentialAgainstOracle(t *testing.T) {
	compare(t, Sequential(), 12, 3, func(ops []replicas.Operation) bool {
		return replicas.Each(ops, func([]replicas.Operation) bool { return true }) && replicas.Sequential(ops)
	}, nil)
}

// TestSearchAgainstOracle holds the ways to decide sequential consistency to account one by
// one: what is forced, and searching with and without it.
func TestSearchAgainstOracle(t *testing.T) {
	counts := map[string]int{}
	for seed := range 2 * *histories {
		r := rand.New(rand.NewPCG(uint64(seed), 0))
		h := replicas.Spec{Operations: 8 + r.IntN(8), Processes: 2 + r.IntN(3), Keys: 1 + r.IntN(3), CAS: r.IntN(3) == 0,
			Lag: r.IntN(2) * r.IntN(6), Stale: r.Float64(), Wild: 0.1 * float64(r.IntN(2)), Crash: 0.1 * float64(r.IntN(2))}.Make(r)
		all, processes := registers(h, history.Nil)
		tails := newTails(processes)
		coherent := len(all) > 0
		for _, r := range all {
			coherent = coherent && r.Fault == "" && r.phantom == none && r.contradiction(tails) == nil
		}
		if !coherent {
			continue
		}
		want := replicas.Sequential(replicas.Operations(h))
		forget := func() *world { return newWorld(all, tails) }
		if w := forget(); w.sorted() {
			counts["sorted"]++
			if !want {
				t.Fatalf("seed %d: an order was found where there is none:\n%s", seed, dump(h))
			}
		}
		w := forget()
		circle := w.saturate(t.Context(), 1<<20)
		if circle != nil {
			counts["circle"]++
			if want {
				t.Fatalf("seed %d: a circle, but there is an order:\n%s", seed, dump(h))
			}
		}
		for _, forced := range []bool{false, true} {
			w := forget()
			if forced && w.saturate(t.Context(), 1<<20) != nil {
				continue
			}
			s := newSearch(w)
			order, ended := s.run(t.Context(), 1<<30)
			if (order != nil) != want || ended == want || want && !w.legal(order) || s.best > len(w.ops) || want && s.best != len(w.ops) {
				t.Fatalf("seed %d: forced %v: order %v, ended %v, want %v, best %d of %d:\n%s", seed, forced, order, ended, want, s.best, len(w.ops), dump(h))
			}
			counts[fmt.Sprintf("forced %v, ended %v", forced, ended)]++
		}
	}
	t.Log(counts)
	for _, what := range []string{"sorted", "circle", "forced false, ended true", "forced false, ended false", "forced true, ended false"} {
		if counts[what] < *histories/200 {
			t.Errorf("too few that are %s to mean anything", what)
		}
	}
}
