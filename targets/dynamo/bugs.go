package dynamo

import (
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/targets/embedded/dynamo"
)

// changing and crashing are faults while members come and go. With all of them at once there
// are runs in which no member ever has the time to leave.
var (
	changing = []string{"membership", "partition", "kill", "pause", "packet"}
	crashing = []string{"membership", "restart", "crash-loop", "disk", "clock"}
)

// oneHome keeps each key at one node, so that it moves as a whole.
var oneHome = map[string]string{"mode": string(dynamo.Siblings), "n": "1", "r": "1", "w": "1"}

var (
	siblings = map[string]string{"mode": string(dynamo.Siblings)}
	// slowly spares sets with siblings most of their work, which grows with the square of
	// what is done to an element.
	slowly = map[string]string{"mode": string(dynamo.Siblings), "pace": "10"}
	// shortLived has keys that are written to a few times only, so that many writes are the
	// last one of a key.
	shortLived = map[string]string{"mode": string(dynamo.Siblings), "ops-per-key": "10"}

	abd = map[string]string{"mode": string(dynamo.Atomic)}
	// crowded has two clients of a key on each of five nodes.
	crowded = map[string]string{"mode": string(dynamo.Atomic), "threads-per-key": "10"}
	// powerOfMany lets the power of most nodes fail at once, as that of a building does.
	powerOfMany = map[string]string{"mode": string(dynamo.Atomic), "disk": "lose-unsynced", "disk-nodes": "majority,all"}
)

// bugs are mistakes that people make in such systems.
var bugs = []cluster.Bug{
	{
		Name:     string(dynamo.HintsDropped),
		Doc:      "hints for homes that are down live in memory only: a restart forgets them, and with them acknowledged writes",
		Workload: "set", Nemeses: []string{"partition", "kill"}, Anomaly: "lost-element", Set: map[string]string{"w": "1"},
	},
	{
		Name:     string(dynamo.NoWriteBack),
		Doc:      "an atomic read skips its second phase: a write that is under way can be seen by one reader and missed by a later one",
		Workload: "register", Nemeses: []string{"partition", "packet"}, Anomaly: "nonlinearizable", Set: abd, Quiet: true,
	},
	{
		Name:     string(dynamo.AckBeforeSync),
		Doc:      "replicas acknowledge at once and sync their log every second: a power failure takes back what a majority had confirmed",
		Workload: "register", Nemeses: []string{"disk"}, Anomaly: "nonlinearizable", Set: powerOfMany,
	},
	{
		Name:     string(dynamo.TimestampReuse),
		Doc:      "a write's timestamp is a number and the coordinator's name: after a crash, or beside another client's write, the same one stands for two values",
		Workload: "register", Nemeses: []string{"partition", "kill", "packet"}, Anomaly: "nonlinearizable", Set: crowded,
	},
	{
		Name:     string(dynamo.HintedMajority),
		Doc:      "nodes that stand in for homes count towards an atomic operation's majority, so that two majorities need not meet",
		Workload: "register", Nemeses: []string{"partition"}, Anomaly: "nonlinearizable", Set: abd,
	},
	{
		Name:     string(dynamo.SiblingsOverwritten),
		Doc:      "a write replaces what a quorum holds, not what its client has read: of writes side by side only one is left",
		Workload: "register", Model: model.NoLostWrite, Nemeses: []string{"partition"}, Anomaly: "lost-write", Set: shortLived, Quiet: true,
	},
	{
		Name:     string(dynamo.TombstoneCollectedEarly),
		Doc:      "tombstones are collected after half a second: a home that was away for longer still holds what was removed, and a read gives it back to the others",
		Workload: "bag", Model: model.Eventual, Nemeses: []string{"partition", "kill"}, Anomaly: "resurrected", Set: siblings,
		Cited: "Cassandra: a node that is away for longer than gc_grace_seconds brings deleted data back (https://cassandra.apache.org/doc/latest/cassandra/managing/operating/compaction/tombstones.html)",
	},
	{
		Name:     string(dynamo.DropBeforeHandover),
		Doc:      "after a node joined or left, others drop what they are no homes of any more, before its homes have it",
		Workload: "register", Model: model.NoLostWrite, Nemeses: []string{"membership"}, Anomaly: "lost-write", Set: oneHome,
	},
	{
		Name:     string(dynamo.RepairResurrects),
		Doc:      "a read repair knows no tombstones: what one replica still holds is written over those of the others",
		Workload: "bag", Model: model.Eventual, Nemeses: []string{"partition", "kill"}, Anomaly: "resurrected", Set: siblings, Quiet: true,
	},
}

// rows are what runs over many seeds shall show.
var rows = []cluster.Row{
	{Workload: "register", Set: abd},
	{Workload: "set", Model: model.Linearizable, Set: abd},
	{Workload: "set", Model: model.Eventual},
	{Workload: "register", Model: model.Eventual},
	{Workload: "register", Model: model.NoLostWrite, Set: siblings},
	{Workload: "set", Model: model.Eventual, Set: siblings},
	{Workload: "bag", Model: model.Eventual, Set: slowly},
	{Workload: "register", Model: model.NoLostWrite, Set: siblings, Nemeses: changing},
	{Workload: "bag", Model: model.Eventual, Set: slowly, Nemeses: changing},
	{Workload: "register", Model: model.NoLostWrite, Set: oneHome, Nemeses: changing},
	{Workload: "set", Model: model.Eventual, Nemeses: changing},
	{Workload: "register", Model: model.NoLostWrite, Set: siblings, Nemeses: crashing},
	{Workload: "bag", Model: model.Eventual, Set: slowly, Nemeses: crashing},
	{Workload: "register", Model: model.NoLostWrite, Set: oneHome, Nemeses: crashing},
	{Workload: "set", Model: model.Eventual, Nemeses: crashing},
	{Workload: "register", Model: model.NoLostWrite, Nemeses: []string{"clock"}, Weakness: "lost-write"},
	{Workload: "register", Nemeses: []string{"partition"}, Weakness: "nonlinearizable"},
}
