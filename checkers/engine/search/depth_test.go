package search

import (
	"context"
	"slices"
	"testing"
)

// TestDepthFirst: one path settles histories of a system that works, and what is wrong with
// others where that shows from near by.
func TestDepthFirst(t *testing.T) {
	for _, l := range []load{
		{ops: 40_000, clients: 5, values: 5},
		{ops: 20_000, clients: 5, values: 5, crashed: 50},
		{ops: 2_000, clients: 10, values: 4},
		{ops: 20_000, clients: 5, values: 5, bad: true},
	} {
		for seed := range int64(3) {
			ops := l.generate(seed)
			got := Decide(context.Background(), register.Model, ops, Options{off: packing})
			if got.Engine != DepthFirst {
				t.Errorf("%+v, seed %d: went on to %s", l, seed, got.Engine)
			}
			expect(t, l, seed, ops, 0)
		}
	}
}

// TestPatience: where the order of calls is the wrong one all the way, and nobody sees it before
// the end, another walk gets its turn.
func TestPatience(t *testing.T) {
	for _, n := range []int32{30, 1000} {
		var ops []Op[item]
		for i := range n {
			at := 4 * i
			ops = append(ops, Op[item]{at, at + 3, item{'e', 'A' + byte(2*i%50), false}}, Op[item]{at + 1, at + 2, item{'e', 'A' + byte((2*i+1)%50), false}})
		}
		for i := range n {
			at := 4*n + 4*i
			ops = append(ops, Op[item]{at, at + 1, item{'d', 'A' + byte((2*i+1)%50), false}}, Op[item]{at + 2, at + 3, item{'d', 'A' + byte(2*i%50), false}})
		}
		r := Decide(context.Background(), queueObject.Model, ops, Options{Memory: 1 << 28})
		if r.Verdict != Legal || r.Steps > 100_000 {
			t.Errorf("%d pairs: %v after %d steps: %v", n, r.Verdict, r.Steps, r.Why)
		}
	}
}

// TestUndo: a window that goes back and forth is what it would be had it only gone forth.
func TestUndo(t *testing.T) {
	for seed := range int64(20) {
		l := load{ops: 60, clients: 4, crashed: 5, values: 3}
		p := prepare(register.Model, l.generate(seed), 0)
		d := newDepth(context.Background(), p, Options{}, byReturn)
		for n := range p.events {
			d.moveTo(n)
			d.moveTo(max(0, n-7))
			d.moveTo(n)
			w := newWindow(p, p.states())
			for _, e := range p.events[:n] {
				if e.ret {
					w.ret(e)
				} else {
					w.call(e)
				}
			}
			if !same(d.window, w) {
				t.Fatalf("seed %d: another window before event %d", seed, n)
			}
		}
	}
}

func same(a, b *window) bool {
	return slices.Equal(a.op, b.op) && slices.Equal(a.called, b.called) && slices.Equal(a.lost, b.lost) &&
		slices.Equal(a.pure, b.pure) && slices.Equal(a.blind, b.blind) && slices.Equal(a.hard, b.hard)
}
