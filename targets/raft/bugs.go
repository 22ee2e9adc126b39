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
		Workload: "register", Nemeses: []string{"partition"}, Anomaly: "nonlinearizable",
	},
	{
		Name:     string(raft.VoteNotPersisted),
		Doc:      "the term and the vote live in memory only: restarted nodes vote again in terms that had a leader, until one meets a log that cannot be",
		Workload: "register", Nemeses: []string{"partition", "kill", "packet"}, Anomaly: "node-died",
	},
	{
		Name:     string(raft.AckBeforeSync),
		Doc:      "nodes acknowledge log entries at once and sync their log every second: a power failure takes back what a majority had confirmed",
		Workload: "register", Nemeses: []string{"disk"}, Anomaly: "nonlinearizable", Set: powerOfMany,
	},
	{
		Name:     string(raft.LeaseWallClock),
		Doc:      "a leader's lease is measured by the wall clock: set back, it goes on after another leader was elected",
		Workload: "register", Nemeses: []string{"partition", "clock"}, Anomaly: "nonlinearizable",
	},
}

// rows are what runs over many seeds shall show.
var rows = []cluster.Row{
	{Workload: "register"},
	{Workload: "set", Model: model.Linearizable},
	{Workload: "register", Set: byLease},
	{Workload: "set", Model: model.Eventual, Set: locally},
	{Workload: "register", Nemeses: []string{"partition"}, Set: locally, Weakness: "nonlinearizable"},
}

var (
	byLease = map[string]string{"reads": string(raft.ByLease)}
	locally = map[string]string{"reads": string(raft.Locally)}
)
