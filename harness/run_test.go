package harness_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/runtime"
	"github.com/faultline-dev/faultline/harness/store"
	"github.com/faultline-dev/faultline/nemesis"
	"github.com/faultline-dev/faultline/targets/dynamo"
	"github.com/faultline-dev/faultline/targets/simulated"
	"github.com/faultline-dev/faultline/workloads"
)

// simulatedTest is a run of linearizable dynamo in the simulated world.
func simulatedTest(t *testing.T, nemeses ...string) harness.Test {
	t.Helper()
	target := dynamo.Target
	target.Open = map[cluster.World]cluster.Opener{cluster.Sim: simulated.Opener(target.Reference)}
	options := append(target.Options[:len(target.Options):len(target.Options)], cluster.Option{Name: "bug", Default: "none"})
	test := testOf(t, target, nemeses...)
	test.TargetOptions = resolve(t, options, map[string]string{"mode": "abd"})
	return test
}

func testOf(t *testing.T, target cluster.Target, nemeses ...string) harness.Test {
	t.Helper()
	load, err := workloads.Find(workloads.All, "register")
	if err != nil {
		t.Fatal(err)
	}
	var faults []cluster.Option
	for _, name := range nemeses {
		n, err := nemesis.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		faults = append(faults, n.Options...)
	}
	return harness.Test{
		Target: target, World: cluster.Sim, Workload: load, WorkloadOptions: resolve(t, load.Options, nil),
		Nemeses: nemeses, NemesisOptions: resolve(t, faults, nil), Model: model.Linearizable,
		Nodes: []string{"n1", "n2", "n3", "n4", "n5"}, Concurrency: 10, Time: 20 * time.Second, Seed: 1,
	}
}

func resolve(t *testing.T, options []cluster.Option, settings map[string]string) cluster.Options {
	t.Helper()
	o, err := cluster.Resolve(options, settings)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// phases are the names of a history's phases, in order.
func phases(h *history.History) string {
	var names []string
	for _, e := range h.Telemetry() {
		if e.Kind == history.EventPhase {
			names = append(names, e.Name)
		}
	}
	return strings.Join(names, " ")
}

func unhealed(h *history.History) []checkers.Fault {
	var open []checkers.Fault
	for _, f := range checkers.Faults(h) {
		if f.End < 0 {
			open = append(open, f)
		}
	}
	return open
}

func TestARunFromStartToVerdict(t *testing.T) {
	test := simulatedTest(t, "partition", "kill", "pause", "clock", "packet")
	run, err := store.Create(t.TempDir(), "test", 1, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	test.Run = run
	out, err := harness.Run(t.Context(), test)
	if err != nil {
		t.Fatal(err)
	}
	res := out.Results
	if res.Valid != checkers.Valid || res.Counts.OK < 1000 || res.Expected != "valid" {
		t.Errorf("%s, %d ok, expected %s: %s", res.Valid, res.Counts.OK, res.Expected, res.Summary)
	}
	for _, n := range res.Nemeses {
		if n.Bit == 0 || n.Evidence == "" {
			t.Errorf("nemesis without effect: %+v", n)
		}
	}
	if got := phases(out.History); got != "setup main heal" {
		t.Errorf("phases %q", got)
	}
	if open := unhealed(out.History); len(open) > 0 {
		t.Errorf("faults that never ended: %+v", open)
	}
	// What is on disk is what was judged.
	back, info, err := run.History()
	if err != nil || info.Torn {
		t.Fatalf("read back: %v, torn %v", err, info)
	}
	if back.Len() != out.History.Len() || len(back.Telemetry()) != len(out.History.Telemetry()) {
		t.Errorf("%d events and %d notes on disk, %d and %d in memory", back.Len(), len(back.Telemetry()), out.History.Len(), len(out.History.Telemetry()))
	}
	stored, err := run.Results()
	if err != nil || stored.Valid != res.Valid || stored.Counts != res.Counts {
		t.Errorf("results on disk: %+v, %v", stored, err)
	}
	if log, err := os.ReadFile(run.Path("nodes/n1/node.log")); err != nil || len(log) == 0 {
		t.Logf("node log: %d bytes, %v", len(log), err)
	}
}

// Processes whose operation ended in doubt are replaced, and never used again.
func TestProcessesInDoubtAreRetired(t *testing.T) {
	out, err := harness.Run(t.Context(), simulatedTest(t, "kill"))
	if err != nil {
		t.Fatal(err)
	}
	dead := map[int]bool{}
	for i := range out.History.Len() {
		op := out.History.At(i)
		if op.Process < 0 {
			continue
		}
		if dead[op.Process] {
			t.Fatalf("process %d goes on after an operation in doubt: %s", op.Process, op)
		}
		if op.Type == history.Info {
			dead[op.Process] = true
		}
	}
	if len(dead) == 0 {
		t.Error("no operation ended in doubt")
	}
}

// Ctrl-C ends the main phase; what was done is healed and judged all the same.
func TestStopHealsAndJudges(t *testing.T) {
	test := simulatedTest(t, "partition", "kill")
	test.Stop = new(atomic.Bool)
	test.Time = time.Hour
	test.Target.Open = map[cluster.World]cluster.Opener{cluster.Sim: wrap(test.Target.Open[cluster.Sim], func(ops int) {
		if ops == 3000 {
			test.Stop.Store(true)
		}
	})}
	out, err := harness.Run(t.Context(), test)
	if err != nil {
		t.Fatal(err)
	}
	if n := out.Results.Counts.Invoked; n < 2900 || n > 3200 {
		t.Errorf("%d operations, stopped after 3000", n)
	}
	if open := unhealed(out.History); len(open) > 0 || !strings.HasSuffix(phases(out.History), "heal") {
		t.Errorf("phases %q, faults that never ended: %+v", phases(out.History), open)
	}
	if out.Results.Valid == checkers.Invalid {
		t.Error(out.Results.Summary)
	}
}

// The second Ctrl-C cancels the context: the run fails, but faults are undone.
func TestCancelHeals(t *testing.T) {
	test := simulatedTest(t, "partition", "kill", "pause")
	ctx, cancel := context.WithCancelCause(t.Context())
	test.Target.Open = map[cluster.World]cluster.Opener{cluster.Sim: wrap(test.Target.Open[cluster.Sim], func(ops int) {
		if ops == 3000 {
			cancel(errors.New("interrupted"))
		}
	})}
	out, err := harness.Run(ctx, test)
	if err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("error %v", err)
	}
	if out == nil || out.Results.Crash == "" || out.Results.Valid == checkers.Valid {
		t.Fatalf("outcome %+v", out)
	}
	if open := unhealed(out.History); len(open) > 0 {
		t.Errorf("faults that never ended: %+v", open)
	}
}

// A panic under a run is a failure of the harness, with the faults undone.
func TestPanicHeals(t *testing.T) {
	test := simulatedTest(t, "partition")
	healed := false
	inner := test.Target.Open[cluster.Sim]
	test.Target.Open = map[cluster.World]cluster.Opener{cluster.Sim: func(ctx context.Context, s cluster.Spec) (cluster.Cluster, error) {
		cl, err := inner(ctx, s)
		return &explosive{cl, cl.(cluster.Cutter), &healed}, err
	}}
	out, err := harness.Run(t.Context(), test)
	if err == nil || !strings.Contains(err.Error(), "Healthy blew up") {
		t.Errorf("error %v", err)
	}
	if !healed || out == nil || out.Results.Crash == "" {
		t.Errorf("healed %v, outcome %+v", healed, out)
	}
}

// explosive panics in the harness's main task when it is asked for a node's health.
type explosive struct {
	cluster.Cluster
	cluster.Cutter
	healed *bool
}

func (e *explosive) Healthy(context.Context, string) error { panic("Healthy blew up") }
func (e *explosive) Uncut(ctx context.Context) error {
	*e.healed = true
	return e.Cutter.Uncut(ctx)
}

// A fault that cannot be installed on a free victim fails the run.
func TestAFaultThatCannotBeInstalledFailsTheRun(t *testing.T) {
	test := simulatedTest(t, "partition")
	inner := test.Target.Open[cluster.Sim]
	test.Target.Open = map[cluster.World]cluster.Opener{cluster.Sim: func(ctx context.Context, s cluster.Spec) (cluster.Cluster, error) {
		cl, err := inner(ctx, s)
		return uncuttable{cl, cl.(cluster.Cutter)}, err
	}}
	out, err := harness.Run(t.Context(), test)
	if err == nil || !strings.Contains(err.Error(), "no such firewall") || out.Results.Valid == checkers.Valid {
		t.Errorf("error %v", err)
	}
}

type uncuttable struct {
	cluster.Cluster
	cluster.Cutter
}

func (uncuttable) Cut(context.Context, cluster.Grudge) error { return errors.New("no such firewall") }

// wrap counts the operations on a cluster's connections.
func wrap(open cluster.Opener, each func(ops int)) cluster.Opener {
	return func(ctx context.Context, s cluster.Spec) (cluster.Cluster, error) {
		cl, err := open(ctx, s)
		return &counted{full: cl.(full), each: each}, err
	}
}

// full is a cluster with the faults that these tests use.
type full interface {
	cluster.Cluster
	cluster.Cutter
	cluster.Killer
	cluster.Pauser
	cluster.Health
}

type counted struct {
	full
	each func(int)
	ops  int
}

func (c *counted) Connect(ctx context.Context, node string) (cluster.Conn, error) {
	conn, err := c.full.Connect(ctx, node)
	if err != nil {
		return nil, err
	}
	return countedConn{conn.(cluster.Register), conn, c}, nil
}

type countedConn struct {
	cluster.Register
	cluster.Conn
	c *counted
}

func (c countedConn) Write(ctx context.Context, key, value int64) error {
	c.count()
	return c.Register.Write(ctx, key, value)
}

func (c countedConn) Read(ctx context.Context, key int64) (int64, bool, error) {
	c.count()
	return c.Register.Read(ctx, key)
}

func (c countedConn) count() { c.c.ops++; c.c.each(c.c.ops) }

// local is a real-time cluster of one node in this process.
type local struct {
	rt   *runtime.Wall
	conn func() cluster.Conn
}

func localTarget(conn func() cluster.Conn) cluster.Target {
	return cluster.Target{
		Name: "local", Data: []string{"register"},
		Open: map[cluster.World]cluster.Opener{cluster.Sim: func(context.Context, cluster.Spec) (cluster.Cluster, error) {
			return local{runtime.NewWall(), conn}, nil
		}},
	}
}

func (l local) Runtime() runtime.Runtime                              { return l.rt }
func (l local) Nodes() []string                                       { return []string{"n1"} }
func (l local) Start(context.Context) error                           { return nil }
func (l local) Connect(context.Context, string) (cluster.Conn, error) { return l.conn(), nil }
func (l local) Close(context.Context) error                           { return nil }

// broken is a register all of whose operations fail with err.
type broken struct{ err error }

func (broken) Close() error                                               { return nil }
func (b broken) Read(context.Context, int64) (int64, bool, error)         { return 0, false, b.err }
func (b broken) Write(context.Context, int64, int64) error                { return b.err }
func (b broken) CompareAndSet(context.Context, int64, int64, int64) error { return b.err }

func localTest(t *testing.T, conn cluster.Conn) harness.Test {
	test := testOf(t, localTarget(func() cluster.Conn { return conn }))
	test.Nodes, test.Concurrency, test.Time = []string{"n1"}, 2, 0
	test.Ops, test.OpTimeout = 50, 50*time.Millisecond
	return test
}

// Nothing succeeded: that is no proof of anything.
func TestARunWithoutSuccessIsUnknown(t *testing.T) {
	out, err := harness.Run(t.Context(), localTest(t, broken{cluster.Definite(errors.New("no"))}))
	if err != nil {
		t.Fatal(err)
	}
	if out.Results.Valid != checkers.Unknown || !strings.Contains(out.Results.Summary, "none succeeded") {
		t.Errorf("%s: %s", out.Results.Valid, out.Results.Summary)
	}
}

// hanging is a register that ignores its contexts.
type hanging struct {
	broken
	free chan struct{}
}

func (h hanging) Write(context.Context, int64, int64) error { <-h.free; return nil }

// A client that hangs never hangs a run: it is left behind, counted and reported.
func TestHangingClientsAreLeftBehind(t *testing.T) {
	h := hanging{broken{cluster.Definite(errors.New("no"))}, make(chan struct{})}
	defer close(h.free)
	test := localTest(t, h)
	test.Ops = 10
	out, err := harness.Run(t.Context(), test)
	if err != nil {
		t.Fatal(err)
	}
	if out.Results.Counts.Lost == 0 || out.Results.Counts.Info == 0 {
		t.Errorf("counts %+v", out.Results.Counts)
	}
}
