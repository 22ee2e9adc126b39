package linearizable

import (
	"context"
	"flag"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

var histories = flag.Int("histories", 3000, "random histories of the differential test")

func dump(h *history.History) string {
	var b strings.Builder
	for i := range h.Len() {
		fmt.Fprintln(&b, h.At(i))
	}
	return b.String()
}

func verdict(h *history.History) checkers.Result {
	return Register().Check(context.Background(), h, checkers.Budget{Workers: 1})
}

// TestAgainstOracles compares the checker with trying every order, with porcupine alone,
// and its two engines with each other; and it holds what a counterexample says to account.
func TestAgainstOracles(t *testing.T) {
	counts := map[string]int{}
	for seed := range *histories {
		r := rand.New(rand.NewSource(int64(seed)))
		s := shape{ops: 2 + r.Intn(9), processes: 1 + r.Intn(4), unique: seed%2 > 0, cas: r.Intn(2) == 0, spoil: r.Intn(2) == 0}
		if r.Intn(2) == 0 {
			s.crash = 0.3
		}
		h := generate(r, s)
		got := verdict(h)
		want := checkers.Invalid
		if bruteForce(plainly(h)) {
			want = checkers.Valid
		}
		if !s.spoil && want != checkers.Valid {
			t.Fatalf("seed %d: the oracle calls a valid history invalid:\n%s", seed, dump(h))
		}
		if byPorcupine(plainly(h)) != (want == checkers.Valid) {
			t.Fatalf("seed %d: the oracles disagree:\n%s", seed, dump(h))
		}
		if got.Valid != want {
			t.Fatalf("seed %d: got %v, want %v (%s):\n%s", seed, got.Valid, want, got.Reason, dump(h))
		}
		counts[fmt.Sprint(want)]++
		subject := gathered(h)
		subject.prune()
		if subject.unique() {
			counts["by zones"]++
		}
		if sweep := newGathering(h, history.Nil); want == checkers.Valid {
			sweep.sweep(all)
			switch one := sweep.all[0]; {
			case one.settled:
				counts["by a sweep"]++
			case s.unique:
				t.Fatalf("seed %d: the sweep does not settle what is legal:\n%s", seed, dump(h))
			default:
				if sweep.follow(); one.byWords {
					counts["by words"]++
				}
			}
			if one := sweep.all[0]; one.settled && one.size != len(subject.ops) {
				t.Fatalf("seed %d: it counts %d operations, not %d:\n%s", seed, one.size, len(subject.ops), dump(h))
			}
		}
		if want == checkers.Invalid {
			checkStory(t, seed, h, got.Anomalies[0])
		}
	}
	t.Log(counts)
	if counts["by words"] < *histories/20 || counts["invalid"] < *histories/20 || counts["valid"] < *histories/20 || counts["by zones"] < *histories/20 || counts["by a sweep"] < *histories/20 {
		t.Errorf("too few of a kind to mean anything: %v", counts)
	}
}

// TestKeys: keys are judged each by itself, whichever engine each of them calls for, and however
// late it comes.
func TestKeys(t *testing.T) {
	counts := map[string]int{}
	for seed := range *histories / 10 {
		r := rand.New(rand.NewSource(int64(seed)))
		parts := make([]*history.History, 1+r.Intn(8))
		failing := 0
		for i := range parts {
			s := shape{ops: 2 + r.Intn(9), processes: 1 + r.Intn(4), unique: r.Intn(3) == 0, cas: r.Intn(2) == 0, spoil: r.Intn(4) == 0}
			if r.Intn(3) == 0 {
				s.crash = 0.3
			}
			if parts[i] = generate(r, s); !bruteForce(plainly(parts[i])) {
				failing++
			}
		}
		var h history.History
		at, stride := make([]int, len(parts)), []int64{1, 64, 1 << 40}[seed%3]
		for begun := 1; h.Len() < total(parts); {
			if begun < len(parts) && r.Intn(6) == 0 {
				begun++
			}
			k := r.Intn(begun)
			if at[k] == parts[k].Len() {
				begun = min(begun+1, len(parts))
				continue
			}
			op := parts[k].At(at[k])
			at[k]++
			op.Process, op.Key, op.Keyed, op.Time = op.Process+100*k, int64(k)*stride, true, int64(h.Len())
			h.Append(op)
		}
		got, invalid := verdict(&h), 0
		for _, f := range got.Figures {
			switch f.Name {
			case "invalid keys":
				invalid = int(f.Value)
			case "decided by words", "searched keys":
				counts[f.Name]++
			}
		}
		if counts[fmt.Sprint(got.Valid)]++; invalid != failing || (got.Valid == checkers.Invalid) != (failing > 0) {
			t.Fatalf("seed %d: %v, %d keys of %d are invalid, want %d:\n%s", seed, got.Valid, invalid, len(parts), failing, dump(&h))
		}
	}
	if t.Log(counts); counts["decided by words"] < *histories/40 || counts["valid"] < *histories/100 || counts["invalid"] < *histories/100 {
		t.Error("too few of a kind to mean anything")
	}
}

func total(parts []*history.History) (events int) {
	for _, h := range parts {
		events += h.Len()
	}
	return events
}

// checkStory holds an anomaly to what it claims: the history up to the stuck operation's
// completion fails, without that completion it does not, and the order shown is legal.
func checkStory(t *testing.T, seed int, h *history.History, a checkers.Anomaly) {
	t.Helper()
	d := a.Detail.(Detail)
	if !d.Shortest || d.Stuck < 0 || a.Sentence == "" || len(a.Ops) == 0 {
		t.Fatalf("seed %d: incomplete story: %+v\n%s", seed, a, dump(h))
	}
	stuck := d.Ops[d.Stuck]
	end := int(h.Completions()[stuck.Event])
	if bruteForce(upTo(plainly(h), end+1)) {
		t.Fatalf("seed %d: the prefix up to event %d is legal:\n%s", seed, end, dump(h))
	}
	if !bruteForce(upTo(plainly(h), end)) {
		t.Fatalf("seed %d: the prefix before event %d is not legal:\n%s", seed, end, dump(h))
	}
	if len(d.Ops) > around {
		return
	}
	checkOrder(t, seed, h, d, d.Order, d.Before, func(b Bar) bool { return true })
}

// checkOrder holds an order of those operations shown that are in it to be legal, and to
// leave out none of them that had completed.
func checkOrder(t *testing.T, seed int, h *history.History, d Detail, order []int, held string, in func(b Bar) bool) {
	t.Helper()
	if held == "" {
		held = "nil"
	}
	for k, n := range order {
		b := d.Ops[n]
		for _, later := range order[k+1:] {
			if l := d.Ops[later]; l.End >= 0 && l.End < b.Start {
				t.Fatalf("seed %d: order %v breaks real time:\n%s", seed, order, dump(h))
			}
		}
		from, to, _ := strings.Cut(b.Value, " ")
		switch b.F {
		case "write":
			held = from
		case "cas":
			if held != from {
				t.Fatalf("seed %d: order %v: cas %s of %s:\n%s", seed, order, b.Value, held, dump(h))
			}
			held = to
		default:
			if held != from {
				t.Fatalf("seed %d: order %v: %s sees %s, not %s:\n%s", seed, order, b.F, held, from, dump(h))
			}
		}
		if b.After != held {
			t.Fatalf("seed %d: order %v: holds %s, not %s:\n%s", seed, order, held, b.After, dump(h))
		}
	}
	shown := map[int]bool{}
	for _, n := range order {
		shown[n] = true
	}
	for n, b := range d.Ops {
		if b.End >= 0 && n != d.Stuck && !shown[n] && in(b) || shown[n] && !in(b) {
			t.Fatalf("seed %d: operation %d is wrongly in order %v, or out of it:\n%s", seed, n, order, dump(h))
		}
	}
}

// upTo is what had happened before event n. What failed, or saw another value, later is
// known not to have happened before either.
func upTo(ops []plain, n int) []plain {
	var kept []plain
	for _, o := range ops {
		if o.ret >= n {
			if o.ret, o.crashed = 1<<40, true; o.f == "read" {
				continue
			}
		}
		if o.call < n {
			kept = append(kept, o)
		}
	}
	return kept
}
