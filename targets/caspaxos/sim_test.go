package caspaxos

import (
	"flag"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/trial"
)

var seeds = flag.Uint64("seeds", 2, "runs of each correct configuration")

// The store keeps what it promises under all faults at once.
func TestPromisesHold(t *testing.T) {
	for _, r := range rows {
		t.Run(r.Workload, func(t *testing.T) {
			trial.Trial{Target: Target, Workload: r.Workload, Model: r.Model, Set: r.Set, Nemeses: trial.Everything, Time: 20 * time.Second}.Holds(t, *seeds)
		})
	}
}

// Each planted bug is found, by the anomaly that its description names.
func TestBugsAreFound(t *testing.T) {
	for _, b := range bugs {
		t.Run(b.Name, func(t *testing.T) { trial.Found(t, Target, b) })
	}
}
