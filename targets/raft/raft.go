// Package raft is the glue that makes the replicated reference store of
// targets/embedded/raft a target: its options, what it promises with them, its planted
// bugs, and a client.
package raft

import (
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/raft"
	"github.com/faultline-dev/faultline/targets/reference"
)

// Target is the store as the registry knows it.
var Target = cluster.Target{
	Name:   "raft",
	Family: cluster.LeaderBased,
	Doc:    "reference store on Raft: one leader orders all changes in a log that a majority keeps",
	Options: []cluster.Option{
		{
			Name: "reads", Default: string(raft.ByIndex), Values: []string{string(raft.ByIndex), string(raft.ByLease), string(raft.Locally)},
			Doc: "index: the leader asks a majority before it answers; lease: it answers alone while its lease lasts; local: any node answers from its own copy",
		},
		{
			Name: "lease-clock", Default: string(raft.Monotonic), Values: []string{string(raft.Monotonic), string(raft.WallClock)},
			Doc: "the clock that measures a lease; the wall clock can be set (reads=lease)",
		},
	},
	Bugs:      bugs,
	Rows:      rows,
	Records:   records,
	Data:      []string{"register", "set", "bag", "counter", "append", "ids", "lock"},
	Promises:  promises,
	Reference: &cluster.Reference{System: system, Client: reference.NewAdministrator},
}

// system makes the node side.
func system(o cluster.Options) (node.System, error) {
	c := raft.Config{Reads: raft.Reads(o["reads"]), LeaseClock: raft.Clock(o["lease-clock"])}
	bug, err := reference.Bug(o, bugs)
	if err != nil {
		return node.System{}, err
	}
	c.Bug = raft.Bug(bug)
	return raft.New(c)
}

// wallDrift is how far a wall clock may be off for a lease by it to hold: what the lease
// is shorter than the time for which followers elect nobody else.
const wallDrift = 30 * time.Millisecond

// promises follow from the options. What does not concern reads of the past is the same for
// all ways to read.
func promises(o cluster.Options) []cluster.Promise {
	const paper = "Ongaro and Ousterhout: In Search of an Understandable Consensus Algorithm (Extended Version). 2014, section 8"
	p := cluster.Promise{
		Model:  model.Linearizable,
		Quote:  "Our goal for Raft is to implement linearizable semantics (each operation appears to execute instantaneously, exactly once, at some point between its invocation and its response).",
		Source: paper,
	}
	switch raft.Reads(o["reads"]) {
	case raft.ByLease:
		p.Quote = "The lease approach assumes a bound on clock drift across servers (over a given time period, no server's clock increases more than this bound times any other)."
		p.Source = "Ongaro: Consensus: Bridging Theory and Practice. Stanford 2014, section 6.4.1"
		if o["lease-clock"] == string(raft.WallClock) {
			p.Nemeses, p.MaxDrift = []string{"partition", "kill", "pause", "packet"}, wallDrift
		}
	case raft.Locally:
		return append(local(paper), asked(p)...)
	}
	return append(reference.Same(p, "register", "set", "bag", "counter", "append"), asked(p)...)
}

// asked are the promises for data whose every operation goes through the log.
func asked(p cluster.Promise) []cluster.Promise {
	unique, fenced := p, p
	unique.Data, unique.Model = "ids", model.Unique
	fenced.Data, fenced.Model = "lock", model.Fenced
	return []cluster.Promise{unique, fenced}
}

// local are the promises of reads of a node's own copy. A write is acknowledged where the
// client's node has applied it, and that copy only goes forward while a connection lasts: all
// changes in the order of the log, with each read at the place to which its node had come,
// keep the order of every process.
func local(paper string) []cluster.Promise {
	stale := cluster.Promise{
		Model:  model.Sequential,
		Quote:  "However, with no additional measures, this would run the risk of returning stale data, since the leader responding to the request might have been superseded by a newer leader of which it is unaware.",
		Source: paper,
	}
	eventual := stale
	eventual.Model = model.Eventual
	return append(reference.Same(stale, "register", "append"), reference.Same(eventual, "set", "bag", "counter")...)
}

// records say what came of runs in containers, with power failures and false clocks among them.
var records = []cluster.Record{
	{
		Command: "faultline run --target raft --on docker --nodes 3 --time 20s --runs 5 --workload register --nemesis partition,kill,pause",
		Outcome: "valid 5 of 5",
		Found:   "565 to 2,724 operations succeeded in a run, with 2 to 6 changes of leader.",
	},
	{
		Command: "faultline run --target raft --on docker --nodes 3 --time 20s --runs 5 --workload register --set reads=local --model sequential --nemesis partition,kill,pause",
		Outcome: "valid 5 of 5",
		Found:   "811 to 3,916 operations succeeded in a run, with 1 to 3 changes of leader.",
	},
	{
		Command: "faultline run --target raft --on docker --nodes 3 --time 20s --runs 5 --workload register --set reads=local --model linearizable --nemesis partition",
		Outcome: "invalid 5 of 5",
		Found:   "nonlinearizable: on key 0, process 0 read 2 at 2.003 s, though process 1's compare-and-set of 2 to 5 had been acknowledged 773 µs before that read began.",
	},
	{
		Command: "faultline run --target raft --on docker --nodes 3 --workload register --nemesis disk --set disk=lose-unsynced --set disk-nodes=majority,all --time 30s",
		Outcome: "valid 2 of 2",
		Found:   "7,596 and 6,555 operations succeeded; in each run the power failed four times at two or three of the nodes at once, amid their syncs.",
	},
	{
		Command: "faultline run --target raft --on docker --nodes 3 --workload register --set bug=ack-before-sync --nemesis disk --set disk=lose-unsynced --set disk-nodes=majority,all --time 30s",
		Outcome: "invalid 2 of 2",
		Found:   "nonlinearizable: on key 49, process 34 read nothing at 25.767 s, though process 15's write of 6 had been acknowledged 6.42 s before that read began. With the disk faults of the default, which often take one node alone, the node says so itself: tocommit(1667) is out of range [lastIndex(1519)]. Was the raft log corrupted, truncated, or lost?",
	},
	{
		Command: leaseCommand + " --set lease-clock=wall",
		Outcome: "invalid in the first of 3 (seeds 1 to 3; 2 and 3 valid)",
		Found:   "nonlinearizable: on key 19, process 8 read nothing at 3.279 s, though process 1's write of 1 had been acknowledged 59.5 ms before that read began. The leader's clock flipped by 30 seconds (7 of 7 clock faults bit), by which it measures how long it may answer alone; with partitions alone, seed 1 was valid.",
	},
	{
		Command: leaseCommand + " --set lease-clock=monotonic",
		Outcome: "valid 3 of 3 (seeds 1 to 3)",
		Found:   "Leases by the monotonic clock held under the same faults: 6 or 7 partitions and 7 or 8 strobes in each run, all of which bit.",
	},
	{
		Command: "faultline run --target raft --on docker --workload register --nemesis clock --nodes 3 --time 30s --seed 1",
		Outcome: "valid",
		Found:   "Reads by index need no clock: 4 of 4 clock faults bit, the largest of them 137.862 s as the node's process read it, and nothing was found wrong.",
	},
}

const leaseCommand = "faultline run --target raft --on docker --workload register --nodes 3 --time 40s --interval 3s --seed 1 --model linearizable --nemesis partition,clock --set partition=leader --set clock=strobe --set clock-nodes=leader --set clock-offset=-30s --set reads=lease"
