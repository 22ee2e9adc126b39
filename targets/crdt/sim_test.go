package crdt

import (
	"flag"
	"testing"

	"github.com/faultline-dev/faultline/harness/trial"
)

var seeds = flag.Uint64("seeds", 3, "runs of each correct configuration")

// The store keeps what it promises under all faults at once.
func TestPromisesHold(t *testing.T) {
	for _, c := range []struct {
		name, workload string
		set            map[string]string
	}{
		{"set", "set", nil},
		{"grow-only", "set", growOnly},
		{"bag", "bag", nil},
		{"counter", "counter", nil},
		{"ids", "unique-ids", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			trial.Trial{Target: Target, Workload: c.workload, Set: c.set, Nemeses: trial.Everything}.Holds(t, *seeds)
		})
	}
}

// Each planted bug is found, by the anomaly that its description names.
func TestBugsAreFound(t *testing.T) { trial.Bugs(t, Target) }
