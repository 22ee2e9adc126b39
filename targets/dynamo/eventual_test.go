package dynamo

import (
	"slices"
	"testing"

	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/trial"
)

// Where the last write wins by wall clock, replicas agree in the end; but acknowledged writes
// are lost to older ones of a clock that is ahead.
func TestLastWriteWinsLosesWrites(t *testing.T) {
	run := trial.Trial{Target: Target, Workload: "register", Model: model.NoLostWrite, Nemeses: []string{"partition", "clock"}}
	for seed := uint64(1); seed <= 20; seed++ {
		if slices.Contains(trial.Anomalies(run.Run(t, seed)), "lost-write") {
			return
		}
	}
	t.Error("no run lost a write")
}
