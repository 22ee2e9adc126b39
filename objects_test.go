package faultline

import (
	"context"
	"math/rand"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/object"
	"github.com/faultline-dev/faultline/harness/history"
)

// TestSpecialCheckers: the checkers of lists and grow-only sets, where they are asked in place
// of package object, say the same as that does by itself.
func TestSpecialCheckers(t *testing.T) {
	for _, name := range []string{"list", "set"} {
		kind, _ := object.Find(name)
		counts := map[checkers.Validity]int{}
		special := 0
		for seed := range 2000 {
			h := grows(rand.New(rand.NewSource(int64(seed))), name)
			budget := checkers.Budget{Workers: 1}
			want := object.New(kind, object.Options{}).Check(context.Background(), h, budget)
			got := objectChecker(kind, history.Nil).Check(context.Background(), h, budget)
			if got.Valid != want.Valid {
				t.Fatalf("%s, seed %d: %+v, but by itself %+v\n%s", name, seed, got, want, dump(h))
			}
			counts[got.Valid]++
			if len(got.Figures) == 0 || got.Figures[0].Name != want.Figures[0].Name {
				special++
			}
		}
		if counts[checkers.Valid] < 100 || counts[checkers.Invalid] < 100 || special < 1000 {
			t.Errorf("%s: too few of a kind to mean anything: %v, %d by the special checker", name, counts, special)
		}
	}
}

func dump(h *history.History) string {
	var text string
	for i := range h.Len() {
		text += h.At(i).String() + "\n"
	}
	return text
}

// grows makes a history of a thing that only grows; reads see what there is, or a bit less.
func grows(r *rand.Rand, name string) *history.History {
	h := &history.History{}
	add := map[string]string{"list": "append", "set": "add"}[name]
	open := map[int]history.Op{}
	seen := map[int][]int64{} // by process: what its read is to see
	var elements []int64
	process := []int{0, 1, 2}
	spoil, again := r.Intn(2) == 0, r.Intn(4) == 0
	for range 4 + r.Intn(14) {
		at := r.Intn(3)
		p := process[at]
		op, busy := open[p]
		if !busy {
			op = history.Op{Process: p, F: "read"}
			if r.Intn(2) == 0 {
				op.F, op.Value = add, history.Int(int64(h.Len()))
				if again {
					op.Value = history.Int(r.Int63n(3))
				}
			}
			if op.F == add && r.Intn(2) == 0 { // it takes effect at once, or when it returns
				elements = append(elements, op.Value.A)
			}
			open[p], seen[p] = op, elements
			h.Append(op)
			continue
		}
		delete(open, p)
		op.Type = history.OK
		if op.F == "read" {
			op.Value = history.List(distinct(seen[p], name))
			if !spoil || r.Intn(3) > 0 {
				op.Value = history.List(distinct(elements, name))
			}
			if spoil && r.Intn(4) == 0 && len(elements) > 1 {
				op.Value = history.List(distinct(elements[1:], name))
			}
		} else if r.Intn(5) == 0 {
			op.Type = history.Info
			process[at] = 3 + h.Len()
		} else {
			in := false
			for _, e := range elements {
				in = in || e == op.Value.A
			}
			if !in {
				elements = append(elements, op.Value.A)
			}
		}
		h.Append(op)
	}
	return h
}

// distinct are the elements of a set, each once.
func distinct(all []int64, name string) []int64 {
	if name == "list" {
		return all
	}
	var out []int64
	seen := map[int64]bool{}
	for _, n := range all {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}
