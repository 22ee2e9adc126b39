package list

import (
	"context"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// replicated runs processes against a log of all appends, in which each stands somewhere
// and sees what is before: it goes on, and to the end when it has appended, but for slips.
func replicated(r *rand.Rand, ops, keys, processes int, slips float64) *history.History {
	h := &history.History{}
	type entry struct{ key, value int64 }
	var log, late []entry
	at, process, names, next := make([]int, processes), make([]int, processes), processes, int64(1)
	for i := range process {
		process[i] = i
	}
	both := func(p int, e history.Op, end history.Type, result history.Value) {
		e.Time, e.Process = int64(h.Len()), process[p]
		h.Append(e)
		e.Time, e.Type, e.Value = int64(h.Len()), end, result
		h.Append(e)
	}
	for range ops {
		if len(late) > 0 && r.Intn(4) == 0 {
			log, late = append(log, late[0]), late[1:]
		}
		p, key := r.Intn(processes), r.Int63n(int64(keys))
		e := history.Op{F: "append", Key: key, Keyed: true, Value: history.Int(next)}
		if r.Intn(2) == 0 {
			next++
			switch {
			case r.Intn(8) == 0:
				if r.Intn(2) == 0 {
					late = append(late, entry{key, e.Value.A})
				}
				both(p, e, history.Info, e.Value)
				process[p], at[p] = names, 0
				names++
			case r.Intn(12) == 0:
				both(p, e, history.Fail, e.Value)
			default:
				log = append(log, entry{key, e.Value.A})
				if at[p] = len(log); r.Float64() < slips {
					at[p] = r.Intn(len(log) + 1)
				}
				both(p, e, history.OK, e.Value)
			}
			continue
		}
		if at[p] += r.Intn(len(log) - at[p] + 1); r.Float64() < slips {
			at[p] = r.Intn(len(log) + 1)
		}
		var seen []int64
		for _, x := range log[:at[p]] {
			if x.key == key {
				seen = append(seen, x.value)
			}
		}
		if len(seen) > 1 && r.Float64() < slips/4 {
			seen[0], seen[1] = seen[1], seen[0]
		}
		e.F, e.Value = "read", history.Nil
		both(p, e, history.OK, history.List(seen))
	}
	return h
}

// sequentialByHand tries every order that keeps to the order of each process.
func sequentialByHand(h *history.History) bool {
	type step struct {
		key    int64
		append int64
		read   string
		doubt  bool
	}
	var order []int
	steps := map[int][]step{}
	for i := 0; i < h.Len(); i += 2 {
		e, done := h.At(i), h.At(i+1)
		if done.Type == history.Fail {
			continue
		}
		s := step{key: e.Key, read: fmt.Sprint(done.Value.Ints()), doubt: done.Type == history.Info}
		if e.F == "append" {
			s.append = e.Value.A
		}
		if steps[e.Process] == nil {
			order = append(order, e.Process)
		}
		steps[e.Process] = append(steps[e.Process], s)
	}
	failed := map[string]bool{}
	var try func(at []int, lists map[int64][]int64) bool
	try = func(at []int, lists map[int64][]int64) bool {
		id := fmt.Sprint(at, lists)
		if failed[id] {
			return false
		}
		done := true
		for k, p := range order {
			if at[k] == len(steps[p]) {
				continue
			}
			s := steps[p][at[k]]
			done = done && s.doubt
			now := slices.Clone(at)
			now[k]++
			if s.append == 0 {
				if fmt.Sprint(lists[s.key]) == s.read && try(now, lists) {
					return true
				}
				continue
			}
			then := map[int64][]int64{}
			for key, l := range lists {
				then[key] = l
			}
			then[s.key] = append(slices.Clone(lists[s.key]), s.append)
			if try(now, then) {
				return true
			}
		}
		failed[id] = !done
		return done
	}
	return try(make([]int, len(order)), map[int64][]int64{})
}

func TestSequentialAgainstOrders(t *testing.T) {
	counts := map[string]int{}
	for seed := range *histories {
		r := rand.New(rand.NewSource(int64(seed)))
		slips := float64(r.Intn(3)) * 0.15
		h := replicated(r, 2+r.Intn(10), 1+r.Intn(2), 1+r.Intn(3), slips)
		got := Sequential().Check(context.Background(), h, checkers.Budget{})
		want := checkers.Valid
		if !sequentialByHand(h) {
			want = checkers.Invalid
		}
		if got.Valid != want || slips == 0 && want == checkers.Invalid {
			var text strings.Builder
			for i := range h.Len() {
				fmt.Fprintln(&text, h.At(i))
			}
			t.Fatalf("seed %d: %v, want %v: %+v\n%s", seed, got.Valid, want, got, &text)
		}
		counts[want.String()]++
		for _, a := range got.Anomalies {
			counts[a.Name]++
			// What it names is an anomaly by itself.
			part := &history.History{}
			for _, e := range a.Ops {
				part.Append(h.At(e))
			}
			if a.Name == "nonsequential" && Sequential().Check(context.Background(), part, checkers.Budget{}).Valid != checkers.Invalid {
				t.Fatalf("seed %d: %q is not proven by %v", seed, a.Sentence, a.Ops)
			}
		}
		// Whatever is linearizable is sequential.
		if Checker().Check(context.Background(), h, checkers.Budget{}).Valid == checkers.Valid && want == checkers.Invalid {
			t.Fatalf("seed %d: linearizable but not sequential", seed)
		}
	}
	t.Log(counts)
	for _, name := range []string{"valid", "invalid", "nonsequential", "incompatible-order"} {
		if counts[name] < *histories/100 {
			t.Errorf("too few of %s to mean anything: %v", name, counts)
		}
	}
}

// BenchmarkSequential measures 10,000 operations on 100 lists that processes see late.
func BenchmarkSequential(b *testing.B) {
	h := replicated(rand.New(rand.NewSource(1)), 10_000, 100, 10, 0)
	for b.Loop() {
		if r := Sequential().Check(context.Background(), h, checkers.Budget{}); r.Valid != checkers.Valid {
			b.Fatal(r)
		}
	}
}
