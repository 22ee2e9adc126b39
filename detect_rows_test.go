package faultline

import (
	"slices"
	"testing"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/all"
	"github.com/faultline-dev/faultline/workloads"
)

// Every row of every target is what its kind says: a correct one is promised, a weak one is
// not. What a simulated target promises by default has a correct row.
func TestRowsAndPromisesAgree(t *testing.T) {
	r, err := newRegistry([]any{all.Targets})
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range r.targets {
		if target.Open[cluster.Sim] == nil {
			if len(target.Rows) > 0 {
				t.Errorf("%s has rows and is not simulated", target.Name)
			}
			continue
		}
		shown := map[string]bool{}
		for _, row := range target.Rows {
			name := rowName(target, row) + " " + row.Workload
			s, err := r.row(target, row)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if len(s.Nemesis) == 0 {
				t.Errorf("%s runs without a nemesis", name)
			}
			p, err := r.resolve(s)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if promise, kept := promisedUnderSome(target, p.test.TargetOptions, p.test.Workload.Data, p.test.Model); kept && row.Correct() && asIs(target, row) {
				shown[promise.Data+string(promise.Model)] = true
			}
		}
		defaults, err := cluster.Resolve(target.Options, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, promise := range target.Promises(defaults) {
			tested := slices.ContainsFunc(r.workloads, func(w workloads.Workload) bool {
				return w.Data == promise.Data && slices.Contains(w.Models, promise.Model)
			})
			if tested && !shown[promise.Data+string(promise.Model)] {
				t.Errorf("%s promises %s %s, and no correct row shows it", target.Name, promise.Data, promise.Model)
			}
		}
	}
}

// asIs reports whether a row leaves the target's own options at their defaults.
func asIs(t cluster.Target, row cluster.Row) bool {
	return !slices.ContainsFunc(t.Options, func(o cluster.Option) bool { return row.Set[o.Name] != "" })
}

// A bug's name says which one is meant, over all targets.
func TestBugsAreNamedApart(t *testing.T) {
	r, err := newRegistry([]any{all.Targets})
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]string{}
	for _, target := range r.targets {
		for _, b := range target.Bugs {
			if other, taken := of[b.Name]; taken {
				t.Errorf("bug %s is one of %s and one of %s", b.Name, other, target.Name)
			}
			of[b.Name] = target.Name
		}
	}
}
