package workloads

import (
	"context"
	"flag"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

// crowd runs a workload on connections that take every call at one moment, one for each
// process, for many threads at a time whose operations overlap; one in so many ends in doubt, of which half
// took place, at once or later.
func crowd(t testing.TB, w Workload, m model.Model, connect func() cluster.Conn, seed uint64, threads int, length time.Duration, doubt int) (*history.History, Instance) {
	t.Helper()
	options, err := cluster.Resolve(w.Options, nil)
	if err != nil {
		t.Fatal(err)
	}
	config := Config{Options: options, Seed: seed, Concurrency: threads, Model: m, Sample: connect()}
	config.Omit = w.Build(config).Calls.Probe(t.Context(), config.Sample)
	load := w.Build(config)
	rand := generator.NewRand(seed, "crowd")
	h, ctx := &history.History{}, generator.NewContext(threads, false)
	type flight struct {
		op            history.Op
		conn          cluster.Conn
		value         history.Value
		err           error
		effect, ret   int64
		busy, applied bool
	}
	flights, conns := make([]flight, threads), make([]cluster.Conn, threads)
	for i := range conns {
		conns[i] = connect()
	}
	var late []flight
	run := func(g generator.Generator, end int64) {
		for ctx.Time < end {
			next := ctx.Time + 1e6
			idle := true
			for i := range flights {
				f := &flights[i]
				if !f.busy {
					continue
				}
				idle = false
				if !f.applied && f.effect <= ctx.Time {
					f.applied = true
					f.value, f.err = load.Calls.Call(context.Background(), f.conn, &f.op)
				}
				if f.ret > ctx.Time {
					continue
				}
				done := f.op
				done.Time, done.Type, done.Value = ctx.Time, history.OK, f.value
				switch {
				case !f.applied:
					done.Type, done.Value, done.Error = history.Info, f.op.Value, "timeout"
					if rand.IntN(2) == 0 {
						late = append(late, *f)
					}
				case f.err != nil && (cluster.IsDefinite(f.err) || !load.Calls.Mutates(f.op.F)):
					done.Type, done.Error = history.Fail, f.err.Error()
				case f.err != nil:
					t.Fatal(f.err)
				}
				h.Append(done)
				ctx.Release(i)
				g = g.Update(ctx, &generator.Event{Thread: i, Op: &done})
				if f.busy = false; done.Type == history.Info {
					ctx.Replace(i, ctx.Process(i)+threads)
					conns[i] = connect()
				}
			}
			if len(late) > 0 && rand.IntN(50) == 0 {
				_, _ = load.Calls.Call(context.Background(), late[0].conn, &late[0].op)
				late = late[1:]
			}
			for {
				op, status, after := g.Op(ctx)
				if status == generator.Done && idle {
					return
				}
				if status != generator.Ready || op.Time > ctx.Time {
					break
				}
				if g = after; op.Kind == generator.KindSleep {
					next = ctx.Time + op.Sleep
					continue
				}
				e := history.Op{Time: ctx.Time, Process: ctx.Process(op.Thread), F: op.F, Key: op.Key, Keyed: op.Keyed, Value: op.Value}
				h.Append(e)
				f := flight{op: e, conn: conns[op.Thread], busy: true, effect: ctx.Time + 1e6*(1+rand.Int64N(8))}
				f.ret = f.effect + 1e6*rand.Int64N(8)
				if load.Calls.Mutates(op.F) && doubt > 0 && rand.IntN(doubt) == 0 {
					f.effect, f.ret = 1<<62, ctx.Time+1e9
				}
				flights[op.Thread] = f
				ctx.Acquire(op.Thread)
				g = g.Update(ctx, &generator.Event{Thread: op.Thread, Op: &e})
			}
			ctx.Time = next
		}
	}
	run(generator.Clients(generator.Until(int64(length), load.Main)), int64(length+5*time.Second))
	if load.FinalOf != nil {
		load.Final = load.FinalOf(h)
	}
	if load.Final != nil {
		h.Note(history.Event{Time: ctx.Time, Kind: history.EventPhase, Name: "final"})
		run(generator.Clients(load.Final), ctx.Time+int64(time.Minute))
	}
	return h, load
}

var crowds = flag.Uint64("crowds", 2, "runs of each workload and model that are valid")

// TestCrowd: a store that takes every call at one moment is found valid against every model
// of every workload, however its operations overlap and end in doubt.
func TestCrowd(t *testing.T) {
	for _, w := range All {
		for _, m := range w.Models {
			t.Run(w.Name+" "+string(m), func(t *testing.T) {
				for seed := uint64(1); seed <= *crowds; seed++ {
					one := newMemory("none")
					h, load := crowd(t, w, m, func() cluster.Conn { return one }, seed, 10, 20*time.Second, 100)
					began := time.Now()
					results := checkers.All(context.Background(), h, checkers.Budget{}, load.Checkers...)
					if v := checkers.Verdict(results); v != checkers.Valid {
						t.Errorf("seed %d: %v: %+v", seed, v, results)
					}
					t.Log(h.Len(), time.Since(began))
				}
			})
		}
	}
}

// TestLostHolders: locks that lost clients hold for ever do not bring the workload to a stop.
func TestLostHolders(t *testing.T) {
	one := newMemory("none")
	h, _ := crowd(t, locks, model.Linearizable, func() cluster.Conn { return one }, 1, 10, time.Minute, 5)
	granted, keys := 0, map[int64]bool{}
	for i := range h.Len() {
		if e := h.At(i); e.F == opAcquire && e.Type == history.OK && e.Time > int64(50*time.Second) {
			granted++
			keys[e.Key] = true
		}
	}
	if granted < 20 || len(keys) < 3 {
		t.Errorf("in the last ten seconds %d grants of %d locks", granted, len(keys))
	}
}
