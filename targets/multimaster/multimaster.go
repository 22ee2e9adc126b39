// Package multimaster is the glue that makes the store of targets/embedded/multimaster,
// every node of which takes writes, a target: what it promises, and its planted bugs.
package multimaster

import (
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/multimaster"
	"github.com/faultline-dev/faultline/targets/reference"
)

// Target is the store as the registry knows it.
var Target = cluster.Target{
	Name:   "multi-master",
	Family: cluster.Leaderless,
	Doc:    "reference store with a master on every node: asynchronous replication, the last write by wall clock wins",
	Bugs:   bugs,
	Rows: []cluster.Row{
		{Workload: "register", Model: model.Eventual},
		{Workload: "register", Nemeses: []string{"partition"}, Weakness: "nonlinearizable"},
		{Workload: "set", Nemeses: []string{"partition"}, Weakness: "lost-element"},
		{Workload: "set", Nemeses: []string{"clock"}, Weakness: "lost-element"},
	},
	Data:      []string{"register", "set"},
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
	return multimaster.New(multimaster.Config{Bug: multimaster.Bug(bug)})
}

// promises: registers converge. Sets lose elements, being rows that are written as a whole.
func promises(cluster.Options) []cluster.Promise {
	return []cluster.Promise{{
		Data: "register", Model: model.Eventual,
		Quote:  "However, what can be guaranteed is that given a cessation of update activity to any entry, and enough time for each DBMP to communicate with all other DBMPs, then the state of that entry (its existence and value) will be identical in all copies of the database.",
		Source: "Johnson and Thomas: The Maintenance of Duplicate Databases. RFC 677, 1975",
	}}
}

// bugs are mistakes that people make in such systems.
var bugs = []cluster.Bug{
	{
		Name:     string(multimaster.TieByArrival),
		Doc:      "of two writes with the same time each node keeps the one that came last: nodes differ for good",
		Workload: "register", Model: model.Eventual, Nemeses: []string{"partition"}, Anomaly: "divergence", Quiet: true,
	},
	{
		Name:     string(multimaster.PositionBeforeAck),
		Doc:      "what was sent to a node counts as received: what a partition or a crash swallowed never comes again",
		Workload: "register", Model: model.Eventual, Nemeses: []string{"partition", "kill"}, Anomaly: "divergence",
	},
	{
		Name:     string(multimaster.ReplicatedBeforeSync),
		Doc:      "a node's writes go to its client and to the others before they are on its disk: after a crash the others know what their own node does not, and never will",
		Workload: "register", Model: model.Eventual, Nemeses: []string{"kill"}, Anomaly: "divergence",
	},
}

// records say what came of runs in containers.
var records = []cluster.Record{
	{
		Command: "faultline run --target multi-master --on docker --nodes 3 --time 20s --runs 5 --workload register --model eventual --nemesis partition,kill,pause",
		Outcome: "valid 5 of 5",
		Found:   "29,069 to 42,482 operations succeeded in a run, and all nodes agreed at the end.",
	},
	{
		Command: "faultline run --target multi-master --on docker --nodes 3 --time 20s --runs 5 --workload set --nemesis partition",
		Outcome: "invalid 5 of 5",
		Found:   "lost-element, more than 500 of them in each run: element 5, whose add was acknowledged to process 4 at 1.834 s, is in none of the 6 final reads; no read ever saw it.",
	},
}
