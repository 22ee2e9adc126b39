// Package cassandra tests Apache Cassandra, the leaderless store after Dynamo, in containers.
//
// The one idea: the clock that decides which write wins is the coordinator's, not the
// client's. Drivers stamp writes with the client's clock by default, which hides what the
// nodes' clocks do; here the node that a client is pinned to stamps them, as it does for
// every client that leaves it to the server. Start with Target.
package cassandra

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"math/big"
	"regexp"
	"strings"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/targets/docker"
)

// latest is the version tested when none is asked for.
const latest = "5.0.9"

// Options that are asked for in several places.
const (
	consistency = "consistency"
	lwt         = "lwt"
	timestamps  = "timestamps"
	server      = "server"
	heap        = "heap"
)

// Target is Cassandra as the registry knows it.
var Target = cluster.Target{
	Name:      "cassandra",
	Family:    cluster.Leaderless,
	Doc:       "Apache Cassandra: a ring without leaders, quorums, last write wins; or lightweight transactions by Paxos",
	Versioned: true,
	Options: []cluster.Option{
		{Name: "version", Default: latest, Doc: "which Cassandra, of 5.x; also after an @", Check: checkVersion},
		{Name: consistency, Default: "quorum", Values: []string{"one", "quorum", "all"}, Doc: "replicas that a read or a write waits for"},
		{Name: lwt, Default: "false", Values: []string{"false", "true"}, Doc: "write by lightweight transactions and read at SERIAL; without it there is no compare-and-set"},
		{Name: timestamps, Default: server, Values: []string{server, "client"}, Doc: "whose clock stamps a write: its coordinator's, or the client's, as drivers have it by default"},
		{Name: heap, Default: "256m", Doc: "heap of a node", Check: cluster.IsSize},
	},
	Data:     []string{"register", "set"},
	Promises: promises,
	About:    about,
	Records: []cluster.Record{
		{
			Command: "faultline run --target cassandra --on docker --nodes 3 --workload register --nemesis clock --set clock=bump --set clock-offset=2s --set clock-nodes=one --time 40s --seed 1",
			Outcome: "invalid in the first run",
			Found:   "nonlinearizable: on key 2, process 4 read 30 at 31.064 s, though process 4's write of 32 had been acknowledged right before that read began. The clock of one node at a time was two seconds ahead (4 faults, each read back from the node's process); a later write through another node carries an earlier stamp, and is lost though a quorum acknowledged it. No operation failed.",
		},
		{
			Command: "faultline run --target cassandra --on docker --nodes 3 --workload register --nemesis clock --time 60s --seed 31",
			Outcome: "invalid in 2 of 2 runs (seeds 31 and 32)",
			Found:   "nonlinearizable: on key 0, process 1 read 52 at 37.986 s, though process 0's write of 54 had been acknowledged 78.2 ms before that read began; and process 2's write of 52 had been acknowledged right before process 0's write of 54 began; no operation ever saw 54. Clocks jumped, flipped and drifted as the nemesis draws it (6 faults, all of which bit); of 8,196 operations none failed.",
		},
		{
			Command: "faultline run --target cassandra --on docker --nodes 3 --workload register --nemesis partition,clock,kill --set lwt=true --time 60s --seed 11",
			Outcome: "valid in 3 of 3 runs (seeds 11 to 13), on little evidence",
			Found:   "Of 1,771 operations 381 succeeded (24, 325 and 32 a run), and they are linearizable. The kills, which are of all nodes at times, left the cluster without a quorum for long stretches; and once a key had its share of processes in doubt, the few threads left with it were those of a node that was down.",
		},
		{
			Command: "faultline run --target cassandra --on docker --nodes 3 --workload register --nemesis partition,clock,kill --set lwt=true --set kill=one --set partition=one,bridge,one-way --set clock=bump --set clock-offset=2s --set crashes-per-key=60 --interval 8s --time 50s --seed 54",
			Outcome: "valid with seed 54, unknown with seed 51",
			Found:   "With seed 54, 66 of 359 operations succeeded, and they are linearizable; with seed 51 only 4 of 308, none of them a write, which proves nothing. On a machine with two busy cores a killed node took longer to come back than the next fault took to come.",
		},
		{
			Command: "faultline run --target cassandra --on docker --nodes 3 --workload register --nemesis partition,clock,kill --set lwt=true --set kill=one --set crashes-per-key=60 --interval 12s --time 60s --seed 61",
			Outcome: "valid in 5 of 5 runs (seeds 61 to 65)",
			Found:   "6,677 of 8,041 operations succeeded, and they are linearizable, under 15 cuts, 13 clock faults and 15 kills, with turns long enough for a killed node to come back. All but one cut bit.",
		},
		{
			Command: "faultline run --target cassandra --on docker --nodes 3 --workload register --nemesis partition,clock --set lwt=true --set clock=bump --set clock-offset=2s --set crashes-per-key=60 --interval 8s --time 40s --seed 61",
			Outcome: "valid in 2 of 2 runs (seeds 61 and 62)",
			Found:   "2,139 of 2,353 operations succeeded, and they are linearizable, with clocks two seconds ahead (6 faults, each read back from the node's process) and under 5 cuts, which dropped 214 packets: the clocks that make a quorum lose updates did lightweight transactions no harm here.",
		},
	},
	Open: map[cluster.World]cluster.Opener{cluster.Docker: docker.Opener(system)},
}

const about = `Nodes run Cassandra's jars from Maven Central, every one a seed with a token of its own, three replicas
of each row, and a commit log that is synced before a write is acknowledged. A client is pinned to a
node, which coordinates its requests; it sends each of them once. A register is a row, an element of
a set is one too.

With ` + "`lwt=true`" + ` a write is a lightweight transaction that always applies: an update if the row exists,
else an insert if it does not.`

var versions = regexp.MustCompile(`^5\.\d{1,3}\.\d{1,3}$`)

func checkVersion(v string) error {
	if !versions.MatchString(v) {
		return fmt.Errorf("%q is not a version of Cassandra that can be had, such as %s", v, latest)
	}
	return nil
}

const guarantees = "https://cassandra.apache.org/doc/latest/cassandra/architecture/guarantees.html"

// promises are those of Cassandra's documentation.
func promises(o cluster.Options) []cluster.Promise {
	switch {
	case o.Bool(lwt):
		p := cluster.Promise{Model: model.Linearizable, Quote: "The Paxos protocol implements lightweight transactions that are able to handle concurrent operations using linearizable consistency.", Source: guarantees}
		register, set := p, p
		register.Data, set.Data = "register", "set"
		return []cluster.Promise{register, set}
	case o[consistency] == "one":
		return nil // a write may be read only once it has been repaired
	}
	return []cluster.Promise{
		{Data: "register", Model: model.Eventual, Quote: "Eventually consistency implies that all updates reach all replicas eventually.", Source: guarantees},
		{Data: "set", Model: model.Eventual, Quote: "Cassandra guarantees data durability by using replicas.", Source: guarantees},
	}
}

//go:embed image
var embedded embed.FS

const port = 9042

var system = docker.System{
	Name: "cassandra",
	Image: func(_ context.Context, o cluster.Options) (docker.Image, error) {
		files, err := fs.Sub(embedded, "image")
		return docker.Image{Context: files, Args: map[string]string{"VERSION": o["version"]}}, err
	},
	Container: func(n docker.Node, all []docker.Node, o cluster.Options) docker.Container {
		seeds := make([]string, len(all))
		for i, p := range all {
			seeds[i] = p.Addr.String()
		}
		return docker.Container{
			Env: map[string]string{
				"ADDRESS": n.Addr.String(), "SEEDS": strings.Join(seeds, ","),
				"TOKEN": token(n.Index, len(all)), "HEAP": o[heap],
			},
			Volumes: []string{"/data"},
		}
	},
	Ready:   ready,
	Setup:   setup,
	Connect: connect,
}

// token is where the i-th of n nodes begins on the ring, which goes from -2^63 to 2^63 and
// which they share equally.
func token(i, n int) string {
	t := new(big.Int).Lsh(big.NewInt(int64(i-1)), 64)
	t.Div(t, big.NewInt(int64(n)))
	return t.Sub(t, new(big.Int).Lsh(big.NewInt(1), 63)).String()
}
