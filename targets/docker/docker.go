// Package docker runs a cluster in containers: the twin of targets/simulated.
//
// The one idea: whatever a run makes in the engine carries the run's label, and the run
// holds a lock of the same name for as long as it lives. So taking a cluster down is to
// remove what carries the label, also when a start broke off half-way, and Clean removes
// what carries the label of a run whose lock nobody holds any more.
//
//	System (the target's) + cluster.Spec -> Opener -> image, network, containers
//	                                                  |          |         |
//	            faults: cut (nemesis/linux/net, by the container's pid)    kill, pause
//
// Containers have static addresses, at which the host talks to them directly. Start with
// System; cluster.go is a cluster's life, faults.go what can be done to it, events.go how
// a container's own end is noticed, owner_linux.go the lock.
package docker

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// ErrUnavailable means that there is no engine to run containers with, or that this
// machine cannot serve one.
var ErrUnavailable = errors.New("containers are not available")

// System says how a target lives in containers.
type System struct {
	Name string // of the target: part of the names of images
	// Image is what the nodes run; a run with --image uses that one instead.
	Image func(ctx context.Context, o cluster.Options) (Image, error)
	// Container says how one node runs. All nodes are known, with their addresses.
	Container func(n Node, all []Node, o cluster.Options) Container
	// Ready says that a node can take part in Setup. Nil: it is, once a connection to it
	// answers cluster.Probe, which is asked of every node after Setup in any case.
	Ready func(ctx context.Context, n Node, o cluster.Options) error
	// Setup makes what clients need, once all nodes are ready: schemas, topics, the cluster
	// itself. Nil: nothing.
	Setup func(ctx context.Context, all []Node, o cluster.Options) error
	// Connect opens a client's connection to one node, which sees the cluster as that node
	// does.
	Connect func(ctx context.Context, n Node, all []Node, o cluster.Options) (cluster.Conn, error)
	// Leads asks a node whether it believes that it leads, and in which term. Nil: the
	// system has no leader.
	Leads func(ctx context.Context, n Node, o cluster.Options) (leads bool, term uint64, err error)
	// Panics are patterns of lines in a node's log that must never be there.
	Panics []string
}

// Node is a member of the cluster and its address, the same from its peers and from here.
type Node struct {
	Name  string
	Index int // 1, 2, 3, ... in the cluster's order
	Addr  netip.Addr
}

// Image is a build context with a Dockerfile in it, which is built once for each content; or
// the name of an image, which is pulled unless it is there.
type Image struct {
	Context fs.FS
	Args    map[string]string // build arguments
	Name    string            // if there is no Context
}

// Container is how a node runs.
type Container struct {
	Entrypoint []string // nil: the image's
	Cmd        []string
	Env        map[string]string
	Files      map[string][]byte // configuration, by absolute path
	// Volumes are directories kept out of the container's layered file system: the data.
	// They survive a kill and go with the container.
	Volumes []string
}

// Opener makes clusters of a system. Its errors wrap ErrUnavailable if there is no engine.
func Opener(s System) cluster.Opener {
	return func(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
		c, err := open(ctx, s, spec)
		if err != nil {
			return nil, err
		}
		if s.Leads != nil {
			return led{c}, nil
		}
		return c, nil
	}
}
