package monitor

import (
	"flag"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

var histories = flag.Int("histories", 2000, "random histories of each object's differential test")

// TestAgainstBruteForce compares the monitors with trying every order; legal orders are
// replayed, and witnesses must be illegal by themselves.
func TestAgainstBruteForce(t *testing.T) {
	for _, x := range objects {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			counts := map[string]int{}
			for seed := range *histories {
				r := rand.New(rand.NewSource(int64(seed)))
				s := shape{ops: 2 + r.Intn(9), clients: 1 + r.Intn(6), puts: []float64{0, 0.3, 0.5}[r.Intn(3)], levels: 1 + r.Int63n(5)}
				if r.Intn(2) == 0 {
					s.crash = 0.1 + r.Float64()*0.3
				}
				ops, spoilt := x.generate(r, s), true
				switch seed % 4 {
				case 0:
					spoilt = false
				case 1:
					ops = x.spoil(r, ops)
				default:
					ops = x.scatter(r, s)
				}
				r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
				want := x.bruteForce(ops)
				if !spoilt && !want {
					t.Fatalf("seed %d: the oracle calls a legal history illegal:\n%s", seed, dump(ops))
				}
				if asked := x.byPorcupine(ops, 100*time.Millisecond); asked != porcupine.Unknown && (asked == porcupine.Ok) != want {
					t.Fatalf("seed %d: the oracles disagree:\n%s", seed, dump(ops))
				}
				got := x.check(ops, Options{Order: true})
				x.judge(t, seed, ops, got, want)
				counts[got.Verdict.String()]++
				counts[got.Pattern]++
			}
			delete(counts, "")
			t.Log(counts)
			if counts["illegal"] < *histories/20 || counts["legal"] < *histories/20 {
				t.Errorf("too few of a kind to mean anything: %v", counts)
			}
		})
	}
}

// judge holds a result to what it claims.
func (x object) judge(t *testing.T, seed int, ops []Op, got Result, want bool) {
	t.Helper()
	if x.name == "set" {
		if each := byElements(ops); each != Unsure && (each == Legal) != want || each == Unsure && got.Verdict != Unsure {
			t.Fatalf("seed %d: element by element %v, want legal: %v:\n%s", seed, each, want, dump(ops))
		}
	}
	switch {
	case got.Verdict == Unsure && got.Reason == "":
		t.Fatalf("seed %d: unsure without a reason:\n%s", seed, dump(ops))
	case got.Verdict == Unsure:
	case (got.Verdict == Legal) != want:
		t.Fatalf("seed %d: got %v, want legal: %v:\n%s", seed, got, want, dump(ops))
	case got.Verdict == Legal:
		if why := x.replay(ops, got.Order); why != "" {
			t.Fatalf("seed %d: order %v: %s:\n%s", seed, got.Order, why, dump(ops))
		}
	default:
		if got.Pattern == "" || len(got.Witness) == 0 {
			t.Fatalf("seed %d: no proof: %v\n%s", seed, got, dump(ops))
		}
		var proof []Op
		for i, o := range ops {
			if slices.Contains(got.Witness, int32(i)) || o.F == Increment || o.F == Count {
				proof = append(proof, o)
			}
		}
		if x.bruteForce(proof) {
			t.Fatalf("seed %d: %s: the witness %v is legal by itself:\n%s", seed, got.Pattern, got.Witness, dump(ops))
		}
	}
}

// TestAgainstPorcupine compares the monitors with porcupine on histories that are too long
// for brute force, legal ones and some with a result changed.
func TestAgainstPorcupine(t *testing.T) {
	for _, x := range objects {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			counts := map[Verdict]int{}
			for seed := range *histories / 20 {
				r := rand.New(rand.NewSource(int64(seed)))
				var ops []Op
				if n := 30 + r.Intn(70); x.funcs[0] == Put {
					ops = work(r, x, n, 1+r.Intn(4), r.Intn(3))
				} else {
					ops = x.scripted(r, shape{ops: n / 2, clients: 1 + r.Intn(5), crash: 0.05 * r.Float64()})
				}
				if seed%4 > 0 {
					ops = x.spoil(r, ops)
				}
				asked := x.byPorcupine(ops, 50*time.Millisecond)
				if asked == porcupine.Unknown {
					continue
				}
				want := asked == porcupine.Ok
				got := x.check(ops, Options{Order: true})
				counts[got.Verdict]++
				switch {
				case got.Verdict != Unsure && (got.Verdict == Legal) != want:
					t.Fatalf("seed %d: got %v, want legal: %v:\n%s", seed, got, want, dump(ops))
				case got.Verdict == Legal:
					if why := x.replay(ops, got.Order); why != "" {
						t.Fatalf("seed %d: order %v: %s:\n%s", seed, got.Order, why, dump(ops))
					}
				}
			}
			t.Log(counts)
			if counts[Illegal] < *histories/200 || counts[Legal] < *histories/200 {
				t.Errorf("too few of a kind to mean anything: %v", counts)
			}
		})
	}
}

// TestRefusals holds that what is no history of unique elements is not judged.
func TestRefusals(t *testing.T) {
	for why, ops := range map[string][]Op{
		"twice":             {{Call: 0, Ret: 1}, {Call: 2, Ret: 3}},
		"does not have":     {{Call: 0, Ret: 1, F: Read}},
		"was called at":     {{Call: 1, Ret: 1}},
		"have event":        {{Call: 0, Ret: 2}, {Call: 2, Ret: 3, F: Take}},
		"only 1 operations": {{Call: 0, Ret: 1, V: 7}},
		"no element":        {{Call: 0, Ret: 1, V: Empty}},
	} {
		for _, x := range objects {
			if x.funcs[0] != Put {
				continue
			}
			got := x.check(ops, Options{})
			if got.Verdict != Unsure || !strings.Contains(got.Reason, why) {
				t.Errorf("%s: want %q: %v", x.name, why, got)
			}
		}
	}
}
