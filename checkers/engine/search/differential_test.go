package search

import (
	"context"
	"flag"
	"fmt"
	"math/rand"
	"testing"

	"github.com/anishathalye/porcupine"
)

var histories = flag.Int("histories", 1500, "random histories of each model in the differential test")

// bruteForce tries every order of the operations up to event limit, and every choice of
// the pending ones. What returns later is pending.
func bruteForce[S, O comparable](m Model[S, O], ops []Op[O], limit int32) bool {
	type place struct {
		used  uint
		state S
	}
	dead := map[place]bool{}
	var try func(p place) bool
	try = func(p place) bool {
		if dead[p] {
			return false
		}
		first := limit // the first return of those left
		for i, o := range ops {
			if p.used&(1<<i) == 0 && o.Ret < first {
				first = o.Ret
			}
		}
		if first == limit {
			return true
		}
		for i, o := range ops {
			if p.used&(1<<i) != 0 || o.Call > first || o.Call >= limit {
				continue
			}
			if next, ok := m.Step(p.state, o.Do); ok && try(place{p.used | 1<<i, next}) {
				return true
			}
		}
		dead[p] = true
		return false
	}
	return try(place{0, m.Init})
}

// byPorcupine is an oracle for larger histories. It has to place every operation: one that
// never returned does nothing where it is not legal.
func byPorcupine[S, O comparable](m Model[S, O], ops []Op[O]) bool {
	return porcupine.CheckOperations(toPorcupine(m, ops))
}

func toPorcupine[S, O comparable](m Model[S, O], ops []Op[O]) (porcupine.Model, []porcupine.Operation) {
	var list []porcupine.Operation
	for _, o := range ops {
		list = append(list, porcupine.Operation{Input: o, Call: int64(o.Call), Return: int64(o.Ret)})
	}
	return porcupine.Model{
		Init: func() any { return m.Init },
		Step: func(state, input, _ any) (bool, any) {
			o := input.(Op[O])
			next, ok := m.Step(state.(S), o.Do)
			if !ok {
				return o.Ret == Pending, state
			}
			return true, next
		},
	}, list
}

// checkOrder holds an order to what it claims for the operations that returned before limit.
func checkOrder[S, O comparable](m Model[S, O], ops []Op[O], order []int32, limit int32) error {
	seen := make([]bool, len(ops))
	state, called := m.Init, int32(-1)
	for _, i := range order {
		if seen[i] {
			return fmt.Errorf("operation %d twice", i)
		}
		seen[i] = true
		o := ops[i]
		if o.Ret < called {
			return fmt.Errorf("operation %d returned before one in front of it was called", i)
		}
		if called = max(called, o.Call); called >= limit {
			return fmt.Errorf("operation %d was called after the end", i)
		}
		next, ok := m.Step(state, o.Do)
		if !ok {
			return fmt.Errorf("operation %d %v is not legal in %v", i, o.Do, state)
		}
		state = next
	}
	for i, o := range ops {
		if o.Ret < limit && !seen[i] {
			return fmt.Errorf("operation %d is missing", i)
		}
	}
	return nil
}

func differential[S, O comparable](t *testing.T, m object[S, O]) {
	counts := map[Verdict]int{}
	for seed := range *histories {
		r := rand.New(rand.NewSource(int64(seed)))
		crash := 0.0
		if r.Intn(2) == 0 {
			crash = 0.2
		}
		spoilt := r.Intn(3) > 0
		ops := m.history(r, 2+r.Intn(11), 1+r.Intn(6), crash, spoilt)
		legal := bruteForce(m.Model, ops, Pending)
		fail := func(format string, args ...any) {
			t.Helper()
			for i, o := range ops {
				t.Logf("%d: %d to %d: %+v", i, o.Call, o.Ret, o.Do)
			}
			t.Fatalf("seed %d: "+format, append([]any{seed}, args...)...)
		}
		if !spoilt && !legal {
			fail("the oracle calls a legal history illegal")
		}
		if byPorcupine(m.Model, ops) != legal {
			fail("the oracles disagree")
		}
		for _, way := range Ways {
			off := way.Name
			got := Decide(context.Background(), m.Model, ops, way.Options(r.Intn(4)))
			if (got.Verdict == Legal) != legal || got.Verdict == Stopped {
				fail("%v %s, want legal %v", got.Verdict, off, legal)
			}
			limit := int32(Pending)
			if !legal {
				limit = got.At
				if bruteForce(m.Model, ops, limit+1) {
					fail("up to event %d there is a legal order (%s)", limit, off)
				}
			}
			if err := checkOrder(m.Model, ops, got.Order(), limit); err != nil {
				fail("order %v %s: %v", got.Order(), off, err)
			}
		}
		if legal {
			counts[Legal]++
		} else {
			counts[Illegal]++
		}
	}
	t.Logf("%d legal, %d illegal", counts[Legal], counts[Illegal])
	if counts[Legal] < *histories/10 || counts[Illegal] < *histories/10 {
		t.Error("too few of a kind to mean anything")
	}
}

func TestRegister(t *testing.T) { differential(t, register) }
func TestMutex(t *testing.T)    { differential(t, mutex) }
func TestQueue(t *testing.T)    { differential(t, queueObject) }
func TestSet(t *testing.T)      { differential(t, setObject) }
func TestMulti(t *testing.T)    { differential(t, multi) }
