package dynamo

import (
	"context"
	"flag"
	"maps"
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

// simulate is one run in the simulated world. Its settings are the target's and the
// workload's together, as on the command line.
func simulate(t testing.TB, workload string, m model.Model, seed uint64, set map[string]string, nemeses ...string) *harness.Outcome {
	t.Helper()
	target := Target
	target.Open = map[cluster.World]cluster.Opener{cluster.Sim: simulated.Opener(target.Reference)}
	options := append(slices.Clone(target.Options), cluster.Option{Name: "bug", Default: "none"})
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
		Target: target, World: cluster.Sim, Workload: load, WorkloadOptions: resolve(t, load.Options, set),
		TargetOptions: resolve(t, options, set), Nemeses: nemeses, NemesisOptions: resolve(t, faults, nil),
		Model: m, Nodes: []string{"n1", "n2", "n3", "n4", "n5"}, Concurrency: 10, Time: *length, Seed: seed,
		Budget: checkers.Budget{Time: 2 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// resolve picks those settings that are for the options.
func resolve(t testing.TB, options []cluster.Option, settings map[string]string) cluster.Options {
	t.Helper()
	mine := map[string]string{}
	for _, o := range options {
		if v, ok := settings[o.Name]; ok {
			mine[o.Name] = v
		}
	}
	o, err := cluster.Resolve(options, mine)
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
	for _, c := range []struct {
		name, workload string
		model          model.Model
		set            map[string]string
	}{
		{"abd register", "register", model.Linearizable, abd},
		{"abd register, crowded", "register", model.Linearizable, crowded},
		{"abd set", "set", model.Linearizable, abd},
		{"lww set", "set", model.Eventual, nil},
		{"lww set, strict", "set", model.Eventual, map[string]string{"quorum": strict}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := uint64(1); seed <= *seeds; seed++ {
				out := simulate(t, c.workload, c.model, seed, c.set, everything...)
				if out.Results.Valid == checkers.Invalid || out.Results.Counts.OK < 100 {
					t.Errorf("seed %d: %s: %v", seed, out.Results.Summary, accused(out))
				}
			}
		})
	}
}

// Mode lww promises no more than it does: its registers are not linearizable.
func TestLastWriteWinsIsNotLinearizable(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		if slices.Contains(accused(simulate(t, "register", model.Linearizable, seed, nil, "partition", "clock")), "nonlinearizable") {
			return
		}
	}
	t.Error("every run was linearizable")
}

// Each planted bug is found, by the anomaly that its description names, and nothing is
// found by the same seed without it.
func TestBugsAreFound(t *testing.T) {
	for _, b := range bugs {
		t.Run(b.Name, func(t *testing.T) {
			m := model.Linearizable
			if b.Workload == "set" {
				m = model.Eventual
			}
			set := map[string]string{"bug": b.Name}
			maps.Copy(set, b.Set)
			for seed := uint64(1); seed <= 200; seed++ {
				names := accused(simulate(t, b.Workload, m, seed, set, b.Nemeses...))
				if !slices.Contains(names, b.Anomaly) {
					continue
				}
				t.Logf("seed %d: %v", seed, names)
				if out := simulate(t, b.Workload, m, seed, b.Set, b.Nemeses...); out.Results.Valid == checkers.Invalid {
					t.Errorf("seed %d is invalid without the bug, too: %v", seed, accused(out))
				}
				return
			}
			t.Error("not found in 200 runs")
		})
	}
}
