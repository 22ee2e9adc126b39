// Package crdt is the glue that makes the store of conflict-free replicated data types of
// targets/embedded/crdt a target: its options, what it promises, and its planted bugs.
package crdt

import (
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/crdt"
	"github.com/faultline-dev/faultline/targets/reference"
)

// Target is the store as the registry knows it.
var Target = cluster.Target{
	Name:   "crdt",
	Family: cluster.Leaderless,
	Doc:    "reference store of conflict-free replicated data types: sets, counters, ids; every node answers alone, and nodes gossip",
	Options: []cluster.Option{{
		Name: "sets", Default: string(crdt.ObservedRemove), Values: []string{string(crdt.ObservedRemove), string(crdt.GrowOnly)},
		Doc: "observed-remove: elements can be removed, and an addition beside a removal stands; grow-only: they cannot",
	}},
	Bugs: bugs,
	Rows: []cluster.Row{
		{Workload: "set", Model: model.Eventual},
		{Workload: "set", Model: model.Eventual, Set: growOnly},
		{Workload: "bag", Model: model.Eventual},
		{Workload: "counter", Model: model.Eventual},
		// Whoever numbers what it gives out by itself sends no packets that could be lost.
		{Workload: "unique-ids", Nemeses: []string{"kill", "pause", "restart", "crash-loop", "disk", "clock"}},
		{Workload: "set", Model: model.Linearizable, Nemeses: []string{"partition"}, Weakness: "nonlinearizable"},
		{Workload: "counter", Model: model.Linearizable, Nemeses: []string{"partition"}, Weakness: "nonlinearizable"},
	},
	Data:      []string{"set", "bag", "counter", "ids"},
	Needs:     []cluster.Need{{Data: "bag", Option: "sets", Value: string(crdt.ObservedRemove)}},
	Promises:  promises,
	Records:   records,
	Reference: &cluster.Reference{System: system, Client: reference.NewClient},
}

var growOnly = map[string]string{"sets": string(crdt.GrowOnly)}

// system makes the node side.
func system(o cluster.Options) (node.System, error) {
	bug, err := reference.Bug(o, bugs)
	if err != nil {
		return node.System{}, err
	}
	return crdt.New(crdt.Config{Sets: crdt.Sets(o["sets"]), Bug: crdt.Bug(bug)})
}

// promises: sets that only grow cannot be removed from.
func promises(o cluster.Options) []cluster.Promise {
	converge := cluster.Promise{
		Model:  model.Eventual,
		Quote:  "Replicas of any CRDT are guaranteed to converge in a self-stabilising manner, despite any number of failures.",
		Source: "Shapiro, Preguiça, Baquero and Zawirski: Conflict-free Replicated Data Types. SSS 2011, abstract",
	}
	kept := reference.Same(converge, "set", "counter")
	if o["sets"] == string(crdt.ObservedRemove) {
		kept = append(kept, reference.Same(converge, "bag")...)
	}
	return append(kept, cluster.Promise{
		Data: "ids", Model: model.Unique,
		Quote:  "ids, which need no merging: each node numbers its own.",
		Source: "the comment of package targets/embedded/crdt",
	})
}

// bugs are mistakes that people make in such systems.
var bugs = []cluster.Bug{
	{
		Name:     string(crdt.RemoveDropsAdd),
		Doc:      "a removal takes the element away, not the tags that were observed, and with it an addition made beside it",
		Workload: "bag", Model: model.Eventual, Nemeses: []string{"partition"}, Anomaly: "lost-element", Quiet: true,
	},
	{
		Name:     string(crdt.TombstoneDroppedEarly),
		Doc:      "a tombstone goes after half a second, whoever knows of it by then: who was away keeps the element, and brings it back",
		Workload: "bag", Model: model.Eventual, Nemeses: []string{"partition", "kill"}, Anomaly: "resurrected", Quiet: true,
		Cited: "Cassandra's deleted data comes back when a node was down for longer than gc_grace_seconds (https://cassandra.apache.org/doc/latest/cassandra/managing/operating/compaction/tombstones.html)",
	},
	{
		Name:     string(crdt.CounterLastWriter),
		Doc:      "of two versions of a node's counts the one that came last stands, not the greater: gossip that was overtaken takes increments back",
		Workload: "counter", Model: model.Eventual, Nemeses: []string{"partition", "packet"}, Anomaly: "lost-increment", Quiet: true,
	},
	{
		Name:     string(crdt.CounterNotPersisted),
		Doc:      "increments are acknowledged before they are on the disk: after a crash the node counts on from an earlier value",
		Workload: "counter", Model: model.Eventual, Nemeses: []string{"kill"}, Anomaly: "lost-increment",
	},
	{
		Name:     string(crdt.IDsReset),
		Doc:      "the last id that was given out lives in memory only: a restarted node gives the same ones again",
		Workload: "unique-ids", Nemeses: []string{"kill"}, Anomaly: "duplicate-id",
	},
}

// records say what came of runs in containers.
var records = []cluster.Record{
	{
		Command: "faultline run --target crdt --on docker --nodes 3 --time 20s --runs 5 --workload bag --nemesis partition,kill,pause",
		Outcome: "valid 5 of 5",
		Found:   "2,276 to 2,707 operations succeeded in a run.",
	},
	{
		Command: "faultline run --target crdt --on docker --nodes 3 --time 20s --runs 5 --workload counter --model eventual --nemesis partition,kill,pause",
		Outcome: "valid 5 of 5",
		Found:   "3,577 to 5,074 operations succeeded in a run.",
	},
}
