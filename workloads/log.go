package workloads

import (
	"context"
	"errors"
	"fmt"

	"github.com/faultline-dev/faultline/checkers"
	logchecker "github.com/faultline-dev/faultline/checkers/log"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

// Operations of the log workload.
const (
	opSend = "send"
	opPoll = "poll"
)

// logs sends unique values to a few logs, polls each of them from where the thread stopped
// last, and after healing reads every log from its beginning in every thread: what was
// acknowledged, or polled once, must still stand where it stood.
var logs = Workload{
	Name:   "log",
	Doc:    "a few logs: send unique values, poll by offset, read all after healing; no acknowledged value lost, doubled or reordered",
	Data:   "log",
	Models: []model.Model{model.ExactlyOnce, model.AtLeastOnce, model.Linearizable},
	Options: []cluster.Option{
		{Name: "keys", Default: "4", Doc: "logs", Check: cluster.IsInt(1, 1000)},
		{Name: "batch", Default: "200", Doc: "entries that a poll returns at most", Check: cluster.IsInt(1, 100000)},
		{Name: "pace", Default: "5", Doc: "milliseconds between operations on average, over all threads: the logs must stay short enough to be read by all", Check: cluster.IsInt(0, 60000)},
	},
	Page:  logPage,
	Build: buildLog,
}

func buildLog(c Config) Instance {
	keys := c.Options.Int("keys")
	main := generator.Generator(&logOps{rand: generator.NewRand(c.Seed, "workload/log"), keys: int64(keys)})
	if ms := c.Options.Int("pace"); ms > 0 {
		main = generator.Stagger(int64(ms)*1e6, generator.NewRand(c.Seed, "workload/log/pace"), main)
	}
	return Instance{
		Main:  main,
		Final: generator.EachThread(&logFinal{keys: int64(keys)}),
		Calls: logCalls{base: c.Base, batch: c.Options.Int("batch")},
		Kinds: []string{opSend, opPoll},
		Checkers: []checkers.Checker{logchecker.New(logchecker.Options{
			Duplicates: c.Model == model.AtLeastOnce, Linearizable: c.Model == model.Linearizable,
		})},
	}
}

// logOps sends 1, 2, 3, ... to logs drawn at random, and polls them as often. A thread goes
// on polling where it stopped, also as a new process: consumers commit where they are.
type logOps struct {
	rand generator.Rand
	keys int64
	sent int64
	at   [][]int64 // by thread and log: the offset to poll from
}

// Op implements generator.Generator.
func (g *logOps) Op(ctx *generator.Context) (generator.Op, generator.Status, generator.Generator) {
	n := *g
	thread := drawThread(ctx, &n.rand)
	if thread == generator.AnyThread {
		return generator.Op{}, generator.Pending, g
	}
	op := generator.Op{Thread: thread, Key: n.rand.Int64N(n.keys), Keyed: true}
	if n.rand.IntN(2) == 0 {
		n.sent++
		op.F, op.Value = opSend, history.Int(n.sent)
		return op, generator.Ready, &n
	}
	op.F, op.Value = opPoll, history.Int(0)
	if thread < len(n.at) && n.at[thread] != nil {
		op.Value.A = n.at[thread][op.Key]
	}
	return op, generator.Ready, &n
}

// drawThread draws one of the free threads.
func drawThread(ctx *generator.Context, r *generator.Rand) int {
	free := ctx.Free()
	if free.Len() == 0 {
		return generator.AnyThread
	}
	chosen, left := generator.AnyThread, r.IntN(free.Len())
	free.Each(func(thread int) bool {
		chosen = thread
		left--
		return left >= 0
	})
	return chosen
}

// Update implements generator.Generator: it learns how far a poll came.
func (g *logOps) Update(_ *generator.Context, ev *generator.Event) generator.Generator {
	next, ok := pollEnd(ev.Op)
	if !ok || ev.Thread < 0 || ev.Op.Key < 0 || ev.Op.Key >= g.keys {
		return g
	}
	n := *g
	n.at = append([][]int64(nil), g.at...)
	for len(n.at) <= ev.Thread {
		n.at = append(n.at, nil)
	}
	mine := make([]int64, g.keys)
	copy(mine, n.at[ev.Thread])
	// A poll that goes back is the system's doing; the consumer does not follow it, or it
	// would read the same stretch for ever.
	mine[ev.Op.Key] = max(mine[ev.Op.Key], next)
	n.at[ev.Thread] = mine
	return &n
}

// pollEnd is where a poll that returned something ended: one past its last offset.
func pollEnd(op *history.Op) (int64, bool) {
	if op.Type != history.OK || op.F != opPoll {
		return 0, false
	}
	ns := op.Value.Ints()
	if len(ns) < 2 {
		return 0, false
	}
	return ns[len(ns)-2] + 1, true
}

// The end of a log is where three polls in a row find nothing; see package log. Waiting
// between them gives consumers that are slow to connect their chance.
const (
	emptyPolls = 3
	emptyPause = int64(200e6)
)

// logFinal is one thread's final reading: each log from its beginning to its end.
type logFinal struct {
	keys, key, at int64
	empty         int
	due           int64 // when to poll next, 0: now
}

// Op implements generator.Generator.
func (g *logFinal) Op(*generator.Context) (generator.Op, generator.Status, generator.Generator) {
	if g.key == g.keys {
		return generator.Op{}, generator.Done, g
	}
	return generator.Op{Thread: generator.AnyThread, Time: g.due, F: opPoll, Key: g.key, Keyed: true, Value: history.Int(g.at)}, generator.Ready, g
}

// Update implements generator.Generator.
func (g *logFinal) Update(_ *generator.Context, ev *generator.Event) generator.Generator {
	if ev.Op.Type == history.Invoke || ev.Op.F != opPoll || ev.Op.Key != g.key {
		return g
	}
	n := *g
	switch next, some := pollEnd(ev.Op); {
	case some:
		n.at, n.empty, n.due = max(next, g.at), 0, 0
		if next > g.at {
			return &n
		}
		// A poll that does not get on must not do so for ever.
		n.empty, n.due = g.empty+1, ev.Op.Time+emptyPause
	case ev.Op.Type == history.OK:
		n.empty, n.due = g.empty+1, ev.Op.Time+emptyPause
	default:
		// It failed. A new process begins to count anew, for the checker does so too.
		n.empty, n.due = 0, ev.Op.Time+emptyPause
	}
	if n.empty == emptyPolls {
		n.key, n.at, n.empty, n.due = g.key+1, 0, 0, 0
	}
	return &n
}

// logCalls carries the operations out.
type logCalls struct {
	base  int64
	batch int
}

func (logCalls) Supports(conn cluster.Conn) error {
	if _, ok := conn.(cluster.Log); !ok {
		return errors.New("the target's connections are no logs")
	}
	return nil
}

func (logCalls) Probe(context.Context, cluster.Conn) []string { return nil }

func (logCalls) Mutates(f string) bool { return f == opSend }

func (c logCalls) Call(ctx context.Context, conn cluster.Conn, op *history.Op) (history.Value, error) {
	l := conn.(cluster.Log)
	switch op.F {
	case opSend:
		offset, err := l.Send(ctx, c.base+op.Key, op.Value.A)
		if err != nil {
			return op.Value, err
		}
		return history.List([]int64{offset, op.Value.A}), nil
	case opPoll:
		entries, err := l.Poll(ctx, c.base+op.Key, op.Value.A, c.batch)
		if err != nil {
			return op.Value, err
		}
		flat := make([]int64, 0, 2*len(entries))
		for _, e := range entries {
			flat = append(flat, e.Offset, e.Value)
		}
		return history.List(flat), nil
	}
	return history.Nil, cluster.Definite(fmt.Errorf("the log workload knows no operation %q", op.F))
}
