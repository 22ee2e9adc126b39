package raft

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
		{"index", "register", nil},
		{"lease", "register", map[string]string{"reads": "lease"}},
		{"local", "set", map[string]string{"reads": "local"}},
		{"sets", "set", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			trial.Trial{Target: Target, Workload: c.workload, Set: c.set, Nemeses: trial.Everything}.Holds(t, *seeds)
		})
	}
}

// Each planted bug is found, by the anomaly that its description names.
func TestBugsAreFound(t *testing.T) {
	for _, b := range bugs {
		t.Run(b.Name, func(t *testing.T) { trial.Found(t, Target, b) })
	}
}
