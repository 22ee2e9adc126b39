package paxos

import (
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/targets/embedded/paxos"
)

// bugs are mistakes that people make in such systems.
var bugs = []cluster.Bug{
	{
		Name:     string(paxos.AcceptedBeforeSync),
		Doc:      "acceptors say that they have accepted before their disk has it, and sync once a second: a power failure takes back what a majority had chosen",
		Workload: "register", Nemeses: []string{"disk"}, Anomaly: "nonlinearizable",
		Set:   map[string]string{"disk": "lose-unsynced", "disk-nodes": "majority,all"},
		Cited: "NATS 2.12.1 acknowledges at once and syncs every two minutes (https://jepsen.io/analyses/nats-2.12.1)",
	},
	{
		Name:     string(paxos.PromisesIgnored),
		Doc:      "a new leader proposes what it had accepted itself, whatever the promises of the others say",
		Workload: "register", Nemeses: []string{"partition", "kill"}, Anomaly: "nonlinearizable",
	},
	{
		Name:     string(paxos.QuorumCountsDuplicates),
		Doc:      "the leader counts messages and not acceptors: whoever says twice that it has accepted makes a majority of a minority",
		Workload: "register", Nemeses: []string{"partition"}, Anomaly: "nonlinearizable",
	},
	{
		Name:     string(paxos.ReadBeforeReady),
		Doc:      "a new leader answers reads before it has carried out what its predecessors had chosen",
		Workload: "append", Nemeses: []string{"kill", "pause"}, Anomaly: "nonlinearizable",
	},
	{
		Name:     string(paxos.UnconfirmedRead),
		Doc:      "the leader answers reads without asking a majority whether there is a later one",
		Workload: "register", Nemeses: []string{"partition"}, Anomaly: "nonlinearizable",
		Cited: "etcd 0.4.1 let a leader answer reads that was none any more (https://aphyr.com/posts/316-jepsen-etcd-and-consul)",
	},
}

// rows are what runs over many seeds shall show.
var rows = []cluster.Row{
	{Workload: "register"},
	{Workload: "register", Set: byLog},
	{Workload: "set", Model: model.Linearizable, Set: map[string]string{"pace": "5"}},
	{Workload: "bag", Model: model.Linearizable},
	{Workload: "counter"},
	{Workload: "append"},
	{Workload: "unique-ids"},
	{Workload: "lock", Model: model.Fenced, Set: map[string]string{"locks": "20", "hold": "100", "pace": "5"}},
}

var byLog = map[string]string{"reads": string(paxos.ByLog)}
