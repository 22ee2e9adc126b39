// Package dynamo is the glue that makes the leaderless reference store of
// targets/embedded/dynamo a target: its options, what it promises with them, its planted
// bugs, and a client.
package dynamo

import (
	"fmt"

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
	Doc:    "reference store after Dynamo: consistent hashing, sloppy quorums, hinted handoff, last write wins; or linearizable by two phases",
	Options: []cluster.Option{
		{
			Name: "mode", Default: string(dynamo.LastWriteWins), Values: []string{string(dynamo.LastWriteWins), string(dynamo.Atomic)},
			Doc: "lww: Dynamo's quorums, the last write by wall clock wins; abd: linearizable, by two phases over a majority of a key's homes",
		},
		{Name: "n", Default: "3", Doc: "homes of a key", Check: cluster.IsInt(1, 100)},
		{Name: "r", Default: "2", Doc: "replicas that a read waits for (mode lww)", Check: cluster.IsInt(1, 100)},
		{Name: "w", Default: "2", Doc: "replicas that a write waits for (mode lww)", Check: cluster.IsInt(1, 100)},
		{
			Name: "quorum", Default: sloppy, Values: []string{sloppy, strict},
			Doc: "sloppy: other nodes stand in for homes that are down; strict: they do not (mode lww; abd is always strict)",
		},
		{Name: "vnodes", Default: "16", Doc: "virtual nodes: places on the ring that each node takes", Check: cluster.IsInt(1, 1024)},
	},
	Bugs:      bugs,
	Rows:      rows,
	Data:      []string{"register", "set"},
	Promises:  promises,
	Reference: &cluster.Reference{System: system, Client: reference.NewClient},
}

const (
	sloppy = "sloppy"
	strict = "strict"
)

// system makes the node side.
func system(o cluster.Options) (node.System, error) {
	c := config(o)
	if c.Mode == dynamo.LastWriteWins && (c.R > c.N || c.W > c.N) {
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
