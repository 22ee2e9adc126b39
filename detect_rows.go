package faultline

import (
	"fmt"
	"maps"
	"slices"

	"github.com/faultline-dev/faultline/harness"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/nemesis"
)

// row is what to run for a row of a target, without a seed.
func (r *registry) row(t cluster.Target, row cluster.Row) (Settings, error) {
	s := Settings{Target: t.Name, On: string(cluster.Sim), Workload: row.Workload, Model: string(row.Model), Nemesis: row.Nemeses, Set: row.Set}
	p, err := r.resolve(s)
	if err != nil {
		return s, err
	}
	promise, kept := promisedUnderSome(t, p.test.TargetOptions, p.test.Workload.Data, p.test.Model)
	if !row.Correct() {
		if _, kept := harness.Promised(t, p.test.TargetOptions, p.test.Workload.Data, p.test.Model, row.Nemeses); kept {
			return s, fmt.Errorf("a weak row is what the target promises: %s", p.test.Model)
		}
		return s, nil
	}
	if !kept {
		return s, fmt.Errorf("a correct row is not what the target promises: %s", p.test.Model)
	}
	if row.Nemeses == nil {
		s.Nemesis = nemesis.Simulated()
		if promise.Nemeses != nil {
			s.Nemesis = slices.DeleteFunc(s.Nemesis, func(n string) bool { return !slices.Contains(promise.Nemeses, n) })
		}
	}
	if _, kept := harness.Promised(t, p.test.TargetOptions, p.test.Workload.Data, p.test.Model, s.Nemesis); !kept {
		return s, fmt.Errorf("a correct row is not what the target promises under %v", s.Nemesis)
	}
	return s, nil
}

// promisedUnderSome is the target's promise of a model, under whatever nemeses.
func promisedUnderSome(t cluster.Target, o cluster.Options, data string, m model.Model) (cluster.Promise, bool) {
	if t.Promises == nil {
		return cluster.Promise{}, false
	}
	for _, p := range t.Promises(o) {
		if p.Data == data && p.Model.Implies(m) {
			return p, true
		}
	}
	return cluster.Promise{}, false
}

// rowName tells a row of a target from its others.
func rowName(t cluster.Target, row cluster.Row) string {
	name := t.Name
	for _, k := range slices.Sorted(maps.Keys(row.Set)) {
		name += " " + k + "=" + row.Set[k]
	}
	return name
}
