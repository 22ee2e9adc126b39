package dynamo

import (
	"slices"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/model"
)

// Where the last write wins by wall clock, replicas agree in the end; but acknowledged writes
// are lost to older ones of a clock that is ahead.
func TestLastWriteWinsIsEventual(t *testing.T) {
	for seed := uint64(1); seed <= *seeds; seed++ {
		out := simulate(t, "register", model.Eventual, seed, nil, everything...)
		if out.Results.Valid != checkers.Valid {
			t.Errorf("seed %d: %s: %v", seed, out.Results.Summary, accused(out))
		}
	}
	for seed := uint64(1); seed <= 20; seed++ {
		if slices.Contains(accused(simulate(t, "register", model.NoLostWrite, seed, nil, "partition", "clock")), "lost-write") {
			return
		}
	}
	t.Error("no run lost a write")
}
