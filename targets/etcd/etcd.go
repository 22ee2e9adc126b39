// Package etcd tests etcd, the leader-based key-value store on Raft, in containers.
//
// The one idea: what the test sees is etcd's own. Each connection is a client of one
// member and retries nothing that changes data, so that an operation is sent at most once
// and every error is judged by what it says of that one attempt (errors.go). Start with
// Target.
package etcd

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/targets/docker"
)

const (
	linearizable = "linearizable"
	serializable = "serializable"
)

// Target is etcd as the registry knows it.
var Target = cluster.Target{
	Name:      "etcd",
	Family:    cluster.LeaderBased,
	Doc:       "etcd, the key-value store on Raft, of any version from 3.5 on, and some of 3.4: etcd@3.6.16",
	Versioned: true,
	Options: []cluster.Option{
		{Name: "version", Default: latest, Doc: "which etcd: any from 3.5.0 on, or " + strings.Join(old(), ", ") + "; also after an @", Check: checkVersion},
		{
			Name: "reads", Default: linearizable, Values: []string{linearizable, serializable},
			Doc: "linearizable: the member confirms with a quorum that it is up to date; serializable: it answers from what it has",
		},
		{Name: "lease", Default: "2s", Doc: "how long a lock outlives its holder: the time to live of a connection's lease, in whole seconds", Check: cluster.IsDuration(time.Second, time.Hour)},
	},
	Data:     []string{"register", "set", "append", "counter", "lock"},
	Promises: promises,
	About:    about,
	Records:  records,
	Open:     map[cluster.World]cluster.Opener{cluster.Docker: docker.Opener(system)},
}

const guarantees = "https://etcd.io/docs/v3.6/learning/api_guarantees/"

// promises are those of etcd's documentation.
func promises(o cluster.Options) []cluster.Promise {
	p := cluster.Promise{
		Model:  model.Linearizable,
		Quote:  "etcd ensures durability and strict serializability for all KV api calls.",
		Source: guarantees,
	}
	if o["reads"] == serializable {
		p = cluster.Promise{
			Model:  model.Eventual,
			Quote:  "clients can configure a request's consistency mode to serializable, which may access stale data with respect to quorum, but removes the performance penalty of linearized accesses' reliance on live consensus.",
			Source: guarantees,
		}
	}
	all := []cluster.Promise{{
		Data: "lock", Model: model.Fenced,
		Quote: "Actually, the lease mechanism itself doesn't guarantee mutual exclusion. Owning a lease cannot guarantee the owner holds a lock of the resource. [...] " +
			"The authors interpret that fencing token is revision number in the case of etcd.",
		Source: "https://etcd.io/docs/v3.5/learning/why/#notes-on-the-usage-of-lock-and-lease",
	}}
	for _, data := range []string{"counter", "append", "set", "register"} {
		p.Data = data
		all = append(all, p)
	}
	slices.Reverse(all)
	return all
}

//go:embed image
var embedded embed.FS

// The ports of every member.
const (
	clientPort = 2379
	peerPort   = 2380
)

var system = docker.System{
	Name: "etcd",
	Image: func(_ context.Context, o cluster.Options) (docker.Image, error) {
		files, err := fs.Sub(embedded, "image")
		module, main := source(o["version"])
		return docker.Image{Context: files, Args: map[string]string{"MODULE": module, "MAIN": main}}, err
	},
	Container: func(n docker.Node, all []docker.Node, _ cluster.Options) docker.Container {
		return docker.Container{Cmd: flags(n, all), Volumes: []string{"/data"}}
	},
	Connect: func(ctx context.Context, n docker.Node, _ []docker.Node, o cluster.Options) (cluster.Conn, error) {
		return connect(ctx, endpoint(n), o)
	},
	Leads: func(ctx context.Context, n docker.Node, _ cluster.Options) (bool, uint64, error) {
		return leads(ctx, endpoint(n))
	},
}

// flags are those of a member. A restarted one finds its data, and etcd then ignores what
// the flags say of the cluster.
func flags(n docker.Node, all []docker.Node) []string {
	members := make([]string, len(all))
	for i, m := range all {
		members[i] = fmt.Sprintf("%s=http://%s:%d", m.Name, m.Addr, peerPort)
	}
	client := fmt.Sprintf("http://%s:%d", n.Addr, clientPort)
	peer := fmt.Sprintf("http://%s:%d", n.Addr, peerPort)
	return []string{
		"--name=" + n.Name, "--data-dir=/data/etcd", "--logger=zap", "--log-outputs=stderr",
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=" + strings.Join(members, ","), "--initial-cluster-state=new",
	}
}

func endpoint(n docker.Node) string { return fmt.Sprintf("%s:%d", n.Addr, clientPort) }
