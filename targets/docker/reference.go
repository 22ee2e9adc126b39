package docker

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing/fstest"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/host"
)

const (
	referencePort = "7000"
	referenceData = "/data"
	programPath   = "/faultline"
)

// Reference makes clusters of a reference system: the image holds this very program and
// nothing else, and each container serves a node with it.
func Reference(t cluster.Target) cluster.Opener {
	return func(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
		system, err := t.Reference.System(spec.Options)
		if err != nil {
			return nil, err
		}
		// Whether this program can be started as a node does not depend on the arguments.
		if _, _, err := host.Invocation(ctx, nil); err != nil {
			return nil, err
		}
		s := System{
			Name:  ownName,
			Image: func(ctx context.Context, _ cluster.Options) (Image, error) { return ownImage(ctx) },
			Container: func(n Node, all []Node, o cluster.Options) Container {
				peers := make([]host.Peer, len(all))
				for i, p := range all {
					peers[i] = host.Peer{ID: node.ID(p.Name), Addr: referenceAddr(p)}
				}
				args, env, _ := host.Invocation(ctx, host.Args(t.Name, o, node.ID(n.Name), peers, referenceData, ":"+referencePort))
				return Container{Entrypoint: []string{programPath}, Cmd: args, Env: env, Volumes: []string{referenceData}}
			},
			Connect: func(ctx context.Context, n Node, _ []Node, o cluster.Options) (cluster.Conn, error) {
				c, err := host.Dial(ctx, referenceAddr(n), system.Codec)
				if err != nil {
					return nil, err
				}
				return t.Reference.Client(c, o), nil
			},
		}
		if t.Family == cluster.LeaderBased {
			s.Leads = func(ctx context.Context, n Node, _ cluster.Options) (bool, uint64, error) {
				state, err := host.Status(ctx, referenceAddr(n))
				return state.Leads, state.Term, err
			}
		}
		return Opener(s)(ctx, spec)
	}
}

func referenceAddr(n Node) string { return net.JoinHostPort(n.Addr.String(), referencePort) }

// ownName is that of the image: one program serves all reference systems in it.
const ownName = "reference"

const ownDockerfile = "FROM scratch\nCOPY faultline " + programPath + "\n"

// own is the image of this program once it was made: a program does not change while it
// runs, and a campaign opens many clusters.
var own struct {
	sync.Mutex
	context fstest.MapFS
}

func ownImage(ctx context.Context) (Image, error) {
	own.Lock()
	defer own.Unlock()
	if own.context == nil {
		program, err := host.Program(ctx)
		if err != nil {
			return Image{}, fmt.Errorf("make a program for containers: %w", err)
		}
		own.context = fstest.MapFS{
			"Dockerfile": {Data: []byte(ownDockerfile), Mode: 0o644},
			"faultline":  {Data: program, Mode: 0o755},
		}
	}
	return Image{Context: own.context}, nil
}
