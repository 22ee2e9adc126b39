package search

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// BenchmarkRegister: the search with the depth-first attempt and without, beside porcupine.
func BenchmarkRegister(b *testing.B) {
	const patience = 2 * time.Second
	for _, l := range []load{
		{ops: 100, clients: 5, values: 5},
		{ops: 100, clients: 5, values: 5, bad: true},
		{ops: 1e4, clients: 5, values: 5},
		{ops: 1e4, clients: 5, values: 5, bad: true},
		{ops: 1e4, clients: 5, values: 5, crashed: 20},
		{ops: 1e4, clients: 5, values: 5, crashed: 100},
		{ops: 1e4, clients: 20, values: 5},
	} {
		ops := l.generate(1)
		name := fmt.Sprintf("%d/clients=%d/crashed=%d/bad=%v", l.ops, l.clients, l.crashed, l.bad)
		for _, off := range []feature{0, haste} {
			b.Run(name+"/"+[]string{"depth", "breadth"}[off/haste], func(b *testing.B) {
				for b.Loop() {
					ctx, cancel := context.WithTimeout(context.Background(), patience)
					if r := Decide(ctx, register.Model, ops, Options{off: off}); r.Verdict == Stopped {
						b.Skip(r.Why)
					}
					cancel()
				}
			})
		}
		b.Run(name+"/porcupine", func(b *testing.B) {
			model, theirs := toPorcupine(register.Model, ops)
			for b.Loop() {
				if porcupine.CheckOperationsTimeout(model, theirs, patience) == porcupine.Unknown {
					b.Skip("no answer")
				}
			}
		})
	}
}
