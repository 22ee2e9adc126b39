package workloads

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/linearizable"
	"github.com/faultline-dev/faultline/checkers/weaker"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

// Operations of the register workload.
const (
	opRead  = "read"
	opWrite = "write"
	opCAS   = "cas"
	// opSiblings is a final read of a store that may hold several values of a key.
	opSiblings = "siblings"
)

// register reads, writes and compares-and-sets independent registers. Each key lives for a
// bounded number of operations on a few threads, and values written to it are unique, so
// that its history can be decided.
var register = Workload{
	Name:   "register",
	Doc:    "independent registers: read, write, compare-and-set; every value written once",
	Data:   "register",
	Models: registerModels,
	Options: []cluster.Option{
		{Name: "ops-per-key", Default: "150", Doc: "operations on a key before a fresh one takes its place", Check: cluster.IsInt(1, 100000)},
		{Name: "threads-per-key", Default: "5", Doc: "client threads that share a key", Check: cluster.IsInt(1, 1000)},
		{Name: "final-keys", Default: "100", Doc: "keys that are read after healing, those written last (--model no-lost-write, eventual)", Check: cluster.IsInt(1, 1000000)},
		{Name: "crashes-per-key", Default: "10", Doc: "client processes that may end in doubt before a key is given up", Check: cluster.IsInt(0, 1000)},
	},
	Page:  registerPage,
	Build: buildRegister,
}

func buildRegister(c Config) Instance {
	threads := fitThreads(c.Options.Int("threads-per-key"), c.Concurrency)
	calls := registerCalls{c.Base}
	kinds := make([]string, 0, 3)
	for _, f := range []string{opRead, opWrite, opCAS} {
		if !slices.Contains(c.Omit, f) {
			kinds = append(kinds, f)
		}
	}
	perKey := func(key int64) generator.Generator {
		g := generator.Generator(newRegisterOps(c.Seed, key, len(kinds) == 3))
		g = generator.ProcessLimit(threads+c.Options.Int("crashes-per-key"), g)
		return generator.Limit(c.Options.Int("ops-per-key"), g)
	}
	load := Instance{
		Main:     generator.Independent(threads, generator.Keys(0), perKey),
		Calls:    calls,
		Kinds:    kinds,
		Checkers: registerCheckers(c.Model),
	}
	if c.Model == model.NoLostWrite || c.Model == model.Eventual {
		f := opRead
		if _, ok := c.Sample.(cluster.Siblings); ok {
			f = opSiblings
		}
		most := c.Options.Int("final-keys")
		load.FinalOf = func(h *history.History) generator.Generator { return finalReads(readsOf(f, writtenLast(h, most))) }
	}
	return load
}

// registerModels are those of any data.
var registerModels = []model.Model{
	model.Linearizable, model.Sequential, model.Coherent, model.ReadYourWrites, model.MonotonicReads,
	model.MonotonicWrites, model.WritesFollowReads, model.NoLostWrite, model.Eventual,
}

// registerCheckers are those of a model. What a run lacks in linearizability is measured.
func registerCheckers(m model.Model) []checkers.Checker {
	if m == model.Linearizable {
		return []checkers.Checker{weaker.Measured(linearizable.Register())}
	}
	return weaker.For(m)
}

// fitThreads lowers the threads that share a key to a divisor of the concurrency, so that
// no thread is left without a key.
func fitThreads(want, concurrency int) int {
	for n := min(want, concurrency); n > 1; n-- {
		if concurrency%n == 0 {
			return n
		}
	}
	return 1
}

// registerOps draws the operations on one register: reads, writes of values never written
// before, and compare-and-sets from the value last seen to a new one; drawn at random the
// old value would hardly ever match.
type registerOps struct {
	generator.Twin[registerOps]
	rand generator.Rand
	cas  bool
	next int64 // the next value to write; 1, 2, 3, ...
	seen int64 // the value last observed; 0: none yet
}

func newRegisterOps(seed uint64, key int64, cas bool) *registerOps {
	return &registerOps{rand: generator.NewRand(seed, fmt.Sprintf("workload/register/%d", key)), cas: cas, next: 1}
}

func (g *registerOps) succ() *registerOps {
	n, own := generator.Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	return n
}

// Op implements generator.Generator.
func (g *registerOps) Op(*generator.Context) (generator.Op, generator.Status, generator.Generator) {
	n := g.succ()
	op := generator.Op{Thread: generator.AnyThread}
	kinds := 2
	if g.cas && g.seen != 0 {
		kinds = 3
	}
	switch n.rand.IntN(kinds) {
	case 0:
		op.F = opRead
	case 1:
		op.F, op.Value = opWrite, history.Int(n.next)
		n.next++
	default:
		op.F, op.Value = opCAS, history.Pair(n.seen, n.next)
		n.next++
	}
	return op, generator.Ready, n
}

// Update implements generator.Generator: it learns what the register holds.
func (g *registerOps) Update(_ *generator.Context, ev *generator.Event) generator.Generator {
	if !g.cas {
		return g
	}
	seen := g.seen
	switch op := ev.Op; {
	case op.Type == history.OK && op.Value.Kind == history.KindInt:
		seen = op.Value.A
	case op.Type == history.OK && op.F == opCAS:
		seen = op.Value.B
	case op.Type == history.Fail && op.F == opCAS && op.Value.Kind == history.KindInt:
		seen = op.Value.A
	}
	if seen == g.seen {
		return g
	}
	n := g.succ()
	n.seen = seen
	return n
}

// registerCalls carries the operations out.
type registerCalls struct{ base int64 }

func (registerCalls) Supports(conn cluster.Conn) error {
	if _, ok := conn.(cluster.Register); !ok {
		return errors.New("the target's connections are no registers")
	}
	return nil
}

// probeKey is one that the workload never uses.
const probeKey = int64(1) << 31

func (c registerCalls) Probe(ctx context.Context, conn cluster.Conn) []string {
	if err := conn.(cluster.Register).CompareAndSet(ctx, c.base+probeKey, 1, 2); errors.Is(err, cluster.ErrUnsupported) {
		return []string{opCAS}
	}
	return nil
}

func (registerCalls) Mutates(f string) bool { return f == opWrite || f == opCAS }

func (c registerCalls) Call(ctx context.Context, conn cluster.Conn, op *history.Op) (history.Value, error) {
	r := conn.(cluster.Register)
	switch op.F {
	case opRead:
		value, found, err := r.Read(ctx, c.base+op.Key)
		if err != nil || !found {
			return history.Nil, err
		}
		return history.Int(value), nil
	case opSiblings:
		s, ok := conn.(cluster.Siblings)
		if !ok {
			return history.Nil, cluster.Definite(errors.New("the connection offers no siblings"))
		}
		values, err := s.ReadSiblings(ctx, c.base+op.Key)
		if err != nil {
			return history.Nil, err
		}
		return history.List(values), nil
	case opWrite:
		return op.Value, r.Write(ctx, c.base+op.Key, op.Value.A)
	case opCAS:
		err := r.CompareAndSet(ctx, c.base+op.Key, op.Value.A, op.Value.B)
		var m *cluster.Mismatch
		if errors.As(err, &m) && m.Observed && m.Found {
			return history.Int(m.Value), err
		}
		return op.Value, err
	}
	return history.Nil, cluster.Definite(fmt.Errorf("the register workload knows no operation %q", op.F))
}
