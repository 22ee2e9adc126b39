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
	"regexp"
	"strings"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/targets/docker"
)

// latest is the version tested when none is asked for.
const latest = "3.6.16"

const (
	linearizable = "linearizable"
	serializable = "serializable"
)

// Target is etcd as the registry knows it.
var Target = cluster.Target{
	Name:      "etcd",
	Family:    cluster.LeaderBased,
	Doc:       "etcd, the key-value store on Raft, of any version from 3.5 on: etcd@3.6.16",
	Versioned: true,
	Options: []cluster.Option{
		{Name: "version", Default: latest, Doc: "which etcd, from 3.5.0 on; also after an @", Check: checkVersion},
		{
			Name: "reads", Default: linearizable, Values: []string{linearizable, serializable},
			Doc: "linearizable: the member confirms with a quorum that it is up to date; serializable: it answers from what it has",
		},
	},
	Data:     []string{"register", "set"},
	Promises: promises,
	Open:     map[cluster.World]cluster.Opener{cluster.Docker: docker.Opener(system)},
}

var versions = regexp.MustCompile(`^3\.(\d{1,3})\.\d{1,3}(-[a-z0-9.]+)?$`)

func checkVersion(v string) error {
	m := versions.FindStringSubmatch(v)
	if m == nil || len(m[1]) == 1 && m[1] < "5" {
		return fmt.Errorf("%q is not a version of etcd that can be built, such as %s: from 3.5.0 on", v, latest)
	}
	return nil
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
	register, set := p, p
	register.Data, set.Data = "register", "set"
	return []cluster.Promise{register, set}
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
		return docker.Image{Context: files, Args: map[string]string{"VERSION": o["version"]}}, err
	},
	Container: func(n docker.Node, all []docker.Node, _ cluster.Options) docker.Container {
		return docker.Container{Cmd: flags(n, all), Volumes: []string{"/data"}}
	},
	Connect: func(ctx context.Context, n docker.Node, _ []docker.Node, o cluster.Options) (cluster.Conn, error) {
		return connect(ctx, endpoint(n), o["reads"] == serializable)
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
