package weaker

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/replicas"
)

func BenchmarkCheckers(b *testing.B) {
	for _, in := range []struct {
		name string
		replicas.Spec
	}{
		{"calm/1x1M", replicas.Spec{Operations: 1e6, Processes: 50, Keys: 1, CAS: true, Crash: 1e-4}},
		{"stale/1x1M", replicas.Spec{Operations: 1e6, Processes: 50, Keys: 1, CAS: true, Crash: 1e-4, Stale: 0.001}},
		{"stale/1000x1M", replicas.Spec{Operations: 1e6, Processes: 50, Keys: 1000, CAS: true, Crash: 1e-4, Stale: 0.01}},
		{"forgetful/1x1M", replicas.Spec{Operations: 1e6, Processes: 50, Keys: 1, Crash: 1e-4, Stale: 0.5}},
	} {
		h := in.Make(rand.New(rand.NewPCG(1, 0)))
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
		replicas.Spec
	}{
		{"calm/1x1M", replicas.Spec{Operations: 1e6, Processes: 50, Keys: 1, CAS: true, Crash: 1e-4}},
		{"calm/1000x1M", replicas.Spec{Operations: 1e6, Processes: 50, Keys: 1000, CAS: true, Crash: 1e-4}},
		{"replicas/10x1k", replicas.Spec{Operations: 1e3, Processes: 5, Keys: 10, CAS: true, Lag: 20}},
		{"replicas/10x10k", replicas.Spec{Operations: 1e4, Processes: 10, Keys: 10, CAS: true, Lag: 20}},
		{"replicas/100x100k", replicas.Spec{Operations: 1e5, Processes: 20, Keys: 100, CAS: true, Lag: 100}},
		{"stale/1x1k", replicas.Spec{Operations: 1e3, Processes: 5, Keys: 3, CAS: true, Stale: 0.01}},
	} {
		h := in.Make(rand.New(rand.NewPCG(1, 0)))
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
