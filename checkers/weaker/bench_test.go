package weaker

import (
	"context"
	"math/rand"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
)

func BenchmarkCheckers(b *testing.B) {
	for _, in := range []struct {
		name string
		shape
	}{
		{"calm/1x1M", shape{ops: 1e6, processes: 50, keys: 1, cas: true, crash: 1e-4}},
		{"stale/1x1M", shape{ops: 1e6, processes: 50, keys: 1, cas: true, crash: 1e-4, stale: 0.001}},
		{"stale/1000x1M", shape{ops: 1e6, processes: 50, keys: 1000, cas: true, crash: 1e-4, stale: 0.01}},
		{"forgetful/1x1M", shape{ops: 1e6, processes: 50, keys: 1, crash: 1e-4, stale: 0.5}},
	} {
		h := generate(rand.New(rand.NewSource(1)), in.shape)
		for _, c := range []checkers.Checker{Coherence(), ReadYourWrites(), MonotonicReads(), WritesFollowReads(), Staleness()} {
			b.Run(in.name+"/"+c.Name(), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					r := c.Check(context.Background(), h, checkers.Budget{})
					b.ReportMetric(float64(r.Valid), "verdict")
				}
			})
		}
	}
}

func BenchmarkSequential(b *testing.B) {
	for _, in := range []struct {
		name string
		shape
	}{
		{"calm/1x1M", shape{ops: 1e6, processes: 50, keys: 1, cas: true, crash: 1e-4}},
		{"calm/1000x1M", shape{ops: 1e6, processes: 50, keys: 1000, cas: true, crash: 1e-4}},
		{"replicas/10x1k", shape{ops: 1e3, processes: 5, keys: 10, cas: true, lag: 20}},
		{"replicas/10x10k", shape{ops: 1e4, processes: 10, keys: 10, cas: true, lag: 20}},
		{"replicas/100x100k", shape{ops: 1e5, processes: 20, keys: 100, cas: true, lag: 100}},
		{"stale/1x1k", shape{ops: 1e3, processes: 5, keys: 3, cas: true, stale: 0.01}},
	} {
		h := generate(rand.New(rand.NewSource(1)), in.shape)
		b.Run(in.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := Sequential().Check(context.Background(), h, checkers.Budget{})
				b.ReportMetric(float64(r.Valid), "verdict")
				b.Log(r.Reason, r.Figures, len(r.Anomalies))
			}
		})
	}
}
