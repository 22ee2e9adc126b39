package faultline

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-dev/faultline/harness"
	"github.com/faultline-dev/faultline/harness/cluster"
	hruntime "github.com/faultline-dev/faultline/harness/runtime"
	"github.com/faultline-dev/faultline/harness/store"
)

// benchRecord measures how many operations a second the harness itself can drive and write
// down: the register workload over connections that do nothing, under the wall clock.
func (a *app) benchRecord() *cobra.Command {
	var ops, runs, procs int
	cmd := &cobra.Command{
		Use:   "record",
		Short: "Operations a second that the harness drives and writes down",
		Args:  cobra.NoArgs,
	}
	cmd.Flags().IntVar(&ops, "ops", 3_000_000, "operations of a run")
	cmd.Flags().IntVar(&runs, "runs", 5, "runs, of which the median counts")
	cmd.Flags().IntVar(&procs, "procs", 2, "cores to use")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if ops < 1 || ops > 1e9 || runs < 1 || runs > 1000 || procs < 1 {
			return badInput(fmt.Errorf("--ops, --runs and --procs must be positive, and not beyond 1e9, 1000 and the machine"))
		}
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		fmt.Fprintf(a.out, "register workload, 64 processes, no-op connection, deadlines live, history on disk; %d cores\n\n", procs)
		fmt.Fprintf(a.out, "| completed | seconds | ops/s | peak memory growth an op | file bytes an op |\n|---|---|---|---|---|\n")
		var rates, bytes []float64
		for range runs {
			m, err := recordOnce(cmd.Context(), a.registry, ops)
			if err != nil {
				return crash(err)
			}
			rate, grown := float64(m.completed)/m.took.Seconds(), float64(m.grown)/float64(m.completed)
			rates, bytes = append(rates, rate), append(bytes, grown)
			fmt.Fprintf(a.out, "| %d | %.2f | %.0f | %.0f B | %.1f |\n", m.completed, m.took.Seconds(), rate, grown, float64(m.file)/float64(m.completed))
		}
		fmt.Fprintf(a.out, "\nmedian: %.0f operations/s, %.0f B an operation\n", median(rates), median(bytes))
		return nil
	}
	return cmd
}

type recordMeasure struct {
	completed   int
	took        time.Duration
	grown, file int64
}

func recordOnce(ctx context.Context, r *registry, ops int) (recordMeasure, error) {
	var m recordMeasure
	load, err := r.workload("register")
	if err != nil {
		return m, err
	}
	options, err := cluster.Resolve(load.Options, nil)
	if err != nil {
		return m, err
	}
	root, err := os.MkdirTemp("", "faultline-bench-")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(root)
	run, err := store.Create(root, "record", 1, time.Now())
	if err != nil {
		return m, err
	}
	t := harness.Test{
		Target: nothing, World: nowhere, Workload: load, WorkloadOptions: options, Model: load.Models[0],
		Nodes: []string{"n1"}, Concurrency: 64, Ops: ops, Seed: 1, Run: run,
	}
	debug.FreeOSMemory() // what an earlier run left must not hide what this one takes
	peak := watchHeap()
	began := time.Now()
	h, _, err := harness.Record(ctx, t)
	m.took = time.Since(began)
	m.grown = peak()
	if err != nil {
		return m, err
	}
	m.completed = harness.Summarise(h, nil, t.Config).Counts.OK
	if stat, err := os.Stat(run.Path(store.HistoryFile)); err == nil {
		m.file = stat.Size()
	}
	return m, nil
}

// watchHeap starts to sample the memory that the Go runtime holds and returns a function
// that stops and tells by how much it grew at its peak.
func watchHeap() func() int64 {
	held := func() int64 {
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return int64(s.Sys - s.HeapReleased)
	}
	before, peak := held(), int64(0)
	quit := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				peak = max(peak, held())
			}
		}
	})
	return func() int64 {
		close(quit)
		ended.Wait()
		return max(peak, held()) - before
	}
}

// nothing is a target that answers at once and holds nothing.
const nowhere cluster.World = "nowhere"

var nothing = cluster.Target{
	Name: "nothing",
	Data: []string{"register"},
	Open: map[cluster.World]cluster.Opener{
		nowhere: func(context.Context, cluster.Spec) (cluster.Cluster, error) {
			return noCluster{hruntime.NewWall()}, nil
		},
	},
}

type noCluster struct{ rt hruntime.Runtime }

func (c noCluster) Runtime() hruntime.Runtime                           { return c.rt }
func (noCluster) Nodes() []string                                       { return []string{"n1"} }
func (noCluster) Start(context.Context) error                           { return nil }
func (noCluster) Close(context.Context) error                           { return nil }
func (noCluster) Connect(context.Context, string) (cluster.Conn, error) { return noConn{}, nil }

type noConn struct{}

func (noConn) Close() error                                             { return nil }
func (noConn) Read(context.Context, int64) (int64, bool, error)         { return 1, true, nil }
func (noConn) Write(context.Context, int64, int64) error                { return nil }
func (noConn) CompareAndSet(context.Context, int64, int64, int64) error { return nil }
