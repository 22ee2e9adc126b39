package raft

import (
	"flag"
	"testing"

	"github.com/faultline-dev/faultline/harness/trial"
)

var seeds = flag.Uint64("seeds", 3, "runs of each correct configuration")

// The store keeps what it promises under all faults at once.
func TestPromisesHold(t *testing.T) {
	for _, row := range rows {
		if row.Correct() {
			faults := trial.Everything
			if row.Nemeses != nil {
				faults = row.Nemeses
			}
			t.Run(row.Workload+" "+row.Set["reads"], func(t *testing.T) {
				trial.Trial{Target: Target, Workload: row.Workload, Model: row.Model, Set: row.Set, Nemeses: faults}.Holds(t, *seeds)
			})
		}
	}
}

// Each planted bug is found, by the anomaly that its description names.
func TestBugsAreFound(t *testing.T) {
	for _, b := range bugs {
		t.Run(b.Name, func(t *testing.T) { trial.Found(t, Target, b) })
	}
}
