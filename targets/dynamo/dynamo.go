// Package dynamo is the glue that makes the leaderless reference store of
// targets/embedded/dynamo a target: its options, what it promises with them, its planted
// bugs, and a client.
package dynamo

import (
	"fmt"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/dynamo"
	"github.com/faultline-dev/faultline/targets/reference"
)

// Target is the store as the registry knows it.
var Target = cluster.Target{
	Name:   "dynamo",
	Family: cluster.Leaderless,
	Doc:    "reference store after Dynamo: consistent hashing, sloppy quorums, hinted handoff, last write wins, or siblings; or linearizable by two phases",
	Options: []cluster.Option{
		{
			Name: "mode", Default: string(dynamo.LastWriteWins), Values: []string{string(dynamo.LastWriteWins), string(dynamo.Siblings), string(dynamo.Atomic)},
			Doc: "lww: Dynamo's quorums, the last write by wall clock wins; siblings: the same, but what was written side by side stays side by side; abd: linearizable, by two phases over a majority of a key's homes",
		},
		{Name: "n", Default: "3", Doc: "homes of a key", Check: cluster.IsInt(1, 100)},
		{Name: "r", Default: "2", Doc: "replicas that a read waits for (not in mode abd)", Check: cluster.IsInt(1, 100)},
		{Name: "w", Default: "2", Doc: "replicas that a write waits for (not in mode abd)", Check: cluster.IsInt(1, 100)},
		{
			Name: "quorum", Default: sloppy, Values: []string{sloppy, strict},
			Doc: "sloppy: other nodes stand in for homes that are down; strict: they do not (mode abd is always strict)",
		},
		{Name: "vnodes", Default: "16", Doc: "virtual nodes: places on the ring that each node takes", Check: cluster.IsInt(1, 1024)},
		{Name: "anti-entropy", Default: "true", Values: []string{"true", "false"}, Doc: "homes compare their keys every second, by Merkle trees"},
		{Name: "grace", Default: "1h", Doc: "how long a tombstone is kept: for longer than any node may be away (mode siblings)", Check: cluster.IsDuration(time.Millisecond, 1000*time.Hour)},
	},
	Bugs:      bugs,
	Rows:      rows,
	Data:      []string{"register", "set", "bag"},
	Needs:     []cluster.Need{{Data: "bag", Option: "mode", Value: string(dynamo.Siblings)}},
	Promises:  promises,
	Records:   records,
	Reference: &cluster.Reference{System: system, Client: newClient},
}

const (
	sloppy = "sloppy"
	strict = "strict"
)

// system makes the node side.
func system(o cluster.Options) (node.System, error) {
	c := config(o)
	if c.Mode != dynamo.Atomic && (c.R > c.N || c.W > c.N) {
		return node.System{}, fmt.Errorf("options r=%d, w=%d: only n=%d replicas could answer", c.R, c.W, c.N)
	}
	bug, err := reference.Bug(o, bugs)
	if err != nil {
		return node.System{}, err
	}
	c.Bug = dynamo.Bug(bug)
	return dynamo.New(c)
}

func config(o cluster.Options) dynamo.Config {
	return dynamo.Config{
		Mode: dynamo.Mode(o["mode"]), N: o.Int("n"), R: o.Int("r"), W: o.Int("w"),
		Strict: o["quorum"] == strict, VirtualNodes: o.Int("vnodes"),
		AntiEntropy: o.Bool("anti-entropy"), Grace: o.Duration("grace"),
	}
}

// promises follow from the options.
func promises(o cluster.Options) []cluster.Promise {
	if o["mode"] == string(dynamo.Atomic) {
		const quote = "Any wait-free algorithm based on atomic, single-writer multi-reader registers can be automatically emulated in message-passing systems, provided that at least a majority of the processors are not faulty and remain connected."
		const source = "Attiya, Bar-Noy, Dolev: Sharing Memory Robustly in Message-Passing Systems. JACM 42(1), 1995, abstract"
		return []cluster.Promise{
			{Data: "register", Model: model.Linearizable, Quote: quote, Source: source},
			{Data: "set", Model: model.Linearizable, Quote: quote, Source: source},
		}
	}
	if c := config(o); c.Mode == dynamo.Siblings {
		return siblingPromises(c)
	}
	p := []cluster.Promise{{
		Data: "register", Model: model.Eventual,
		Quote:  "Dynamo provides eventual consistency, which allows for updates to be propagated to all replicas asynchronously.",
		Source: "DeCandia and others: Dynamo: Amazon's Highly Available Key-value Store. SOSP 2007, section 4.4",
	}}
	if c := config(o); c.R+c.W > c.N {
		// With smaller quorums a read may miss all that hold an element until another
		// read has repaired the replicas.
		p = append(p, cluster.Promise{
			Data: "set", Model: model.Eventual,
			Quote:  "Using this reconciliation mechanism, an \"add to cart\" operation is never lost.",
			Source: "DeCandia and others: Dynamo: Amazon's Highly Available Key-value Store. SOSP 2007, section 4.4",
		})
	}
	return p
}

// siblingPromises: no acknowledged write is lost. A read whose quorum need not meet that of
// a write may miss it until the replicas are repaired.
func siblingPromises(c dynamo.Config) []cluster.Promise {
	const source = "DeCandia and others: Dynamo: Amazon's Highly Available Key-value Store. SOSP 2007, section 4.4"
	p := []cluster.Promise{{
		Data: "register", Model: model.NoLostWrite,
		Quote:  "In order to provide this kind of guarantee, Dynamo treats the result of each modification as a new and immutable version of the data. It allows for multiple versions of an object to be present in the system at the same time.",
		Source: source,
	}}
	if c.R+c.W > c.N {
		p = append(p, reference.Same(cluster.Promise{
			Model: model.Eventual, Source: source,
			Quote: "Using this reconciliation mechanism, an \"add to cart\" operation is never lost.",
		}, "set", "bag")...)
	}
	return p
}

// records say what came of runs in containers.
var records = []cluster.Record{
	{
		Command: "faultline run --target dynamo --on docker --nodes 3 --time 20s --runs 5 --workload register --set mode=abd --nemesis partition,kill,pause",
		Outcome: "valid 5 of 5",
		Found:   "1,367 to 4,332 operations succeeded in a run.",
	},
	{
		Command: "faultline run --target dynamo --on docker --nodes 3 --time 20s --runs 5 --workload register --set mode=siblings --model no-lost-write --nemesis partition,kill,pause",
		Outcome: "valid 5 of 5",
		Found:   "2,756 to 8,096 operations succeeded in a run.",
	},
	{
		Command: "faultline run --target dynamo --on docker --nodes 3 --time 20s --runs 5 --workload register --model linearizable --nemesis partition",
		Outcome: "invalid 5 of 5",
		Found:   "nonlinearizable: on key 0, process 0 read 17 at 1.941 s, though it had itself read 18, right before that read began; and process 2's write of 17 had been acknowledged right before process 2's read of 18 began.",
	},
}
