package generator

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/harness/history"
)

// anyGenerator draws a tree of combinators over counted operations.
func anyGenerator(t *rapid.T, depth int) Generator {
	if depth == 0 {
		return of(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "f"), rapid.IntRange(0, 5).Draw(t, "n"))
	}
	inner := func() Generator { return anyGenerator(t, depth-1) }
	some := func() []Generator {
		list := make([]Generator, rapid.IntRange(1, 3).Draw(t, "branches"))
		for i := range list {
			list[i] = inner()
		}
		return list
	}
	r := NewRand(rapid.Uint64().Draw(t, "seed"), "x")
	switch rapid.IntRange(0, 15).Draw(t, "combinator") {
	case 0:
		return Any(some()...)
	case 1:
		return Mix(r, some()...)
	case 2:
		return Seq(some()...)
	case 3:
		return Limit(10, Cycle(some()...))
	case 4:
		return Phases(some()...)
	case 5:
		return Stagger(10, r, inner())
	case 6:
		return Delay(15, inner())
	case 7:
		return EachThread(inner())
	case 8:
		return Reserve([]int{1}, inner(), inner())
	case 9:
		return UntilOK(inner())
	case 10:
		return ProcessLimit(4, inner())
	case 11:
		key := inner() // perKey must be pure
		return Independent(2, KeyRange(0, 3), func(int64) Generator { return Limit(4, key) })
	case 12:
		return TimeLimit(60, inner())
	case 13:
		return Filter(func(o Op) bool { return o.Value.A != 2 }, inner())
	case 14:
		return FlipFlop(inner(), inner())
	default:
		return OnThreads(func(t int) bool { return t%2 == 0 }, inner())
	}
}

func anyDriver(t *rapid.T) driver {
	info := rapid.IntRange(2, 9).Draw(t, "info")
	return driver{
		threads: rapid.IntRange(1, 5).Draw(t, "threads"), until: 100_000, most: 200,
		latency: func(thread, n int) int64 { return int64(1 + (n*7+thread*3)%40) },
		outcome: func(_, n int) history.Type {
			if n%info == 1 {
				return history.Info
			}
			return history.OK
		},
	}
}

// TestAskingHasNoEffect: whatever the tree, asking twice gives the same answer (the driver
// holds it at each step), only free threads are asked for, and a run never hangs.
func TestAskingHasNoEffect(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := anyGenerator(rt, rapid.IntRange(1, 3).Draw(rt, "depth"))
		anyDriver(rt).run(t, g)
	})
}

// TestABeginningCanBeUsedAgain: a generator that is not the successor of another gives the
// same run however often it was used before.
func TestABeginningCanBeUsedAgain(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := Any(anyGenerator(rt, 1), of("c", 3))
		d := anyDriver(rt)
		first := table(d.run(t, g))
		if again := table(d.run(t, g)); again != first {
			t.Fatalf("first\n%s\nthen\n%s", first, again)
		}
	})
}

// TestIndependentKeepsItsGroups: never more than n threads work on a key, each key's
// generator gives all that it has, and a thread works on one key at a time.
func TestIndependentKeepsItsGroups(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(rt, "n")
		d := anyDriver(rt)
		d.most = 1000
		all, _ := d.run(t, Independent(n, KeyRange(0, 6), func(int64) Generator { return of("a", 7) }))
		threads, count := map[int64]map[int]bool{}, map[int64]int{}
		for _, o := range all {
			if threads[o.op.Key] == nil {
				threads[o.op.Key] = map[int]bool{}
			}
			threads[o.op.Key][o.thread] = true
			count[o.op.Key]++
		}
		for key := range int64(6) {
			if len(threads[key]) > n || count[key] != 7 {
				t.Fatalf("key %d: %d operations by threads %v, want 7 by at most %d", key, count[key], threads[key], n)
			}
		}
	})
}

// TestProcessLimitHolds: no more processes take part than may.
func TestProcessLimitHolds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(rt, "n")
		all, _ := anyDriver(rt).run(t, ProcessLimit(n, always("a")))
		seen := map[int]bool{}
		for _, o := range all {
			seen[o.process] = true
		}
		if len(seen) > n {
			t.Fatalf("%d processes took part, %d may", len(seen), n)
		}
	})
}

// TestMixIsFair: branches that are ready have equal chances.
func TestMixIsFair(t *testing.T) {
	d := driver{threads: 1, until: math.MaxInt64, most: 30_000,
		latency: func(int, int) int64 { return 1 }, outcome: func(int, int) history.Type { return history.OK }}
	stuck := OnThreads(func(t int) bool { return t == 99 }, always("never"))
	all, _ := d.run(t, Mix(NewRand(1, "x"), always("a"), stuck, always("b"), always("c")))
	count := map[string]int{}
	for _, o := range all {
		count[o.op.F]++
	}
	for _, f := range []string{"a", "b", "c"} {
		if count[f] < 9_600 || count[f] > 10_400 {
			t.Errorf("of 30000 draws: %v", count)
		}
	}
}

// TestRateKeepsItsMean: arrivals come at the rate asked for.
func TestRateKeepsItsMean(t *testing.T) {
	d := driver{threads: 50, until: math.MaxInt64, most: 20_000,
		latency: func(int, int) int64 { return 1 }, outcome: func(int, int) history.Type { return history.OK }}
	for _, a := range []Arrivals{Exponential, Uniform} {
		all, _ := d.run(t, Rate(1e6, a, 7, always("a")))
		mean := float64(all[len(all)-1].op.Time-all[0].op.Time) / float64(len(all)-1)
		if mean < 970 || mean > 1030 {
			t.Errorf("arrivals %d: %.1f ns apart, want 1000", a, mean)
		}
	}
}
