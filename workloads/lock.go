package workloads

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	lockchecker "github.com/faultline-dev/faultline/checkers/lock"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

// Operations of the lock workload.
const (
	opAcquire = "acquire"
	opRelease = "release"
)

// locks acquires a few locks and gives them back after a while: no two clients may hold one
// at a time, and the fencing tokens of its grants rise.
var locks = Workload{
	Name:   "lock",
	Doc:    "a few locks: acquire, hold, release; one holder at a time (linearizable), or at least rising fencing tokens (fenced)",
	Data:   "lock",
	Models: []model.Model{model.Linearizable, model.Fenced},
	Options: []cluster.Option{
		{Name: "locks", Default: "5", Doc: "locks that the clients share", Check: cluster.IsInt(1, 1000)},
		{Name: "hold", Default: "5000", Doc: "milliseconds that every other holder keeps a lock at most; the others let go within 50", Check: cluster.IsInt(0, 600000)},
		{Name: "pace", Default: "20", Doc: "milliseconds between acquires on average, over all threads", Check: cluster.IsInt(0, 60000)},
	},
	Page:  lockPage,
	Build: buildLock,
}

func buildLock(c Config) Instance {
	return Instance{
		Main: &lockOps{
			rand: generator.NewRand(c.Seed, "workload/lock"), locks: int64(c.Options.Int("locks")),
			hold: int64(c.Options.Int("hold")) * 1e6, pace: int64(c.Options.Int("pace")) * 1e6,
		},
		Calls:    lockCalls{c.Base},
		Kinds:    []string{opAcquire, opRelease},
		Checkers: []checkers.Checker{lockchecker.New(lockchecker.Options{Overlaps: c.Model == model.Fenced})},
	}
}

// lockOps lets threads that hold nothing acquire a lock drawn at random, and those that hold
// one give it back when its time has come.
type lockOps struct {
	rand  generator.Rand
	locks int64
	hold  int64
	pace  int64
	next  int64     // when the next acquire is due
	held  []holding // by thread
	// Where neither a lease nor the end of its connection frees a lock, one that was granted
	// in doubt is held for ever, by nobody. So a lock that stays refused though nobody is
	// known to hold it is given up for a fresh one.
	keys  []int64 // by the number of the lock; nil: its number
	since []int64 // by the number of the lock: since when it has been refused so, 0: it is not
	fresh int64   // the greatest key in use
}

// holding is what a thread holds.
type holding struct {
	held bool
	key  int64
	due  int64 // when to release it
}

// patience is how long a lock may be refused without a known holder: longer than most leases
// last that tests choose, and short enough for a run of a minute to go on.
const patience = int64(3e9)

// shortHold bounds how long every other lock is held.
const shortHold = int64(50e6)

// Op implements generator.Generator.
func (g *lockOps) Op(ctx *generator.Context) (generator.Op, generator.Status, generator.Generator) {
	n := *g
	release, idle := generator.Op{Thread: generator.AnyThread}, []int(nil)
	ctx.Free().Each(func(thread int) bool {
		if h := g.holds(thread); !h.held {
			idle = append(idle, thread)
		} else if release.Thread == generator.AnyThread || h.due < release.Time {
			release = generator.Op{Thread: thread, Time: h.due, F: opRelease, Key: h.key, Keyed: true}
		}
		return true
	})
	if len(idle) == 0 || release.Thread != generator.AnyThread && release.Time <= max(g.next, ctx.Time) {
		if release.Thread == generator.AnyThread {
			return generator.Op{}, generator.Pending, g
		}
		return release, generator.Ready, g
	}
	op := generator.Op{Thread: idle[n.rand.IntN(len(idle))], Time: max(g.next, ctx.Time), F: opAcquire, Key: g.key(n.rand.Int64N(g.locks)), Keyed: true}
	n.next = op.Time + n.rand.Int64N(2*g.pace+1)
	return op, generator.Ready, &n
}

// key is the key of a lock by its number.
func (g *lockOps) key(number int64) int64 {
	if g.keys == nil {
		return number
	}
	return g.keys[number]
}

// refused learns that a lock was refused, and gives it up after a while.
func (g *lockOps) refused(key, now int64) *lockOps {
	if slices.ContainsFunc(g.held, func(h holding) bool { return h.held && h.key == key }) {
		return g.wait(key, 0)
	}
	for number := range g.locks {
		if g.key(number) != key {
			continue
		}
		if g.since == nil || g.since[number] == 0 {
			return g.wait(key, now)
		}
		if now-g.since[number] < patience {
			return g
		}
		n := g.wait(key, 0)
		if n.keys = slices.Clone(g.keys); n.keys == nil {
			n.fresh = g.locks - 1
			for i := range g.locks {
				n.keys = append(n.keys, i)
			}
		}
		n.fresh++
		n.keys[number] = n.fresh
		return n
	}
	return g
}

// wait notes since when a lock has been refused.
func (g *lockOps) wait(key, since int64) *lockOps {
	n := *g
	if n.since = slices.Clone(g.since); n.since == nil {
		n.since = make([]int64, g.locks)
	}
	for number := range g.locks {
		if g.key(number) == key {
			n.since[number] = since
		}
	}
	return &n
}

func (g *lockOps) holds(thread int) holding {
	if thread < 0 || thread >= len(g.held) {
		return holding{}
	}
	return g.held[thread]
}

// Update implements generator.Generator: it learns who holds what. A release ends a hold
// however it completes, as a client that could not give a lock back must not believe in it.
func (g *lockOps) Update(_ *generator.Context, ev *generator.Event) generator.Generator {
	if ev.Op.F == opAcquire && ev.Op.Type == history.Fail {
		return g.refused(ev.Op.Key, ev.Op.Time)
	}
	granted := ev.Op.F == opAcquire && ev.Op.Type == history.OK
	released := ev.Op.F == opRelease && ev.Op.Type != history.Invoke
	if ev.Thread < 0 || !granted && !released {
		return g
	}
	n := *g.wait(ev.Op.Key, 0)
	n.held = append([]holding(nil), g.held...)
	for len(n.held) <= ev.Thread {
		n.held = append(n.held, holding{})
	}
	n.held[ev.Thread] = holding{}
	if granted {
		long := min(g.hold, shortHold)
		if n.rand.IntN(2) == 0 {
			long = g.hold
		}
		n.held[ev.Thread] = holding{held: true, key: ev.Op.Key, due: ev.Op.Time + n.rand.Int64N(long+1)}
	}
	return &n
}

// lockCalls carries the operations out.
type lockCalls struct{ base int64 }

func (lockCalls) Supports(conn cluster.Conn) error {
	if _, ok := conn.(cluster.Lock); !ok {
		return errors.New("the target's connections are no locks")
	}
	return nil
}

func (lockCalls) Probe(context.Context, cluster.Conn) []string { return nil }

func (lockCalls) Mutates(string) bool { return true }

func (c lockCalls) Call(ctx context.Context, conn cluster.Conn, op *history.Op) (history.Value, error) {
	l := conn.(cluster.Lock)
	switch op.F {
	case opAcquire:
		token, err := l.Acquire(ctx, c.base+op.Key)
		if err != nil {
			return history.Nil, err
		}
		return history.Int(token), nil
	case opRelease:
		return history.Nil, l.Release(ctx, c.base+op.Key)
	}
	return history.Nil, cluster.Definite(fmt.Errorf("the lock workload knows no operation %q", op.F))
}
