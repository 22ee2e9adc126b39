package backup

import (
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/targets/embedded/backup"
)

// bugs are mistakes that people make in such systems.
var bugs = []cluster.Bug{
	{
		Name:     string(backup.ForgottenTail),
		Doc:      "a backup that takes over keeps what it knows to be committed and forgets the operations after that, some of which the old primary has acknowledged",
		Workload: "register", Nemeses: []string{"partition", "kill"}, Anomaly: "nonlinearizable",
	},
	{
		Name:     string(backup.AckBeforeBackups),
		Doc:      "the primary acknowledges what is on its own disk, before its backups have it: a failover loses that",
		Workload: "register", Nemeses: []string{"partition"}, Anomaly: "nonlinearizable",
		Cited: "Redis acknowledges before its replicas have a write, and Sentinel promotes one of them (https://aphyr.com/posts/283-jepsen-redis)",
	},
	{
		Name:     string(backup.DeposedReads),
		Doc:      "a primary answers reads without asking whether its view is still the last: once deposed, it goes on with what was",
		Workload: "register", Nemeses: []string{"partition"}, Anomaly: "nonlinearizable",
		Cited: "MongoDB's old primaries went on answering reads (https://aphyr.com/posts/322-jepsen-mongodb-stale-reads)",
	},
	{
		Name:     string(backup.ViewNotPersisted),
		Doc:      "the view, and what was promised about the next one, live in memory only: restarted nodes agree on views that there were before, with a primary that lacks what was done since",
		Workload: "register", Nemeses: []string{"partition", "kill"}, Anomaly: "nonlinearizable",
	},
	{
		Name:     string(backup.StaleBackup),
		Doc:      "any node that hears a majority may become primary, whether it is up to date or not",
		Workload: "register", Nemeses: []string{"partition", "kill"}, Anomaly: "nonlinearizable",
	},
}

// rows are what runs over many seeds shall show.
var rows = []cluster.Row{
	{Workload: "register"},
	{Workload: "set", Model: model.Linearizable},
	{Workload: "bag", Model: model.Linearizable},
	{Workload: "counter"},
	{Workload: "append"},
	{Workload: "unique-ids"},
	{Workload: "lock", Model: model.Fenced, Set: map[string]string{"locks": "40", "hold": "50", "pace": "5"}},
	{Workload: "register", Model: model.Eventual, Set: async},
	{Workload: "register", Nemeses: []string{"partition"}, Set: async, Weakness: "nonlinearizable"},
	{Workload: "set", Nemeses: []string{"partition"}, Set: async, Weakness: "lost-element"},
}

var async = map[string]string{"replication": string(backup.Async)}
