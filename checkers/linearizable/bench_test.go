package linearizable

import (
	"context"
	"math/rand"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// keyed spreads random histories over keys, as the register workload does.
func keyed(keys int, s shape) *history.History {
	h := &history.History{}
	r := rand.New(rand.NewSource(1))
	var base int64
	for key := range int64(keys) {
		one := generate(r, s)
		for i := range one.Len() {
			op := one.At(i)
			op.Key, op.Keyed, op.Time = key, true, op.Time+base
			h.Append(op)
		}
		base = h.At(h.Len() - 1).Time
	}
	return h
}

func BenchmarkRegister(b *testing.B) {
	for _, c := range []struct {
		name string
		keys int
		shape
	}{
		{"unique/1x1M/50procs", 1, shape{ops: 1e6, processes: 50, unique: true, cas: true, crash: 0.001}},
		{"unique/1000x1000/10procs", 1000, shape{ops: 1000, processes: 10, unique: true, cas: true, crash: 0.05}},
		{"unique/spoilt/1x100k/10procs", 1, shape{ops: 1e5, processes: 10, unique: true, cas: true, crash: 0.01, spoil: true}},
		{"search/100x300/5procs", 100, shape{ops: 300, processes: 5, cas: true, crash: 0.005}},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := keyed(c.keys, c.shape)
			b.ResetTimer()
			b.ReportAllocs()
			for b.Loop() {
				r := Register().Check(context.Background(), h, checkers.Budget{})
				if r.Valid == checkers.Unknown {
					b.Fatal(r.Reason)
				}
			}
			b.ReportMetric(float64(h.Len())/2/float64(b.Elapsed().Seconds())*float64(b.N), "ops/s")
		})
	}
}
