package synth

import (
	"fmt"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-dev/faultline/harness/history"
)

func dump(h *history.History) string {
	var b strings.Builder
	for i := range h.Len() {
		fmt.Fprintln(&b, h.At(i))
	}
	return b.String()
}

func legal(m *Model, ops []Operation) bool {
	model, all := m.Porcupine(ops)
	return porcupine.CheckOperations(model, all)
}

// TestMake: histories are well formed and as large as asked for, and legal just if no
// violation was planted, by both oracles.
func TestMake(t *testing.T) {
	for _, k := range kinds {
		for _, violation := range append(Violations(k.name), "") {
			t.Run(k.name+"/"+violation, func(t *testing.T) {
				most := uint64(14)
				switch k.model {
				case &registerModel: // whose oracles have few states to look at
					most = 40
				case &listModel: // and one for each order
					most = 7
				}
				for seed := range uint64(300) {
					s := Spec{Object: k.name, Operations: 1 + int(seed%most), Clients: 1 + int(seed%5), Violation: violation, Seed: seed}
					s.Crashed = min(s.Operations, int(seed%4))
					if seed%2 == 0 {
						s.Values = 3
					}
					s.Observe = seed%3 == 0
					h, err := s.Make()
					if err != nil {
						t.Fatal(err)
					}
					wellFormed(t, s, h)
					ops := k.model.Gather(h)
					if got := legal(k.model, ops); k.model.Others == nil && got != (violation == "") {
						t.Fatalf("%s: porcupine says legal=%v:\n%s", s, got, dump(h))
					}
					if len(ops) > 64 {
						continue
					}
					if got := k.model.Order(ops); got != (violation == "") {
						t.Fatalf("%s: trying all orders says legal=%v:\n%s", s, got, dump(h))
					}
				}
			})
		}
	}
}

func wellFormed(t *testing.T, s Spec, h *history.History) {
	t.Helper()
	open := map[int]history.Op{}
	invoked, crashed := 0, 0
	last := int64(0)
	for i := range h.Len() {
		e := h.At(i)
		if e.Time < last {
			t.Fatalf("%s: time goes back at %d:\n%s", s, i, dump(h))
		}
		last = e.Time
		before, busy := open[e.Process]
		switch {
		case e.Type == history.Invoke:
			if busy {
				t.Fatalf("%s: event %d overlaps its own process:\n%s", s, i, dump(h))
			}
			open[e.Process] = e
			invoked++
			continue
		case !busy || before.F != e.F || before.Key != e.Key:
			t.Fatalf("%s: event %d completes nothing:\n%s", s, i, dump(h))
		case e.Type == history.Info:
			crashed++
		}
		delete(open, e.Process)
	}
	if crashed += len(open); crashed != s.Crashed {
		t.Fatalf("%s: %d crashed:\n%s", s, crashed, dump(h))
	}
	if invoked != s.Operations && s.Violation == "" || invoked < s.Operations {
		t.Fatalf("%s: %d operations:\n%s", s, invoked, dump(h))
	}
}

// TestSmall: what is not spoilt is legal, what is often is not, and the oracles agree.
func TestSmall(t *testing.T) {
	for _, k := range kinds {
		illegal := 0
		for seed := range uint64(500) {
			h, spoilt, err := Small(k.name, seed, seed%2 == 0)
			if err != nil {
				t.Fatal(err)
			}
			ops := k.model.Gather(h)
			ok := k.model.Order(ops)
			if !ok {
				illegal++
			}
			if !ok && !spoilt {
				t.Fatalf("%s, seed %d: not legal:\n%s", k.name, seed, dump(h))
			}
			if k.model.Others == nil && legal(k.model, ops) != ok {
				t.Fatalf("%s, seed %d: all orders say legal=%v:\n%s", k.name, seed, ok, dump(h))
			}
			if ok && !k.model.Sequential(ops) {
				t.Fatalf("%s, seed %d: linearizable but not sequential:\n%s", k.name, seed, dump(h))
			}
		}
		if illegal < 40 {
			t.Errorf("%s: only %d of 500 are illegal", k.name, illegal)
		}
	}
}

// TestSame: a spec says all there is to say about a history.
func TestSame(t *testing.T) {
	for _, object := range Objects() {
		s := Spec{Object: object, Operations: 500, Clients: 7, Crashed: 5, Keys: 6, Seed: 3}
		a, err := s.Make()
		if err != nil {
			t.Fatal(err)
		}
		b, _ := s.Make()
		if dump(a) != dump(b) {
			t.Errorf("%s comes out differently", s)
		}
		s.Seed++
		if c, _ := s.Make(); dump(a) == dump(c) {
			t.Errorf("%s: the seed makes no difference", s)
		}
		keys := map[int64]int{}
		for i := range a.Len() {
			if e := a.At(i); e.Type == history.Invoke {
				keys[e.Key]++
			}
		}
		if len(keys) != 6 || keys[0] < 83 || keys[0] > 84 {
			t.Errorf("%s: operations by key: %v", s, keys)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, s := range []Spec{
		{Object: "teapot", Clients: 1},
		{Object: "register"},
		{Object: "register", Clients: 1, Operations: 1, Crashed: 2},
		{Object: "register", Clients: 1, Operations: 1, Violation: "boredom"},
		{Object: "register", Clients: 1, Operations: -1},
	} {
		if _, err := s.Make(); err == nil {
			t.Errorf("%s was made", s)
		}
	}
}

func BenchmarkMake(b *testing.B) {
	for _, object := range Objects() {
		b.Run(object, func(b *testing.B) {
			for i := range b.N {
				if _, err := (Spec{Object: object, Operations: 1e6, Clients: 50, Crashed: 100, Seed: uint64(i)}).Make(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
