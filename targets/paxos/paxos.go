// Package paxos is the glue that makes the reference store of targets/embedded/paxos a
// target: its options, what it promises, its planted bugs, and a client.
package paxos

import (
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/paxos"
	"github.com/faultline-dev/faultline/targets/reference"
)

// Target is the store as the registry knows it.
var Target = cluster.Target{
	Name:   "paxos",
	Family: cluster.LeaderBased,
	Doc:    "reference store on Multi-Paxos: a stable leader has a majority accept a command for each slot of a log",
	Options: []cluster.Option{{
		Name: "reads", Default: string(paxos.ByRound), Values: []string{string(paxos.ByRound), string(paxos.ByLog)},
		Doc: "round: the leader asks a majority before it answers; log: a read takes a slot of the log, as a write does",
	}},
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
	return paxos.New(paxos.Config{Reads: paxos.Reads(o["reads"]), Bug: paxos.Bug(bug)})
}

// promises hold with every option.
func promises(cluster.Options) []cluster.Promise {
	p := cluster.Promise{
		Model:  model.Linearizable,
		Quote:  "Because all servers use the same state machine, they will all produce the same sequences of states and outputs if they all execute the same sequence of commands.",
		Source: "Lamport: Paxos Made Simple. ACM SIGACT News 32(4), 2001, section 3",
	}
	all := reference.Same(p, "register", "set", "bag", "counter", "append")
	p.Model = model.Unique
	all = append(all, reference.Same(p, "ids")...)
	p.Model = model.Fenced
	return append(all, reference.Same(p, "lock")...)
}

// records say what came of runs in containers.
var records = []cluster.Record{
	{
		Command: "faultline run --target paxos --on docker --nodes 3 --time 20s --runs 5 --workload register --nemesis partition,kill,pause",
		Outcome: "valid 5 of 5",
		Found:   "2,655 to 4,251 operations succeeded in a run, with 3 to 5 changes of leader.",
	},
}
