package harness

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/runtime"
	"github.com/faultline-dev/faultline/nemesis"
	"github.com/faultline-dev/faultline/workloads"
)

// Run runs a test. The error says that the harness failed (exit code 255); the outcome is
// there all the same if anything was recorded, and its results carry the error. Cancelling
// ctx leaves at once; setting t.Stop ends the main phase.
func Run(ctx context.Context, t Test) (*Outcome, error) {
	r := newRun(ctx, t)
	defer r.cancel(nil)
	failure, err := r.record()
	if err != nil {
		return nil, err
	}
	out, err := r.judge(failure)
	if failure != nil || out != nil && out.Results.Valid == checkers.Invalid {
		r.keep()
	}
	return out, errors.Join(failure, err, r.teardown())
}

// Record runs a test without judging it: what it returns is the history and the question
// that Judge would answer.
func Record(ctx context.Context, t Test) (*history.History, Question, error) {
	r := newRun(ctx, t)
	defer r.cancel(nil)
	failure, err := r.record()
	if err != nil {
		return nil, Question{}, err
	}
	return r.tape.history(), r.question(), errors.Join(failure, r.teardown())
}

// run is a test under way.
type run struct {
	Test
	ctx     context.Context
	cancel  context.CancelCauseFunc
	cl      cluster.Cluster
	rt      runtime.Runtime
	tape    *tape
	nem     *nemesis.Composite
	load    workloads.Instance
	in      *interpreter
	omitted []string
	health  *health
}

func newRun(ctx context.Context, t Test) *run {
	r := &run{Test: t}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	if r.Log == nil {
		r.Log = io.Discard
	}
	if r.Stop == nil {
		r.Stop = new(atomic.Bool)
	}
	if r.OpTimeout == 0 {
		r.OpTimeout = DefaultOpTimeout
	}
	if r.StartLimit == 0 {
		r.StartLimit = DefaultStartLimit
	}
	return r
}

// record is the run's life up to the verdict: every fault is undone on every way out. An
// err means that there was no run; failure, that there was one and the harness failed.
// The cluster still stands then, so that teardown cannot cost the verdict.
func (r *run) record() (failure, err error) {
	if len(r.Nemeses) > 0 {
		r.nem, err = nemesis.Compose(nemesis.Plan{
			Names: r.Nemeses, Options: r.NemesisOptions, Seed: r.Seed, Interval: r.Interval, Time: r.Time,
		})
		if err != nil {
			return nil, err
		}
	}
	if r.tape, err = newTape(r.Run, r.meta()); err != nil {
		return nil, err
	}
	spec := cluster.Spec{
		Nodes: r.Nodes, Options: r.TargetOptions, Seed: r.Seed, Faults: r.Nemeses, RunID: r.RunID, Image: r.Image, Attach: r.Attach,
		Memory: r.Memory, CPUs: r.CPUs, Pcap: r.Pcap, Leave: r.Leave,
		Log: r.Log, Note: r.note, Fail: r.fail,
	}
	if r.Run != nil {
		spec.Dir = r.Run.Dir
	}
	if r.cl, err = r.Target.Open[r.World](r.ctx, spec); err != nil {
		return nil, errors.Join(fmt.Errorf("open target %s: %w", r.Target.Name, err), r.tape.close())
	}
	r.rt = r.cl.Runtime()
	r.tape.clock(r.rt)
	if r.nem != nil {
		if err := r.nem.Bind(r.cl, r.World, r.note); err != nil {
			return nil, errors.Join(err, r.teardown(), r.tape.close())
		}
	}
	r.health = watchHealth(r.rt)
	stop := r.watch()
	failure = r.live()
	stop()
	var lost worldLost
	if errors.As(context.Cause(r.ctx), &lost) { // of which all else that failed is a consequence
		if failure != nil {
			r.logf("%v", failure)
		}
		failure = lost
	}
	for _, e := range r.health.stop() {
		r.note(e)
	}
	return errors.Join(failure, r.tape.close()), nil
}

// worldLost is why a run cannot go on: what its cluster ran on went away.
type worldLost struct{ error }

func (r *run) fail(err error) {
	r.logf("failed: %v", err)
	r.cancel(worldLost{err})
}

// progressEvery is how often Progress is told.
const progressEvery = 300 * time.Millisecond

// watch tells Progress how the run gets on, until the function it returns is called.
func (r *run) watch() func() {
	if r.Progress == nil {
		return func() {}
	}
	quit := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				r.Progress(r.tape.progress(r.Time))
			}
		}
	})
	return func() {
		close(quit)
		ended.Wait()
	}
}

// meta is what the history file says of itself.
func (r *run) meta() map[string]string {
	return map[string]string{
		"target": r.Target.Name, "workload": r.Workload.Name, "on": string(r.World), "seed": fmt.Sprint(r.Seed),
	}
}

// live is the part of the run that takes the cluster's time. A panic in it is a failure
// of the harness, reported after the faults have been undone.
func (r *run) live() (failure error) {
	r.rt.Run(func() {
		defer func() {
			switch p := recover(); p {
			case nil:
			case error(runtime.ErrStorm):
				failure = errors.Join(failure, runtime.ErrStorm)
			default:
				failure = errors.Join(failure, fmt.Errorf("the harness panicked: %v\n%s", p, stack()))
			}
		}()
		defer func() { failure = errors.Join(failure, r.heal()) }()
		failure = r.phases()
	})
	return failure
}

// phases are those of design: start, probe, main, heal, final reads.
func (r *run) phases() error {
	r.phase("setup")
	start, cancel := context.WithTimeoutCause(r.ctx, r.realLimit(r.StartLimit), fmt.Errorf("the cluster did not come up within %s", r.StartLimit))
	defer cancel()
	start, release := r.untilStopped(start)
	err := r.cl.Start(start)
	release()
	if err != nil {
		return fmt.Errorf("start the cluster: %w", cause(start, err))
	}
	if err := r.prepare(start); err != nil {
		return err
	}
	defer r.watchLeaders()()
	r.in = newInterpreter(interpreterConfig{
		Runtime: r.rt, Record: r.tape, Clients: r.Concurrency, Nemesis: r.nem != nil,
		OpTimeout: r.OpTimeout, FaultLimit: faultLimit, Invoker: r.invoker,
		Stop: r.Stop, Context: r.ctx, Log: r.logf, OpLimit: r.Ops, IntendedNow: r.Rate > 0,
	})
	defer r.in.close()

	r.phase("main")
	if err := r.in.run(r.mainGenerator()); err != nil {
		return err
	}
	r.phase("heal")
	if err := r.heal(); err != nil {
		return err
	}
	if r.nem != nil {
		if err := r.nem.Confirm(r.ctx); err != nil {
			return fmt.Errorf("wait for the healed cluster: %w", err)
		}
	}
	if r.load.Final == nil && r.load.FinalOf == nil {
		return nil
	}
	// What is only eventually consistent is given a while to become so.
	if err := r.rt.Sleep(r.ctx, settle); err != nil {
		return err
	}
	final := r.load.Final
	if r.load.FinalOf != nil {
		final = r.load.FinalOf(r.tape.history())
	}
	r.phase("final")
	r.in.Stop, r.in.OpLimit = new(atomic.Bool), 0
	end := int64(r.rt.Now() + finalLimit)
	return r.in.run(generator.Until(end, generator.Clients(final)))
}

// untilStopped ends a context when the run is to stop: what there is to heal and to judge
// begins with the main phase. A virtual world comes up in no time.
func (r *run) untilStopped(ctx context.Context) (stopping context.Context, release func()) {
	if r.rt.Virtual() {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	quit := make(chan struct{})
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for !r.Stop.Load() {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
		}
		cancel(errors.New("it was interrupted before it was up"))
	}()
	return ctx, func() { close(quit) }
}

// prepare finds out what the target offers and builds the workload for it.
func (r *run) prepare(ctx context.Context) error {
	conn, err := r.cl.Connect(ctx, r.Nodes[0])
	if err != nil {
		return fmt.Errorf("connect to %s: %w", r.Nodes[0], err)
	}
	defer conn.Close()
	if r.nem != nil {
		if err := r.nem.Supports(conn, r.World); err != nil {
			return err
		}
	}
	config := workloads.Config{
		Options: r.WorkloadOptions, Seed: r.Seed, Concurrency: r.Concurrency, Model: r.Model, Base: r.base(),
	}
	calls := r.Workload.Build(config).Calls
	if err := calls.Supports(conn); err != nil {
		return fmt.Errorf("workload %s on target %s: %w", r.Workload.Name, r.Target.Name, err)
	}
	limit := r.rt.Now() + r.OpTimeout
	probe := runtime.NewDeadline(ctx, r.startOfTime(), limit)
	r.omitted = calls.Probe(probe, conn)
	config.Omit, config.Sample = r.omitted, conn
	r.load = r.Workload.Build(config)
	return nil
}

// base is where the run's keys begin: at 0, but on a cluster that others have written to
// where hardly anybody has.
func (r *run) base() int64 {
	if r.Attach == "" {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(r.RunID))
	return int64(h.Sum32()>>1) << 32
}

// startOfTime is the run's start by the wall clock, as deadlines want it.
func (r *run) startOfTime() time.Time {
	if r.rt.Virtual() {
		return time.Time{}
	}
	return time.Now().Add(-r.rt.Now())
}

// realLimit is a limit in real time. A virtual world needs none: it cannot wait.
func (r *run) realLimit(d time.Duration) time.Duration {
	if r.rt.Virtual() {
		return 24 * time.Hour
	}
	return d
}

// mainGenerator is the main phase: clients and nemesis side by side, until the time is up.
func (r *run) mainGenerator() generator.Generator {
	clients := r.load.Main
	if r.Rate > 0 {
		clients = generator.Rate(r.Rate, generator.Exponential, r.Seed, clients)
	}
	all := generator.Clients(clients)
	if r.nem != nil {
		all = generator.Any(all, generator.Nemesis(r.nem.Generator(r.rt.Now())))
	}
	if r.Time > 0 {
		all = generator.Until(int64(r.rt.Now()+r.Time), all)
	}
	return all
}

// invoker makes a process.
func (r *run) invoker(thread, process int) invoker {
	if thread == generator.NemesisThread {
		return faulter{r}
	}
	nodes := clientNodes(r.Nodes, thread, process, r.Concurrency, r.Failover)
	r.note(history.Event{Kind: history.EventAssign, N: int64(process), Node: nodes[0]})
	return &client{cluster: r.cl, calls: r.load.Calls, nodes: nodes, failover: r.Failover}
}

// faulter is the nemesis's invoker.
type faulter struct{ r *run }

func (f faulter) Invoke(ctx context.Context, op, done *history.Op) bool {
	*done = f.r.nem.Invoke(ctx, *op)
	f.r.logf("nemesis %s: %s%s", op.F, done.Value.S, done.Error)
	return false
}

func (faulter) Close() {}

// heal undoes all faults and confirms it. It runs on every way out, also when ctx is
// done, so it has a limit of its own.
func (r *run) heal() error {
	if r.nem == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), r.realLimit(healLimit))
	defer cancel()
	err := r.nem.Heal(ctx)
	return errors.Join(r.nem.Err(), err)
}

// keep keeps the nodes' data of a run that went wrong. Without them the run is worth as much.
func (r *run) keep() {
	k, ok := r.cl.(cluster.Keeper)
	if !ok || r.Run == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), keepLimit)
	defer cancel()
	if err := k.Keep(ctx, r.Run.Dir); err != nil {
		r.logf("keep the nodes' data: %v", err)
	}
}

// teardown takes the cluster down, also after Ctrl-C.
func (r *run) teardown() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), closeLimit)
	defer cancel()
	if err := r.cl.Close(ctx); err != nil {
		return fmt.Errorf("take the cluster down: %w", err)
	}
	return nil
}

func (r *run) note(e history.Event) {
	if err := r.tape.Note(e); err != nil {
		r.logf("telemetry: %v", err)
	}
}

func (r *run) phase(name string) {
	r.tape.phase(name)
	r.note(history.Event{Kind: history.EventPhase, Name: name})
	r.logf("phase %s", name)
}

func (r *run) logf(format string, args ...any) {
	now := time.Duration(0)
	if r.rt != nil {
		now = r.rt.Now()
	}
	fmt.Fprintf(r.Log, "%10.3fs  %s\n", now.Seconds(), fmt.Sprintf(format, args...))
}

// cause prefers a context's cause over the plain error that it led to.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil && !errors.Is(err, c) {
		return fmt.Errorf("%w (%w)", c, err)
	}
	return err
}
