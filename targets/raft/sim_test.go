package raft

import (
	"context"
	"flag"
	"slices"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/nemesis"
	"github.com/faultline-dev/faultline/targets/simulated"
	"github.com/faultline-dev/faultline/workloads"
)

var (
	seeds  = flag.Uint64("seeds", 3, "runs of each correct configuration")
	length = flag.Duration("length", 15*time.Second, "virtual time of a run")
)

var everything = []string{"partition", "kill", "pause", "clock", "packet"}

// simulate is one run in the simulated world.
func simulate(t testing.TB, workload string, m model.Model, seed uint64, set map[string]string, nemeses ...string) *harness.Outcome {
	t.Helper()
	target := Target
	target.Open = map[cluster.World]cluster.Opener{cluster.Sim: simulated.Opener(target.Reference)}
	options := append(target.Options[:len(target.Options):len(target.Options)], cluster.Option{Name: "bug", Default: "none"})
	load, err := workloads.Find(workloads.All, workload)
	if err != nil {
		t.Fatal(err)
	}
	var faults []cluster.Option
	for _, name := range nemeses {
		n, err := nemesis.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		faults = append(faults, n.Options...)
	}
	out, err := harness.Run(context.Background(), harness.Test{
		Target: target, World: cluster.Sim, Workload: load, WorkloadOptions: resolve(t, load.Options, nil),
		TargetOptions: resolve(t, options, set), Nemeses: nemeses, NemesisOptions: resolve(t, faults, nil),
		Model: m, Nodes: []string{"n1", "n2", "n3", "n4", "n5"}, Concurrency: 10, Time: *length, Seed: seed,
		Budget: checkers.Budget{Time: 2 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func resolve(t testing.TB, options []cluster.Option, settings map[string]string) cluster.Options {
	t.Helper()
	o, err := cluster.Resolve(options, settings)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// accused is what the checkers found.
func accused(out *harness.Outcome) (names []string) {
	for _, r := range out.Results.Checkers {
		for _, a := range r.Anomalies {
			names = append(names, a.Name)
		}
	}
	return names
}

// The store keeps what it promises under all faults at once.
func TestPromisesHold(t *testing.T) {
	configurations := []struct {
		name, workload string
		set            map[string]string
	}{
		{"index", "register", nil},
		{"lease", "register", map[string]string{"reads": "lease"}},
		{"local", "set", map[string]string{"reads": "local"}},
		{"sets", "set", nil},
	}
	for _, c := range configurations {
		t.Run(c.name, func(t *testing.T) {
			m := promises(cluster.Options(c.set))[0].Model
			for seed := uint64(1); seed <= *seeds; seed++ {
				out := simulate(t, c.workload, m, seed, c.set, everything...)
				if out.Results.Valid == checkers.Invalid || out.Results.Counts.OK < 100 {
					t.Errorf("seed %d: %s: %v", seed, out.Results.Summary, accused(out))
				}
			}
		})
	}
}

// Each planted bug is found, by the anomaly that its description names.
func TestBugsAreFound(t *testing.T) {
	for _, b := range bugs {
		t.Run(b.Name, func(t *testing.T) {
			set := map[string]string{"bug": b.Name}
			for k, v := range b.Set {
				set[k] = v
			}
			for seed := uint64(1); seed <= 200; seed++ {
				out := simulate(t, b.Workload, model.Linearizable, seed, set, b.Nemeses...)
				if names := accused(out); slices.Contains(names, b.Anomaly) {
					t.Logf("seed %d: %v", seed, names)
					return
				}
			}
			t.Error("not found in 200 runs")
		})
	}
}
