package dynamo

import (
	"flag"
	"slices"
	"testing"

	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/trial"
)

var seeds = flag.Uint64("seeds", 3, "runs of each correct configuration")

// The store keeps what it promises under all faults at once.
func TestPromisesHold(t *testing.T) {
	for _, c := range []struct {
		name, workload string
		set            map[string]string
	}{
		{"abd register", "register", abd},
		{"abd register, crowded", "register", crowded},
		{"abd set", "set", abd},
		{"siblings register", "register", siblings},
		{"siblings set", "set", siblings},
		{"siblings bag", "bag", siblings},
		{"lww register", "register", nil},
		{"lww set", "set", nil},
		{"lww set, strict", "set", map[string]string{"quorum": strict}},
	} {
		t.Run(c.name, func(t *testing.T) {
			trial.Trial{Target: Target, Workload: c.workload, Set: c.set, Nemeses: trial.Everything}.Holds(t, *seeds)
		})
	}
}

// It keeps it, too, while members leave and join.
func TestPromisesHoldWhileMembersChange(t *testing.T) {
	all := append(slices.Clone(trial.Everything), "membership")
	for _, c := range []struct {
		name, workload string
		set            map[string]string
	}{
		{"siblings", "register", siblings},
		{"siblings, one home", "register", oneHome},
		{"siblings bag", "bag", siblings},
		{"lww set", "set", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			trial.Trial{Target: Target, Workload: c.workload, Set: c.set, Nemeses: all}.Holds(t, *seeds)
		})
	}
}

// Mode lww promises no more than it does: its registers are not linearizable.
func TestLastWriteWinsIsNotLinearizable(t *testing.T) {
	run := trial.Trial{Target: Target, Workload: "register", Model: model.Linearizable, Nemeses: []string{"partition", "clock"}}
	for seed := uint64(1); seed <= 20; seed++ {
		if slices.Contains(trial.Anomalies(run.Run(t, seed)), "nonlinearizable") {
			return
		}
	}
	t.Error("every run was linearizable")
}

// Each planted bug is found, by the anomaly that its description names.
func TestBugsAreFound(t *testing.T) { trial.Bugs(t, Target) }
