package search

import (
	"context"
	"math/rand"
	"testing"
	"time"
)

// patience, among features to do without, has all configurations kept from the beginning.
const patience = feature(1 << 15)

// TestLarge: histories whose verdict is known by the way they were made, also by way of
// porcupine and of searches that do without something.
func TestLarge(t *testing.T) {
	for seed := range int64(max(20, *histories/100)) {
		r := rand.New(rand.NewSource(seed))
		l := load{ops: 200 + r.Intn(800), clients: 2 + r.Intn(4), crashed: r.Intn(2) * r.Intn(5), values: 2 + r.Intn(4), bad: seed%2 > 0}
		ops := l.generate(seed)
		if l.crashed == 0 && byPorcupine(register.Model, ops) == l.bad {
			t.Fatalf("%+v, seed %d: porcupine does not think so", l, seed)
		}
		for _, off := range []feature{0, patience, symmetry, absorption, purity, lookahead, aim, dominance} {
			if off == dominance && l.crashed > 0 {
				continue // it has no end
			}
			expect(t, l, seed, ops, off)
		}
	}
	// More than 64 at once.
	for _, l := range []load{{ops: 1500, clients: 20, values: 5}, {ops: 1500, clients: 20, values: 5, bad: true}, {ops: 700, clients: 80, values: 4}} {
		expect(t, l, 1, l.generate(1), 0)
	}
}

func expect(t *testing.T, l load, seed int64, ops []Op[reg], off feature) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	got := Decide(ctx, register.Model, ops, Options{off: off &^ patience, Patient: off&patience != 0})
	if got.Verdict == Stopped || (got.Verdict == Illegal) != l.bad {
		t.Fatalf("%+v, seed %d without %b: %v %v, %s", l, seed, off, got.Verdict, got.Why, got.Progress())
	}
	limit := int32(Pending)
	if l.bad {
		limit = got.At
	}
	if err := checkOrder(register.Model, ops, got.Order(), limit); err != nil {
		t.Fatalf("%+v, seed %d without %b: %v", l, seed, off, err)
	}
}
