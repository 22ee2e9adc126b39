// Package backup is the glue that makes the replicated reference store of
// targets/embedded/backup the target primary-backup: its options, what it promises with
// them, its planted bugs, and a client.
package backup

import (
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/backup"
	"github.com/faultline-dev/faultline/targets/reference"
)

// Target is the store as the registry knows it.
var Target = cluster.Target{
	Name:   "primary-backup",
	Family: cluster.LeaderBased,
	Doc:    "reference store of a primary and its backups: views agreed on by a majority, changes sent to every member of the view",
	Options: []cluster.Option{
		{
			Name: "replication", Default: string(backup.Sync), Values: []string{string(backup.Sync), string(backup.Async)},
			Doc: "sync: a change is acknowledged when every backup of the view has it on its disk; async: when the primary has",
		},
		{Name: "replicas", Default: "3", Doc: "the primary and its backups together; further nodes are spares", Check: cluster.IsInt(1, 100)},
	},
	Bugs:      bugs,
	Rows:      rows,
	Data:      []string{"register", "set", "bag", "counter", "append", "ids", "lock"},
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
	return backup.New(backup.Config{Replication: backup.Replication(o["replication"]), Replicas: o.Int("replicas"), Bug: backup.Bug(bug)})
}

// promises follow from the options.
func promises(o cluster.Options) []cluster.Promise {
	if backup.Replication(o["replication"]) == backup.Async {
		return []cluster.Promise{{
			Data: "register", Model: model.Eventual,
			Quote:  "If the primary server crashes then some transactions that were committed may not have been replicated to the standby server, causing data loss.",
			Source: "PostgreSQL 17 documentation, section 26.2.8: Synchronous Replication",
		}}
	}
	p := cluster.Promise{
		Model:  model.Linearizable,
		Quote:  "The correctness condition for view changes is that every committed operation survives into all subsequent views in the same position in the serial order.",
		Source: "Liskov and Cowling: Viewstamped Replication Revisited. MIT-CSAIL-TR-2012-021, 2012, section 8.1",
	}
	unique, fenced := p, p
	unique.Data, unique.Model = "ids", model.Unique
	fenced.Data, fenced.Model = "lock", model.Fenced // leases that run out
	return append(reference.Same(p, "register", "set", "bag", "counter", "append"), unique, fenced)
}

// records say what came of runs in containers.
var records = []cluster.Record{
	{
		Command: "faultline run --target primary-backup --on docker --nodes 3 --time 20s --runs 5 --workload register --nemesis partition,kill,pause",
		Outcome: "valid 5 of 5",
		Found:   "4,360 to 9,495 operations succeeded in a run, with 1 to 4 changes of the primary.",
	},
	{
		Command: "faultline run --target primary-backup --on docker --nodes 3 --time 20s --runs 5 --workload set --set replication=async --nemesis partition,kill",
		Outcome: "invalid 5 of 5",
		Found:   "lost-element, 11 to 519 of them in a run: element 65, whose add was acknowledged to process 4 at 1.944 s, is in none of the 6 final reads; process 1's read that began at 4.752 s saw it last.",
	},
}
