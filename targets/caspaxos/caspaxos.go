// Package caspaxos is the glue that makes the leaderless reference store of
// targets/embedded/caspaxos a target: what it promises, its planted bugs, and a client.
package caspaxos

import (
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/caspaxos"
	"github.com/faultline-dev/faultline/targets/reference"
)

// Target is the store as the registry knows it.
var Target = cluster.Target{
	Name:      "caspaxos",
	Family:    cluster.Leaderless,
	Doc:       "reference store on CASPaxos: any node changes a key's state by a function, in two phases over a majority, without a log",
	Bugs:      bugs,
	Rows:      rows,
	Data:      []string{"register", "counter", "append", "ids"},
	Promises:  promises,
	Records:   records,
	Reference: &cluster.Reference{System: system, Client: reference.NewClient},
}

// system makes the node side.
func system(o cluster.Options) (node.System, error) {
	bug, err := reference.Bug(o, bugs)
	if err != nil {
		return node.System{}, err
	}
	return caspaxos.New(caspaxos.Config{Bug: caspaxos.Bug(bug)}), nil
}

// promises hold always.
func promises(cluster.Options) []cluster.Promise {
	p := cluster.Promise{
		Model:  model.Linearizable,
		Quote:  "CASPaxos is a wait-free, linearizable, multi-writer multi-reader register in unreliable, asynchronous networks supporting arbitrary update operations including compare-and-set (CAS).",
		Source: "Rystsov: CASPaxos: Replicated State Machines without logs. arXiv:1802.07000, 2018, abstract",
	}
	all := reference.Same(p, "register", "counter", "append")
	p.Model = model.Unique
	return append(all, reference.Same(p, "ids")...)
}

// records say what came of runs in containers.
var records = []cluster.Record{
	{
		Command: "faultline run --target caspaxos --on docker --nodes 3 --time 20s --runs 5 --workload register --nemesis partition,kill,pause",
		Outcome: "valid 5 of 5",
		Found:   "1,391 to 5,390 operations succeeded in a run.",
	},
}
