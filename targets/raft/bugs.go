package raft

import (
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/targets/embedded/raft"
)

// powerOfMany lets the power of most nodes fail at once, as that of a building does.
var powerOfMany = map[string]string{"disk": "lose-unsynced", "disk-nodes": "majority,all"}

// bugs are mistakes that people make in such systems.
var bugs = []cluster.Bug{
	{
		Name:     string(raft.StaleRead),
		Doc:      "any node answers reads from what it has applied, without asking whether that is current",
		Workload: "register", Nemeses: []string{"partition"}, Anomaly: "nonlinearizable", Quiet: true,
		Cited: "etcd 0.4.1 let a leader answer reads that was none any more (https://aphyr.com/posts/316-jepsen-etcd-and-consul)",
	},
	{
		Name:     string(raft.VoteNotPersisted),
		Doc:      "the term and the vote live in memory only: restarted nodes begin again in the first term and vote again in terms that had a leader, so that a place of the log and a term can stand for two entries",
		Workload: "set", Model: model.Linearizable, Nemeses: []string{"partition", "kill"}, Anomaly: "nonlinearizable",
		Set: map[string]string{"kill": "majority"},
	},
	{
		Name:     string(raft.AckBeforeSync),
		Doc:      "nodes acknowledge log entries at once and sync their log every second: a power failure takes back what a majority had confirmed",
		Workload: "register", Nemeses: []string{"disk"}, Anomaly: "nonlinearizable", Set: powerOfMany,
		Cited: "NATS 2.12.1 acknowledges at once and syncs every two minutes (https://jepsen.io/analyses/nats-2.12.1)",
	},
	{
		Name:     string(raft.LeaseWallClock),
		Doc:      "a leader's lease is measured by the wall clock: set back, it goes on after another leader was elected",
		Workload: "register", Nemeses: []string{"partition", "clock"}, Anomaly: "nonlinearizable",
		Set: map[string]string{"partition": "leader", "clock": "strobe", "clock-nodes": "leader", "clock-offset": "-30s"},
	},
	{
		Name:     string(raft.AckBeforeQuorum),
		Doc:      "the leader acknowledges a write when it has put it into its own log: if it is deposed before others have it, the write is gone",
		Workload: "register", Nemeses: []string{"partition", "kill"}, Anomaly: "nonlinearizable",
		Cited: "The default write concern of MongoDB 3.6, by which the primary alone acknowledges (https://jepsen.io/analyses/mongodb-3-6-4)",
		Quiet: true,
	},
	{
		Name:     string(raft.RetryTwice),
		Doc:      "a node sends a change again when the leader's answer does not come: the leader may have carried out the first one",
		Workload: "append", Nemeses: []string{"partition", "packet"}, Anomaly: "duplicate-elements",
		Cited: "jetcd 0.8.2 retried transactions that had taken effect (https://jepsen.io/analyses/jetcd-0.8.2)",
	},
	{
		Name:     string(raft.SnapshotBehind),
		Doc:      "a snapshot is made before the entries are applied that it is said to cover: whoever starts from it lacks them",
		Workload: "set", Nemeses: []string{"kill"}, Anomaly: "lost-element",
		Cited: "etcd 3.5 stored how far it had applied the log ahead of the changes themselves (https://github.com/etcd-io/etcd/issues/13766)",
	},
	{
		Name:     string(raft.IDReset),
		Doc:      "how many ids were given out is in no snapshot: a node that starts from one begins anew",
		Workload: "unique-ids", Nemeses: []string{"kill"}, Anomaly: "duplicate-id",
	},
	{
		Name:     string(raft.ChangeBeforeCommit),
		Doc:      "a change of members counts when the leader has proposed it, and again when it is committed: a leader that is cut off lets the others leave until it has a majority. There are then two systems, which disagree and do not find together again",
		Workload: "register", Nemeses: []string{"partition", "membership"}, Anomaly: "unrecovered",
		Set:   map[string]string{"partition": "leader", "membership": "minority"},
		Cited: "Ongaro: bug in single-server membership changes (https://groups.google.com/g/raft-dev/c/t4xj6dJTP6E/m/d2D9LrWRza8J)",
	},
}

// rows are what runs over many seeds shall show.
var rows = []cluster.Row{
	{Workload: "register"},
	{Workload: "set", Model: model.Linearizable},
	{Workload: "bag", Model: model.Linearizable, Set: map[string]string{"pace": "5"}},
	{Workload: "counter"},
	{Workload: "append"},
	{Workload: "unique-ids"},
	{Workload: "lock", Model: model.Fenced, Set: map[string]string{"locks": "20", "hold": "100", "pace": "5"}},
	{Workload: "register", Set: byLease},
	{Workload: "set", Model: model.Linearizable, Set: byLease},
	{Workload: "counter", Set: byLease},
	{Workload: "append", Set: byLease},
	{Workload: "unique-ids", Set: byLease},
	{Workload: "register", Model: model.Sequential, Set: locally},
	{Workload: "append", Model: model.Sequential, Set: locally},
	{Workload: "set", Model: model.Eventual, Set: locally},
	{Workload: "bag", Model: model.Eventual, Set: locally},
	{Workload: "counter", Model: model.Eventual, Set: locally},
	{Workload: "unique-ids", Set: locally},
	{Workload: "register", Nemeses: changing},
	{Workload: "counter", Nemeses: changing},
	{Workload: "register", Nemeses: changing, Set: byLease},
	{Workload: "register", Model: model.Sequential, Nemeses: changing, Set: locally},
	{Workload: "register", Nemeses: []string{"partition"}, Set: locally, Weakness: "nonlinearizable"},
}

// changing have members leave and join amid faults. With all other faults beside them there
// are runs in which no majority ever has the time to let a member leave.
var changing = []string{"partition", "kill", "clock", "membership"}

var (
	byLease = map[string]string{"reads": string(raft.ByLease)}
	locally = map[string]string{"reads": string(raft.Locally)}
)
