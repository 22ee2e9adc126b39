package backup

import (
	"flag"
	"testing"

	"github.com/faultline-dev/faultline/harness/trial"
)

var seeds = flag.Uint64("seeds", 2, "runs of each correct configuration")

// The store keeps what it promises under all faults at once.
func TestPromisesHold(t *testing.T) {
	trial.Trial{Target: Target}.Rows(t, *seeds)
	t.Run("three nodes", func(t *testing.T) {
		trial.Trial{Target: Target, Workload: "register", Nemeses: trial.Everything, Nodes: 3}.Holds(t, *seeds)
	})
}

// Each planted bug is found, by the anomaly that its description names.
func TestBugsAreFound(t *testing.T) { trial.Bugs(t, Target) }
