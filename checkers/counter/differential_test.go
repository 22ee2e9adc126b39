package counter

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

var histories = flag.Int("histories", 6000, "random histories of the differential test")

// generate runs random increments and reads against a real counter, each taking effect at
// some moment between its events, then maybe spoils some reads by one.
func generate(r *rand.Rand) *history.History {
	h := &history.History{}
	type flight struct {
		op   history.Op
		done bool
	}
	processes := 1 + r.Intn(5)
	busy, process := make([]*flight, processes), []int{0, 1, 2, 3, 4}
	state, lost := int64(0), 0
	started, ops, names := 0, 2+r.Intn(12), 5
	for {
		p := r.Intn(processes)
		f := busy[p]
		switch {
		case lost > 0 && r.Intn(6) == 0:
			state++
			lost--
		case f == nil && started < ops:
			started++
			op := history.Op{Time: int64(h.Len()), Process: process[p], Type: history.Invoke, F: "read"}
			if r.Intn(2) == 0 {
				op.F, op.Value = "increment", history.Int(1)
			}
			h.Append(op)
			busy[p] = &flight{op: op}
		case f == nil:
			if !slices.ContainsFunc(busy, func(f *flight) bool { return f != nil }) {
				return spoil(r, h)
			}
		case !f.done && f.op.F == "increment" && r.Intn(6) == 0:
			end := f.op
			if end.Type = history.Info; r.Intn(3) == 0 {
				end.Type = history.Fail
			} else if r.Intn(2) == 0 {
				lost++
			}
			h.Append(end)
			busy[p], process[p] = nil, names
			names++
		case !f.done:
			if f.done = true; f.op.F == "read" {
				f.op.Value = history.Int(state)
			} else {
				state++
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
		if op.Type == history.OK && op.F == "read" && r.Intn(4) == 0 {
			op.Value = history.Int(op.Value.A + r.Int63n(3) - 1)
		}
		out.Append(op)
	}
	return out
}

type input struct {
	read    bool
	value   int64
	crashed bool
}

func operations(h *history.History) (ops []porcupine.Operation) {
	for i := range h.Len() {
		e := h.At(i)
		if e.Type != history.Invoke {
			continue
		}
		o, in := porcupine.Operation{Call: int64(i), Return: 1 << 40, ClientId: e.Process}, input{read: e.F == "read", crashed: true}
		drop := in.read
		for j := i + 1; j < h.Len(); j++ {
			if c := h.At(j); c.Process == e.Process {
				if drop = c.Type == history.Fail; c.Type == history.OK {
					o.Return, in.crashed, in.value = int64(j), false, c.Value.A
				}
				break
			}
		}
		if o.Input = in; !drop {
			ops = append(ops, o)
		}
	}
	return ops
}

// legal asks porcupine, which shares nothing with the checker.
func legal(ops []porcupine.Operation) bool {
	return porcupine.CheckOperations(porcupine.Model{
		Init: func() any { return int64(0) },
		Step: func(state, in, _ any) (bool, any) {
			if in.(input).read {
				return in.(input).value == state.(int64), state
			}
			// One in doubt may also come last of all, where nobody sees whether it happened.
			return true, state.(int64) + 1
		},
	}, ops)
}

// bounded says whether the reads after the last increment keep within their bounds.
func bounded(h *history.History, ops []porcupine.Operation) bool {
	least, most, last := int64(0), int64(0), int64(-1)
	for i := range h.Len() {
		if h.At(i).F == "increment" {
			last = int64(i)
		}
	}
	for _, o := range ops {
		if in := o.Input.(input); !in.read {
			if most++; !in.crashed {
				least++
			}
		}
	}
	for _, o := range ops {
		if in := o.Input.(input); in.read && o.Call > last && (in.value < least || in.value > most) {
			return false
		}
	}
	return true
}

func TestAgainstOracles(t *testing.T) {
	counts := map[string]int{}
	for seed := range *histories {
		h := generate(rand.New(rand.NewSource(int64(seed))))
		ops := operations(h)
		strict := New(Options{Linearizable: true}).Check(context.Background(), h, checkers.Budget{})
		loose := New(Options{}).Check(context.Background(), h, checkers.Budget{})
		if got, want := strict.Valid == checkers.Valid, legal(ops); got != want || (loose.Valid != checkers.Invalid) != bounded(h, ops) {
			var text strings.Builder
			for i := range h.Len() {
				fmt.Fprintln(&text, h.At(i))
			}
			t.Fatalf("seed %d: an order exists: %v, got %+v; within bounds: %v, got %+v\n%s", seed, want, strict, bounded(h, ops), loose, &text)
		}
		counts[strict.Valid.String()]++
		for _, a := range strict.Anomalies {
			counts[a.Name]++
			if strings.Contains(a.Sentence, "in between") {
				counts["window"]++
			}
		}
	}
	t.Log(counts)
	for name, least := range map[string]int{"valid": 100, "invalid": 100, "nonlinearizable": 100, "lost-increment": 10, "phantom-increment": 10, "window": 10} {
		if counts[name] < least {
			t.Errorf("too few of %s to mean anything: %v", name, counts)
		}
	}
}

// BenchmarkLong measures one counter of a hundred thousand operations.
func BenchmarkLong(b *testing.B) {
	h, state := &history.History{}, int64(0)
	for i := range 100_000 {
		op := history.Op{Process: i % 10, Type: history.Invoke, F: "read"}
		if i%3 > 0 {
			op.F, op.Value = "increment", history.Int(1)
		}
		h.Append(op)
		if op.Type = history.OK; op.F == "increment" {
			state++
		} else {
			op.Value = history.Int(state)
		}
		h.Append(op)
	}
	for b.Loop() {
		if r := New(Options{Linearizable: true}).Check(context.Background(), h, checkers.Budget{}); r.Valid != checkers.Valid {
			b.Fatal(r)
		}
	}
}
