package workloads

import (
	"testing"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
)

// BenchmarkRegisterGenerator measures what the register workload's generator costs the
// scheduler for an operation: one question, and two events to tell it.
func BenchmarkRegisterGenerator(b *testing.B) {
	const threads = 64
	options, err := cluster.Resolve(register.Options, nil)
	if err != nil {
		b.Fatal(err)
	}
	g := generator.Clients(register.Build(Config{Options: options, Seed: 1, Concurrency: threads}).Main)
	ctx := generator.NewContext(threads, true)
	var flight [threads / 2]history.Op
	var threadOf [threads / 2]int
	var ev generator.Event
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := i % len(flight)
		if done := &flight[at]; i >= len(flight) {
			done.Type = history.OK
			ctx.Release(threadOf[at])
			ev.Thread, ev.Op = threadOf[at], done
			g = g.Update(ctx, &ev)
		}
		op, status, next := g.Op(ctx)
		if status != generator.Ready {
			b.Fatalf("operation %d: status %d", i, status)
		}
		flight[at] = history.Op{Time: ctx.Time, Process: op.Thread, F: op.F, Key: op.Key, Keyed: op.Keyed, Value: op.Value}
		threadOf[at] = op.Thread
		ctx.Acquire(op.Thread)
		ev.Thread, ev.Op = op.Thread, &flight[at]
		g = next.Update(ctx, &ev)
		ctx.Time += 1000
	}
}
