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
	const limit = 2 * time.Second
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
		for i, engine := range []string{"depth", "breadth"} {
			b.Run(name+"/"+engine, func(b *testing.B) {
				for b.Loop() {
					ctx, cancel := context.WithTimeout(context.Background(), limit)
					if r := Decide(ctx, register.Model, ops, Options{Patient: i > 0}); r.Verdict == Stopped {
						b.Skip(r.Why)
					}
					cancel()
				}
			})
		}
		b.Run(name+"/porcupine", func(b *testing.B) {
			model, theirs := toPorcupine(register.Model, ops)
			for b.Loop() {
				if porcupine.CheckOperationsTimeout(model, theirs, limit) == porcupine.Unknown {
					b.Skip("no answer")
				}
			}
		})
	}
}
