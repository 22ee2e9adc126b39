// Package cluster is what the harness knows of a system under test: its nodes, how to
// talk to it (the data models), how to hurt it (the fault capabilities), what it promises.
//
// The one idea, after database/sql: a target's connection implements the small interfaces
// that it can honour, and a cluster those faults that its world has. Workloads and nemeses
// ask for what they need by type assertion, never for a world by name.
package cluster

import (
	"context"
	"io"

	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/runtime"
)

// Cluster is a running (or about to run) system under test.
type Cluster interface {
	// Runtime is the time in which the cluster lives; the whole run uses it.
	Runtime() runtime.Runtime
	// Nodes are the names of the nodes, in order: n1, n2, ...
	Nodes() []string
	// Start brings the cluster up and returns once every node answers.
	Start(ctx context.Context) error
	// Connect opens a client's connection to one node. It implements the data models
	// that the target honours, see Register and its neighbours.
	Connect(ctx context.Context, node string) (Conn, error)
	// Close takes the cluster down and leaves nothing behind. It is called exactly once,
	// also when Start failed.
	Close(ctx context.Context) error
}

// Conn is a client's connection, used by one process at a time.
type Conn interface{ io.Closer }

// Spec is what a cluster is opened from.
type Spec struct {
	Nodes   []string  // the nodes' names
	Options Options   // the target's options, resolved
	Seed    uint64    // the run's seed
	Faults  []string  // the nemeses that the run will use, so that what they need is prepared
	RunID   string    // unique; containers, networks and processes are labelled with it
	Image   string    // in containers: use this image and build none; "" builds the target's own
	Memory  int64     // in containers: bytes that a node may use; 0: all there are
	CPUs    float64   // in containers: processors that a node may use; 0: all there are
	Pcap    bool      // in containers: keep each node's packets in nodes/<node>/packets.pcap
	Leave   bool      // in containers: Close leaves the cluster running
	Attach  string    // in containers: a cluster that is there already, compose:PROJECT or label:KEY=VALUE; "" makes one
	Dir     string    // the run directory, "" if nothing is to be kept
	Log     io.Writer // the harness's log; never nil
	// Note puts an event on the telemetry track; the harness stamps the time. It may be
	// called from any goroutine.
	Note func(history.Event)
	// Fail ends the run as a failure of the harness, for a reason that is nobody's fault who
	// is being tested: what nodes run on went away. It may be called from any goroutine. Nil:
	// whoever opens the cluster does not care.
	Fail func(error)
}

// Keeper is a cluster whose nodes' data can be kept for a look at it later.
type Keeper interface {
	// Keep copies the data into a directory, as far as a limit allows.
	Keep(ctx context.Context, dir string) error
}

// LeaderTeller is a cluster that can tell who leads. Several may believe that they do.
type LeaderTeller interface {
	Leaders(ctx context.Context) ([]string, error)
}
