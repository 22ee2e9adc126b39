// Package harness runs one test: it brings a cluster up, drives it with a workload and
// with nemeses, records what happens, heals, reads once more and has the history judged.
//
// The one idea: a run is the same code in both worlds. Everything that waits goes through
// the cluster's runtime, so a simulated minute takes a moment and a real one a minute.
// Start with Test and Run; interpreter.go is the loop at the heart of it.
package harness

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/store"
	"github.com/faultline-dev/faultline/workloads"
)

// Test is one run, fully resolved. Durations are those of the cluster's world.
type Test struct {
	Target          cluster.Target
	TargetOptions   cluster.Options
	World           cluster.World
	Workload        workloads.Workload
	WorkloadOptions cluster.Options
	Nemeses         []string
	NemesisOptions  cluster.Options
	Interval        time.Duration // mean time between changes of faults; 0: the nemeses' default
	Model           model.Model   // to check; "" means the workload's own
	Nodes           []string
	Concurrency     int           // client threads
	Rate            float64       // operations a second, open loop; 0: as fast as they complete
	Time            time.Duration // of the main phase; 0: until Ops
	Ops             int           // client operations in the main phase; 0: until Time
	OpTimeout       time.Duration // deadline of an operation; 0 means 5 s
	StartLimit      time.Duration // for the cluster to answer, images being there; 0 means 5 min
	Seed            uint64
	Failover        bool // clients move on to another node; otherwise each is pinned to one
	RunID           string
	Image           string
	Memory          int64   // bytes that a node may use, in containers; 0: all there are
	CPUs            float64 // processors likewise
	Pcap            bool    // keep the nodes' packets
	Leave           bool    // leave the cluster running
	Attach          string  // the cluster to use instead of making one; see cluster.Spec
	Budget          checkers.Budget
	Extra           []checkers.Checker // besides the workload's

	Run      *store.Run     // where to keep the run; nil keeps it in memory only
	Config   store.Config   // what test.yaml shall say
	Log      io.Writer      // nil discards
	Progress func(Progress) // called now and then; nil: never
	Stop     *atomic.Bool   // set by Ctrl-C: stop generating, heal, analyse; nil: never
}

// Progress is a glance at a run under way.
type Progress struct {
	Phase  string
	At     time.Duration // since the main phase began, in the run's time
	Of     time.Duration // the main phase's length, 0 if open
	OK     int
	Fail   int
	Info   int
	Faults int // under way
}

// Outcome is what a run gives.
type Outcome struct {
	History *history.History
	Results *store.Results
}

// Defaults.
const (
	DefaultOpTimeout  = 5 * time.Second
	DefaultStartLimit = 5 * time.Minute
	faultLimit        = 2 * time.Minute // of one nemesis operation
	healLimit         = 3 * time.Minute
	settle            = 3 * time.Second // between healing and the final reads
	finalLimit        = 2 * time.Minute // of the final reads
	closeLimit        = 2 * time.Minute
	keepLimit         = time.Minute // for the data of a run that went wrong
)
