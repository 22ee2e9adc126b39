// Package zookeeper tests Apache ZooKeeper, the coordination service on ZAB, in containers.
//
// The one idea: a server answers reads from what it has, so what a client sees depends on
// the server that it is pinned to; the option sync has a client ask its server to catch up
// first. Nothing is sent twice: a request that was under way when the connection broke is
// in doubt, and its process ends (errors.go). Start with Target.
package zookeeper

import (
	"bufio"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"regexp"
	"strconv"
	"strings"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/targets/docker"
)

// latest is the version tested when none is asked for.
const latest = "3.9.5"

const syncReads = "sync"

// Target is ZooKeeper as the registry knows it.
var Target = cluster.Target{
	Name:      "zookeeper",
	Family:    cluster.LeaderBased,
	Doc:       "Apache ZooKeeper: a tree of small nodes on ZAB, whose servers answer reads from what they have",
	Versioned: true,
	Options: []cluster.Option{
		{Name: "version", Default: latest, Doc: "which ZooKeeper, from 3.8 on; also after an @", Check: checkVersion},
		{Name: syncReads, Default: "false", Values: []string{"false", "true"}, Doc: "call sync before every read"},
	},
	Data:     []string{"register", "set", "append", "counter", "lock"},
	Promises: promises,
	About:    about,
	Records: []cluster.Record{{
		Command: "faultline run --target zookeeper --on docker --nodes 3 --workload register --nemesis partition,pause --time 40s --seed 1",
		Outcome: "invalid in the first run",
		Found:   "nonlinearizable: on key 1, process 3 read 33 at 7.692 s, though process 4's compare-and-set of 33 to 36 had been acknowledged 5.23 ms before that read began. ZooKeeper does not promise otherwise: reads without sync are sequentially consistent.",
	}, {
		Command: "faultline run --target zookeeper --on docker --nodes 3 --workload register --nemesis partition,pause --set sync=true --time 40s --seed 1 --runs 5",
		Outcome: "valid 5 of 5",
		Found:   "nothing wrong in 16,103 successful operations. Every one of the 20 partitions and 20 pauses bit.",
	}},
	Open: map[cluster.World]cluster.Opener{cluster.Docker: docker.Opener(system)},
}

const about = `Servers run ZooKeeper's jars from Maven Central, with a tick of one second. A client has a session with
one server alone. A register is a znode; compare-and-set reads it with its version and sets it at that
version; lists and counters are kept so too. An element of a set is a child. A lock is an ephemeral
sequential child that comes first; its fencing token is the transaction that made it.`

var versions = regexp.MustCompile(`^3\.[89]\.\d{1,3}$`)

func checkVersion(v string) error {
	if !versions.MatchString(v) {
		return fmt.Errorf("%q is not a version of ZooKeeper that can be had, such as %s: 3.8 or 3.9", v, latest)
	}
	return nil
}

const guide = "https://zookeeper.apache.org/doc/r3.9.3/zookeeperProgrammers.html#ch_zkGuarantees"

// promises are those of ZooKeeper's documentation.
func promises(o cluster.Options) []cluster.Promise {
	p := cluster.Promise{
		Model: model.Sequential, Source: guide,
		Quote: "Sequential Consistency: Updates from a client will be applied in the order that they were sent. Single System Image: A client will see the same view of the service regardless of the server that it connects to.",
	}
	if o.Bool(syncReads) {
		p.Model = model.Linearizable
		p.Quote = "If it is important that Client A and Client B read the same value, Client B should call the sync() method from the ZooKeeper API method before it performs its read."
	}
	var all []cluster.Promise
	for _, data := range []string{"register", "set", "append", "counter"} {
		p.Data = data
		all = append(all, p)
	}
	return all
}

//go:embed image
var embedded embed.FS

// The ports of every server.
const (
	clientPort   = 2181
	peerPort     = 2888
	electionPort = 3888
)

var system = docker.System{
	Name: "zookeeper",
	Image: func(_ context.Context, o cluster.Options) (docker.Image, error) {
		files, err := fs.Sub(embedded, "image")
		return docker.Image{Context: files, Args: map[string]string{"VERSION": o["version"]}}, err
	},
	Container: func(n docker.Node, all []docker.Node, _ cluster.Options) docker.Container {
		config := []string{
			"tickTime=1000", "initLimit=10", "syncLimit=5", "dataDir=/data", "maxClientCnxns=0",
			fmt.Sprintf("clientPort=%d", clientPort), "admin.enableServer=false", "4lw.commands.whitelist=srvr",
		}
		for _, s := range all {
			config = append(config, fmt.Sprintf("server.%d=%s:%d:%d", s.Index, s.Addr, peerPort, electionPort))
		}
		return docker.Container{
			Env:     map[string]string{"ID": strconv.Itoa(n.Index)},
			Files:   map[string][]byte{"/etc/zoo.cfg": []byte(strings.Join(config, "\n") + "\n")},
			Volumes: []string{"/data"},
		}
	},
	Connect: func(ctx context.Context, n docker.Node, _ []docker.Node, o cluster.Options) (cluster.Conn, error) {
		return connect(ctx, endpoint(n), o.Bool(syncReads))
	},
	Leads: leads,
}

func endpoint(n docker.Node) string { return fmt.Sprintf("%s:%d", n.Addr, clientPort) }

// leads asks a server what it is, by the command srvr. The epoch is the upper half of the
// last transaction's number.
func leads(ctx context.Context, n docker.Node, _ cluster.Options) (bool, uint64, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", endpoint(n))
	if err != nil {
		return false, 0, err
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline)
	}
	if _, err := io.WriteString(c, "srvr"); err != nil {
		return false, 0, err
	}
	return parseServer(c)
}

func parseServer(r io.Reader) (bool, uint64, error) {
	mode, epoch := "", uint64(0)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "Mode":
			mode = value
		case "Zxid":
			zxid, err := strconv.ParseUint(strings.TrimPrefix(value, "0x"), 16, 64)
			if err != nil {
				return false, 0, fmt.Errorf("the server names transaction %q", value)
			}
			epoch = zxid >> 32
		}
	}
	if err := lines.Err(); err != nil {
		return false, 0, err
	}
	if mode == "" {
		return false, 0, errors.New("the server serves nobody: it is looking for a leader")
	}
	return mode == "leader" || mode == "standalone", epoch, nil
}
