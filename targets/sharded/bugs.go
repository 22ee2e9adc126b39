package sharded

import (
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/targets/embedded/sharded"
)

// bugs are mistakes that people make in such systems.
var bugs = []cluster.Bug{
	{
		Name:     string(sharded.TwoOwners),
		Doc:      "a group that has handed a shard over goes on serving it: nodes that still route to it write where nobody will look",
		Workload: "register", Nemeses: []string{"partition", "packet"}, Anomaly: "nonlinearizable", Quiet: true,
		Cited: "ArangoDB: the old owner of a shard could claim it again and take writes alone, while the move went on (https://github.com/arangodb/arangodb/pull/12476)",
	},
	{
		Name:     string(sharded.CopyThenFreeze),
		Doc:      "a shard is copied first and frozen once the new group has the copy: what is written in between is lost",
		Workload: "register", Nemeses: []string{"partition", "packet"}, Anomaly: "nonlinearizable", Quiet: true,
	},
	{
		Name:     string(sharded.Unversioned),
		Doc:      "groups answer reads of shards that they have given away, trusting the table of the node that asks: orphans of the last move",
		Workload: "register", Nemeses: []string{"partition", "packet"}, Anomaly: "nonlinearizable", Quiet: true,
		Cited: "MongoDB: reads that carry no shard version meet orphaned documents (https://github.com/mongodb/docs/pull/2374)",
	},
	{
		Name:     string(sharded.InstallTwice),
		Doc:      "a shard that arrives a second time is installed a second time, over what was written since the first",
		Workload: "register", Nemeses: []string{"partition", "packet"}, Anomaly: "nonlinearizable",
	},
}

// rows are what runs over many seeds shall show.
var rows = []cluster.Row{
	{Workload: "register"},
	{Workload: "set", Model: model.Linearizable, Set: map[string]string{"pace": "5"}},
	{Workload: "bag", Model: model.Linearizable, Set: map[string]string{"pace": "5"}},
	{Workload: "counter"},
	{Workload: "append"},
	{Workload: "unique-ids"},
	{Workload: "lock", Model: model.Fenced, Set: map[string]string{"locks": "20", "hold": "100", "pace": "5"}},
	{Workload: "register", Set: map[string]string{"groups": "3"}},
}
