// Package sim is a deterministic world: nodes, their network, disks and clocks, and the
// tasks of the harness that talk to them, all under virtual time.
//
// The one idea: everything that happens is an event in one queue, ordered by its virtual
// time and then by its making, and everything random is drawn from streams that the seed
// fixes. So the same seed gives the same run to the byte, and a simulated minute takes as
// long as its events do. Blocking code of the harness (clients, nemeses, the interpreter)
// runs as coroutines that give way while they wait.
//
// Start with World and Config; host.go holds a node's life, network.go what lies between
// the nodes, disk.go and clock.go what a node stands on, task.go the coroutines.
package sim

import (
	"hash/fnv"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/harness/runtime"
)

// Config is what a world is made from. The zero value of a latency means its default.
type Config struct {
	Seed   uint64
	Nodes  []node.ID
	System node.System

	Link   Latency // of a packet from node to node; default 1 to 10 ms
	Client Latency // of a packet between a client and a node; default 0.2 to 1 ms
	Sync   Latency // of a disk's sync; default 0.2 to 2 ms
	Drift  float64 // nodes' oscillators are wrong by at most this part; default 100 ppm

	// Note takes telemetry: who leads, node starts and ends. nil discards.
	Note func(history.Event)
	// Log returns where a node's log goes; nil discards.
	Log func(node.ID) io.Writer
}

// Latency is a distribution: never under Min nor over Max, and mostly near Min with a
// tail, as networks and disks are.
type Latency struct{ Min, Max time.Duration }

func (l Latency) draw(r *rand.Rand) int64 {
	u := r.Float64()
	return int64(l.Min) + int64(float64(l.Max-l.Min)*u*u*u)
}

func (l Latency) or(d Latency) Latency {
	if l == (Latency{}) {
		return d
	}
	return l
}

// The defaults.
var (
	defaultLink   = Latency{time.Millisecond, 10 * time.Millisecond}
	defaultClient = Latency{200 * time.Microsecond, time.Millisecond}
	defaultSync   = Latency{200 * time.Microsecond, 2 * time.Millisecond}
)

const defaultDrift = 100e-6

// World is the simulated world. It is a runtime.Runtime for the harness and holds the
// nodes. Nothing in it may be used from outside its tasks while it runs.
type World struct {
	config  Config
	now     int64
	seq     uint64
	events  schedule
	tasks   tasks
	hosts   []*host
	network network
}

var _ runtime.Runtime = (*World)(nil)

// New makes a world whose nodes are all down.
func New(c Config) *World {
	c.Link, c.Client, c.Sync = c.Link.or(defaultLink), c.Client.or(defaultClient), c.Sync.or(defaultSync)
	if c.Drift == 0 {
		c.Drift = defaultDrift
	}
	if c.Note == nil {
		c.Note = func(history.Event) {}
	}
	w := &World{config: c}
	w.network = newNetwork(len(c.Nodes), w.stream("network"))
	for i, id := range c.Nodes {
		w.hosts = append(w.hosts, newHost(w, i, id))
	}
	return w
}

// stream is a named source of random numbers: what one part of the world draws does not
// shift what another one gets.
func (w *World) stream(name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = io.WriteString(h, strconv.FormatUint(w.config.Seed, 10)+"/sim/"+name)
	return rand.New(rand.NewPCG(w.config.Seed, h.Sum64()))
}

// Now implements runtime.Runtime.
func (w *World) Now() time.Duration { return time.Duration(w.now) }

// Virtual implements runtime.Runtime.
func (w *World) Virtual() bool { return true }

// plan lets something happen at a time; never in the past.
func (w *World) plan(t int64, what action) {
	w.seq++
	w.events.push(event{max(t, w.now), w.seq, what})
}

// at lets do happen at a time.
func (w *World) at(t int64, do func()) { w.plan(t, call(do)) }

// after lets do happen after a while.
func (w *World) after(d int64, do func()) { w.at(w.now+d, do) }

// host finds a node by its name; nil if there is none.
func (w *World) host(id node.ID) *host {
	for _, h := range w.hosts {
		if h.id == id {
			return h
		}
	}
	return nil
}
