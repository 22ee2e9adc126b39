// Package trial runs reference targets in the simulated world, for their tests: whether
// they keep what they promise under every fault, and whether each planted bug is found.
//
// It is imported by tests alone. Start with Trial.Run; Rows and Bugs are what most targets'
// tests consist of.
package trial

import (
	"context"
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

// Everything are the faults that a correct system survives all at once.
var Everything = nemesis.Simulated()

// Trial is one kind of run; its zero fields have the values that tests mostly want.
type Trial struct {
	Target   cluster.Target
	Workload string
	Model    model.Model       // "": what the target promises for the workload's data
	Set      map[string]string // the target's and the workload's settings together
	Nemeses  []string
	Nodes    int           // 0: 5
	Time     time.Duration // virtual; 0: 15 s
}

// Run is one run with a seed.
func (c Trial) Run(t testing.TB, seed uint64) *harness.Outcome {
	t.Helper()
	target := c.Target
	target.Open = map[cluster.World]cluster.Opener{cluster.Sim: simulated.Opener(target.Reference)}
	load, err := workloads.Find(workloads.All, c.Workload)
	if err != nil {
		t.Fatal(err)
	}
	var faults []cluster.Option
	for _, name := range c.Nemeses {
		n, err := nemesis.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		faults = append(faults, n.Options...)
	}
	test := harness.Test{
		Target: target, World: cluster.Sim, Workload: load, WorkloadOptions: resolve(t, load.Options, c.Set),
		TargetOptions: resolve(t, withBug(target.Options), c.Set), Nemeses: c.Nemeses, NemesisOptions: resolve(t, faults, c.Set),
		Model: c.Model, Nodes: []string{"n1", "n2", "n3", "n4", "n5"}, Concurrency: 10, Time: c.Time, Seed: seed,
		Budget: checkers.Budget{Time: 2 * time.Second},
	}
	if c.Nodes > 0 {
		test.Nodes = test.Nodes[:c.Nodes]
	}
	if c.Time == 0 {
		test.Time = 15 * time.Second
	}
	if c.Model == "" {
		test.Model = promised(target, test.TargetOptions, load)
	}
	out, err := harness.Run(context.Background(), test)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// promised is the strongest model that the target promises for a workload's data.
func promised(t cluster.Target, o cluster.Options, load workloads.Workload) model.Model {
	for _, p := range t.Promises(o) {
		if p.Data == load.Data {
			return p.Model
		}
	}
	return load.Models[0]
}

// withBug are a target's options and the one that plants a bug.
func withBug(options []cluster.Option) []cluster.Option {
	return append(slices.Clone(options), cluster.Option{Name: "bug", Default: "none"})
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

// Anomalies are the names of what the checkers found.
func Anomalies(out *harness.Outcome) (names []string) {
	for _, r := range out.Results.Checkers {
		for _, a := range r.Anomalies {
			names = append(names, a.Name)
		}
	}
	return names
}

// Holds fails the test unless runs with seeds 1 to n are free of alarms and do something.
func (c Trial) Holds(t testing.TB, n uint64) {
	t.Helper()
	for seed := uint64(1); seed <= n; seed++ {
		out := c.Run(t, seed)
		if out.Results.Valid == checkers.Invalid || out.Results.Counts.OK < 50 {
			t.Errorf("seed %d: %s, %d ok: %v", seed, out.Results.Summary, out.Results.Counts.OK, Anomalies(out))
		}
	}
}

// Rows fails the test unless each correct row of the target holds, n seeds of it, under the
// faults that it names, or else under Everything.
func (c Trial) Rows(t *testing.T, n uint64) {
	for _, row := range c.Target.Rows {
		if !row.Correct() {
			continue
		}
		c.Workload, c.Model, c.Set, c.Nemeses = row.Workload, row.Model, row.Set, row.Nemeses
		if c.Nemeses == nil {
			c.Nemeses = Everything
		}
		name := row.Workload
		for _, k := range slices.Sorted(maps.Keys(row.Set)) {
			name += " " + k + "=" + row.Set[k]
		}
		t.Run(name, func(t *testing.T) { c.Holds(t, n) })
	}
}

// Bugs fails the test unless each planted bug of the target is Found.
func Bugs(t *testing.T, target cluster.Target) {
	for _, b := range target.Bugs {
		t.Run(b.Name, func(t *testing.T) { Found(t, target, b) })
	}
}

// Found runs a target's planted bug until it is found by the anomaly that its description
// names, 200 times at most. The runs that it took must be valid without the bug.
func Found(t *testing.T, target cluster.Target, b cluster.Bug) {
	t.Helper()
	c := Trial{Target: target, Workload: b.Workload, Nemeses: b.Nemeses, Set: map[string]string{"bug": b.Name}}
	for k, v := range b.Set {
		c.Set[k] = v
	}
	correct := c
	correct.Set = b.Set
	o := resolve(t, withBug(target.Options), b.Set)
	load, err := workloads.Find(workloads.All, b.Workload)
	if err != nil {
		t.Fatal(err)
	}
	c.Model = promised(target, o, load)
	for seed := uint64(1); seed <= 200; seed++ {
		if names := Anomalies(c.Run(t, seed)); slices.Contains(names, b.Anomaly) {
			t.Logf("seed %d: %v", seed, names)
			correct.Holds(t, min(seed, 5))
			return
		}
	}
	t.Error("not found in 200 runs")
}
