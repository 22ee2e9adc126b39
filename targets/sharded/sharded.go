// Package sharded is the glue that makes the store of targets/embedded/sharded a target: its
// options, what it promises and its planted bugs.
package sharded

import (
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/sharded"
	"github.com/faultline-dev/faultline/targets/reference"
)

// Target is the store as the registry knows it.
var Target = cluster.Target{
	Name:   "sharded",
	Family: cluster.LeaderBased,
	Doc:    "reference store on several Raft groups: keys hashed into shards, which move from group to group while clients write",
	Options: []cluster.Option{
		{Name: "groups", Default: "2", Doc: "Raft groups that share the shards, beside the one that keeps the routing table", Check: cluster.IsInt(2, sharded.MaxGroups)},
	},
	About: `Every node is a member of every group. Keys are hashed into six shards, and the leader of the
configuration group moves one of them to another group every 0.6 s or so, chosen at random: so
that moves are under way whatever fault there is. A request that comes to a group which does
not have the shard is sent on within the store.`,
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
	return sharded.New(sharded.Config{Groups: o.Int("groups"), Bug: sharded.Bug(bug)})
}

// promises are the same for all options.
func promises(cluster.Options) []cluster.Promise {
	p := cluster.Promise{
		Model:  model.Linearizable,
		Quote:  "A Clerk.Get() should see the value written by the most recent Put/Append to the same key. This must be true even when Gets and Puts arrive at about the same time as configuration changes.",
		Source: "MIT course 6.824: Lab 4: Sharded Key/Value Service, part B, the store that this one is modelled on",
	}
	unique, fenced := p, p
	unique.Data, unique.Model = "ids", model.Unique
	fenced.Data, fenced.Model = "lock", model.Fenced
	return append(reference.Same(p, "register", "set", "bag", "counter", "append"), unique, fenced)
}

// records say what came of runs in containers.
var records = []cluster.Record{
	{
		Command: "faultline run --target sharded --on docker --nodes 3 --time 20s --runs 5 --workload register --nemesis partition,kill,pause",
		Outcome: "valid 5 of 5",
		Found:   "6,562 to 8,010 operations succeeded in a run, while shards moved.",
	},
}
