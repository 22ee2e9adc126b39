package list

import (
	"context"
	"flag"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

var histories = flag.Int("histories", 4000, "random histories of the differential test")

// generate runs random appends and reads against a real list, each taking effect at some
// moment between its events, then maybe spoils some reads.
func generate(r *rand.Rand) *history.History {
	h := &history.History{}
	type flight struct {
		op   history.Op
		done bool
	}
	busy, process := make([]*flight, 1+r.Intn(4)), []int{0, 1, 2, 3}
	var state, lost []int64
	started, ops, names := 0, 2+r.Intn(9), 4
	for next := int64(1); ; {
		p := r.Intn(len(busy))
		f := busy[p]
		switch {
		case len(lost) > 0 && r.Intn(6) == 0:
			state, lost = append(state, lost[0]), lost[1:]
		case f == nil && started < ops:
			started++
			op := history.Op{Time: int64(h.Len()), Process: process[p], Type: history.Invoke, F: "read"}
			if r.Intn(2) == 0 {
				op.F, op.Value = "append", history.Int(next)
				next++
			}
			h.Append(op)
			busy[p] = &flight{op: op}
		case f == nil:
			if !slices.ContainsFunc(busy, func(f *flight) bool { return f != nil }) {
				return spoil(r, h)
			}
		case !f.done && f.op.F == "append" && r.Intn(5) == 0:
			end := f.op
			if end.Type = history.Info; r.Intn(3) == 0 {
				end.Type = history.Fail
			} else if r.Intn(2) == 0 {
				lost = append(lost, f.op.Value.A) // it takes effect later, perhaps
			}
			h.Append(end)
			busy[p], process[p] = nil, names
			names++
		case !f.done:
			if f.done = true; f.op.F == "read" {
				f.op.Value = history.List(state)
			} else {
				state = append(state, f.op.Value.A)
			}
		default:
			f.op.Time, f.op.Type = int64(h.Len()), history.OK
			h.Append(f.op)
			busy[p] = nil
		}
	}
}

func spoil(r *rand.Rand, h *history.History) *history.History {
	if r.Intn(3) == 0 {
		return h
	}
	out := &history.History{}
	for i := range h.Len() {
		op := h.At(i)
		if ns := op.Value.Ints(); op.Type == history.OK && op.F == "read" && r.Intn(4) == 0 {
			switch k := r.Intn(5); {
			case k == 0:
				ns = append(ns, 1+r.Int63n(5))
			case k == 1 && len(ns) > 0:
				ns = ns[1:]
			case k == 2 && len(ns) > 0:
				ns = ns[:len(ns)-1]
			case k == 3 && len(ns) > 1:
				ns[0], ns[len(ns)-1] = ns[len(ns)-1], ns[0]
			case k == 4 && len(ns) > 1:
				ns = slices.Delete(ns, 0, len(ns)-1)
			}
			op.Value = history.List(ns)
		}
		out.Append(op)
	}
	return out
}

// legal asks porcupine, which shares nothing with the checker: the state is the list.
func legal(h *history.History) bool {
	type input struct {
		append  int64 // 0: a read
		crashed bool
		read    string
	}
	var ops []porcupine.Operation
	for i := range h.Len() {
		e := h.At(i)
		if e.Type != history.Invoke {
			continue
		}
		o, in := porcupine.Operation{Call: int64(i), Return: 1 << 40, ClientId: e.Process}, input{crashed: true}
		if e.F == "append" {
			in.append = e.Value.A
		}
		drop := e.F == "read"
		for j := i + 1; j < h.Len(); j++ {
			if c := h.At(j); c.Process == e.Process {
				if drop = drop && c.Type != history.OK || c.Type == history.Fail; c.Type == history.OK {
					o.Return, in.crashed, in.read = int64(j), false, fmt.Sprint(c.Value.Ints())
				}
				break
			}
		}
		if o.Input = in; !drop {
			ops = append(ops, o)
		}
	}
	return porcupine.CheckOperations(porcupine.Model{
		Init: func() any { return "[]" },
		Step: func(state, in, _ any) (bool, any) {
			o := in.(input)
			if o.append == 0 {
				return o.read == state, state
			}
			// One in doubt may also come last of all, where nobody sees whether it happened.
			return true, fmt.Sprintf("[%s]", strings.TrimSpace(strings.Trim(state.(string), "[]")+fmt.Sprint(" ", o.append)))
		},
	}, ops)
}

func TestAgainstPorcupine(t *testing.T) {
	counts := map[string]int{}
	for seed := range *histories {
		h := generate(rand.New(rand.NewSource(int64(seed))))
		got := Checker().Check(context.Background(), h, checkers.Budget{})
		want := checkers.Invalid
		if legal(h) {
			want = checkers.Valid
		}
		if got.Valid != want {
			var text strings.Builder
			for i := range h.Len() {
				fmt.Fprintln(&text, h.At(i))
			}
			t.Fatalf("seed %d: got %v %+v, want %v:\n%s", seed, got.Valid, got.Anomalies, want, &text)
		}
		counts[want.String()]++
		for _, a := range got.Anomalies {
			counts[a.Name]++
		}
	}
	t.Log(counts)
	for _, name := range []string{"valid", "invalid", "nonlinearizable", "incompatible-order", "phantom-element", "duplicate-elements"} {
		if counts[name] < *histories/100 {
			t.Errorf("too few of %s to mean anything: %v", name, counts)
		}
	}
}

// BenchmarkKeys measures a thousand keys of 150 operations each.
func BenchmarkKeys(b *testing.B) {
	h := &history.History{}
	for key := range int64(1000) {
		var list []int64
		for v := range int64(75) {
			list = append(list, v)
			for _, op := range []history.Op{{Type: history.Invoke, F: "append", Value: history.Int(v)}, {Type: history.OK, F: "append", Value: history.Int(v)},
				{Type: history.Invoke, F: "read"}, {Type: history.OK, F: "read", Value: history.List(list)}} {
				op.Key, op.Keyed, op.Time = key, true, int64(h.Len())
				h.Append(op)
			}
		}
	}
	for b.Loop() {
		if r := Checker().Check(context.Background(), h, checkers.Budget{}); r.Valid != checkers.Valid {
			b.Fatal(r)
		}
	}
}
