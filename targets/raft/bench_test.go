package raft

import (
	"testing"

	"github.com/faultline-dev/faultline/harness/trial"
)

// BenchmarkSimulated is a whole run under all faults, the checkers included.
func BenchmarkSimulated(b *testing.B) {
	b.Run("faults", func(b *testing.B) { benchmark(b, trial.Everything...) })
	b.Run("quiet", func(b *testing.B) { benchmark(b) })
}

func benchmark(b *testing.B, faults ...string) {
	completed, seed := 0, uint64(0)
	for b.Loop() {
		seed++
		c := trial.Trial{Target: Target, Workload: "register", Nemeses: faults}.Run(b, seed).Results.Counts
		completed += c.OK + c.Fail + c.Info
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1e3/float64(completed), "us/completed")
	b.ReportMetric(float64(completed)/float64(b.N), "completed/run")
}
