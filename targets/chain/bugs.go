package chain

import (
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/targets/embedded/chain"
)

// bugs are mistakes that people make in such systems.
var bugs = []cluster.Bug{
	{
		Name:     string(chain.OldTailReads),
		Doc:      "a tail that was removed from the chain, and has not heard of it, goes on answering reads",
		Workload: "register", Nemeses: []string{"partition"}, Anomaly: "nonlinearizable",
	},
	{
		Name:     string(chain.SentDropped),
		Doc:      "when its successor fails, a member does not send again what it had sent and nobody had acknowledged: the next member never gets it, and acknowledges what follows",
		Workload: "register", Nemeses: []string{"partition", "kill"}, Anomaly: "nonlinearizable",
	},
	{
		Name:     string(chain.HeadAcks),
		Doc:      "the head acknowledges a change when it has it, not when the tail has: reads at the tail miss it until it gets there, and a failover loses it",
		Workload: "register", Nemeses: []string{"partition"}, Anomaly: "nonlinearizable", Quiet: true,
	},
	{
		Name:     string(chain.EarlyTail),
		Doc:      "a new tail joins the chain, and answers reads, before it has the history from before it came",
		Workload: "register", Nemeses: []string{"kill"}, Anomaly: "nonlinearizable",
	},
}

// rows are what runs over many seeds shall show.
var rows = []cluster.Row{
	{Workload: "register"},
	{Workload: "set", Model: model.Linearizable, Set: map[string]string{"pace": "5"}},
	{Workload: "bag", Model: model.Linearizable},
	{Workload: "counter"},
	{Workload: "append"},
	{Workload: "unique-ids"},
	{Workload: "lock", Model: model.Fenced, Set: map[string]string{"locks": "40", "hold": "50", "pace": "5"}},
}
