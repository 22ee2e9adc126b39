package faultline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/nemesis"
	"github.com/faultline-dev/faultline/targets/simulated"
	"github.com/faultline-dev/faultline/workloads"
)

// registry is what one program can test, and with what.
type registry struct {
	targets   []cluster.Target
	workloads []workloads.Workload
	checkers  []checkers.Checker
}

func newRegistry(extensions []any) (*registry, error) {
	r := &registry{workloads: slices.Clone(workloads.All)}
	for _, e := range extensions {
		switch e := e.(type) {
		case cluster.Target:
			r.targets = append(r.targets, complete(e))
		case []cluster.Target:
			for _, t := range e {
				r.targets = append(r.targets, complete(t))
			}
		case workloads.Workload:
			r.workloads = append(r.workloads, e)
		case checkers.Checker:
			r.checkers = append(r.checkers, e)
		default:
			return nil, fmt.Errorf("faultline.Main was given a %T; an extension is a cluster.Target, a workloads.Workload or a checkers.Checker", e)
		}
	}
	return r, nil
}

// complete adds to a target what follows from the rest of it.
func complete(t cluster.Target) cluster.Target { return withBugOption(inSimulation(t)) }

// inSimulation lets a reference system live in the simulated world, unless it says how itself.
func inSimulation(t cluster.Target) cluster.Target {
	if t.Reference == nil || t.Open[cluster.Sim] != nil {
		return t
	}
	open := maps.Clone(t.Open)
	if open == nil {
		open = map[cluster.World]cluster.Opener{}
	}
	open[cluster.Sim] = simulated.Opener(t.Reference)
	t.Open = open
	return t
}

// noBug is the value of the option "bug" that plants none.
const noBug = "none"

// withBugOption gives a target with planted bugs the option that chooses one, unless it
// declares that itself.
func withBugOption(t cluster.Target) cluster.Target {
	declared := slices.ContainsFunc(t.Options, func(o cluster.Option) bool { return o.Name == "bug" })
	if len(t.Bugs) == 0 || declared {
		return t
	}
	values := []string{noBug}
	for _, b := range t.Bugs {
		values = append(values, b.Name)
	}
	t.Options = append(slices.Clone(t.Options), cluster.Option{
		Name: "bug", Default: noBug, Doc: "plant a bug", Values: values,
	})
	return t
}

// target finds a target by name; after @ may stand a version.
func (r *registry) target(spec string) (cluster.Target, string, error) {
	name, version, versioned := strings.Cut(spec, "@")
	names := make([]string, len(r.targets))
	for i, t := range r.targets {
		names[i] = t.Name
		if t.Name != name {
			continue
		}
		if versioned && (!t.Versioned || version == "") {
			return t, "", fmt.Errorf("target %s takes no version, but %q was asked for", name, spec)
		}
		return t, version, nil
	}
	return cluster.Target{}, "", cluster.Unknown("target", name, names)
}

func (r *registry) workload(name string) (workloads.Workload, error) {
	return workloads.Find(r.workloads, name)
}

// bug finds a target's planted bug.
func bug(t cluster.Target, name string) (cluster.Bug, bool) {
	i := slices.IndexFunc(t.Bugs, func(b cluster.Bug) bool { return b.Name == name })
	if i < 0 {
		return cluster.Bug{}, false
	}
	return t.Bugs[i], true
}

// nemesisOptions are the options of the nemeses of these names.
func nemesisOptions(names []string) ([]cluster.Option, error) {
	var all []cluster.Option
	for _, name := range names {
		n, err := nemesis.Find(name)
		if err != nil {
			return nil, err
		}
		all = append(all, n.Options...)
	}
	return all, nil
}
