package caspaxos

import (
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/embedded/caspaxos"
)

// bugs are mistakes that people make in such systems.
var bugs = []cluster.Bug{
	{
		Name:     string(caspaxos.IdentityNotAccepted),
		Doc:      "a read never has its outcome accepted, even if the promises disagree: a write that is under way can be seen by one reader and missed by a later one",
		Workload: "register", Nemeses: []string{"partition", "packet"}, Anomaly: "nonlinearizable", Quiet: true,
	},
	{
		Name:     string(caspaxos.NamelessBallots),
		Doc:      "ballots are numbers without the name of the proposer: two nodes that take the same one both believe that it is theirs",
		Workload: "register", Nemeses: []string{"partition", "kill", "packet"}, Anomaly: "nonlinearizable", Quiet: true,
	},
	{
		Name:     string(caspaxos.AcceptedBallotDropped),
		Doc:      "acceptors keep the state on disk, but not the ballot in which they accepted it: after a restart an older one passes for newer",
		Workload: "register", Nemeses: []string{"partition", "crash-loop"}, Anomaly: "nonlinearizable",
	},
	{
		Name:     string(caspaxos.TimedOutApplied),
		Doc:      "a round that timed out counts as one that never was: what it had got accepted is applied once more",
		Workload: "append", Nemeses: []string{"partition", "packet"}, Anomaly: "duplicate-elements",
	},
	{
		Name:     string(caspaxos.IDBlockReused),
		Doc:      "a node keeps the block of ids that it gives out, but not how far it has come: after a restart it begins again",
		Workload: "unique-ids", Nemeses: []string{"kill"}, Anomaly: "duplicate-id",
	},
}

// rows are what runs over many seeds shall show.
var rows = []cluster.Row{
	{Workload: "register"},
	{Workload: "counter"},
	{Workload: "append"},
	{Workload: "unique-ids"},
}
