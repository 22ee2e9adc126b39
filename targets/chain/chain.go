// Package chain is the glue that makes the replicated reference store of
// targets/embedded/chain a target: what it promises, its planted bugs, and a client.
package chain

import (
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/chain"
	"github.com/faultline-dev/faultline/targets/reference"
)

// Target is the store as the registry knows it.
var Target = cluster.Target{
	Name:   "chain",
	Family: cluster.LeaderBased,
	Doc:    "reference store on chain replication: changes pass from the head to the tail, which answers the reads",
	Options: []cluster.Option{
		{Name: "replicas", Default: "3", Doc: "nodes in the chain; further ones are spares", Check: cluster.IsInt(1, 100)},
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
	return chain.New(chain.Config{Replicas: o.Int("replicas"), Bug: chain.Bug(bug)})
}

// promises are the same for all data but ids and locks.
func promises(cluster.Options) []cluster.Promise {
	p := cluster.Promise{
		Model:  model.Linearizable,
		Quote:  "The approach is intended for supporting large-scale storage services that exhibit high throughput and availability without sacrificing strong consistency guarantees.",
		Source: "Van Renesse and Schneider: Chain Replication for Supporting High Throughput and Availability. OSDI 2004, abstract",
	}
	unique, fenced := p, p
	unique.Data, unique.Model = "ids", model.Unique
	fenced.Data, fenced.Model = "lock", model.Fenced // leases that run out
	return append(reference.Same(p, "register", "set", "bag", "counter", "append"), unique, fenced)
}

// records say what came of runs in containers.
var records = []cluster.Record{
	{
		Command: "faultline run --target chain --on docker --nodes 3 --time 20s --runs 5 --workload register --nemesis partition,kill,pause",
		Outcome: "valid 5 of 5",
		Found:   "4,066 to 10,089 operations succeeded in a run, with 2 to 6 changes of the head.",
	},
}
