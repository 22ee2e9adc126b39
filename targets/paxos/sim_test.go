package paxos

import (
	"flag"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/trial"
)

var seeds = flag.Uint64("seeds", 2, "runs of each correct configuration")

// The store keeps what it promises under all faults at once.
func TestPromisesHold(t *testing.T) {
	trial.Trial{Target: Target, Time: 20 * time.Second}.Rows(t, *seeds)
}

// Each planted bug is found, by the anomaly that its description names.
func TestBugsAreFound(t *testing.T) { trial.Bugs(t, Target) }
