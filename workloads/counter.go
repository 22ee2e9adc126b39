package workloads

import (
	"context"
	"errors"
	"fmt"

	"github.com/faultline-dev/faultline/checkers"
	counterchecker "github.com/faultline-dev/faultline/checkers/counter"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

const (
	opIncrement = "increment"
	opDecrement = "decrement"
)

// theCounter is the one counter that the workload increments.
const theCounter = 0

// counter increments one counter by one, reads it, and reads it once more from every thread
// after healing: each acknowledged increment has to be counted, and none twice.
var counter = Workload{
	Name:   "counter",
	Doc:    "one counter: increment by one (and decrement), read, read after healing; each acknowledged increment counted once",
	Data:   "counter",
	Models: []model.Model{model.Linearizable, model.Eventual},
	Options: []cluster.Option{
		{Name: "read-share", Default: "33", Doc: "reads among a hundred operations", Check: cluster.IsInt(0, 99)},
		{Name: "decrements", Default: "0", Doc: "decrements among a hundred changes", Check: cluster.IsInt(0, 99)},
		{Name: "pace", Default: "2", Doc: "milliseconds between operations on average, over all threads", Check: cluster.IsInt(0, 60000)},
	},
	Page:  counterPage,
	Build: buildCounter,
}

func buildCounter(c Config) Instance {
	main := generator.Generator(&counterOps{rand: generator.NewRand(c.Seed, "workload/counter"), reads: c.Options.Int("read-share"), decrements: c.Options.Int("decrements")})
	kinds := []string{opIncrement, opRead}
	if c.Options.Int("decrements") > 0 {
		kinds = append(kinds, opDecrement)
	}
	if ms := c.Options.Int("pace"); ms > 0 {
		main = generator.Stagger(int64(ms)*1e6, generator.NewRand(c.Seed, "workload/counter/pace"), main)
	}
	read := generator.Repeat(generator.Of(generator.Invoke(opRead)))
	return Instance{
		Main:     main,
		Final:    generator.EachThread(generator.UntilOK(generator.Delay(100e6, read))),
		Calls:    counterCalls{c.Base},
		Kinds:    kinds,
		Checkers: []checkers.Checker{counterchecker.New(counterchecker.Options{Linearizable: c.Model == model.Linearizable})},
	}
}

// counterOps draws increments, decrements and reads.
type counterOps struct {
	generator.Twin[counterOps]
	rand       generator.Rand
	reads      int // among a hundred
	decrements int // among a hundred of the others
}

// Op implements generator.Generator.
func (g *counterOps) Op(*generator.Context) (generator.Op, generator.Status, generator.Generator) {
	n, own := generator.Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	if n.rand.IntN(100) < g.reads {
		return generator.Op{Thread: generator.AnyThread, F: opRead}, generator.Ready, n
	}
	op := generator.Op{Thread: generator.AnyThread, F: opIncrement, Value: history.Int(1)}
	if n.decrements > 0 && n.rand.IntN(100) < n.decrements {
		op.F = opDecrement
	}
	return op, generator.Ready, n
}

// Update implements generator.Generator.
func (g *counterOps) Update(*generator.Context, *generator.Event) generator.Generator { return g }

// counterCalls carries the operations out.
type counterCalls struct{ base int64 }

func (counterCalls) Supports(conn cluster.Conn) error {
	if _, ok := conn.(cluster.Counter); !ok {
		return errors.New("the target's connections are no counters")
	}
	return nil
}

func (counterCalls) Probe(context.Context, cluster.Conn) []string { return nil }

func (counterCalls) Mutates(f string) bool { return f != opRead }

func (c counterCalls) Call(ctx context.Context, conn cluster.Conn, op *history.Op) (history.Value, error) {
	n := conn.(cluster.Counter)
	switch op.F {
	case opIncrement:
		return op.Value, n.Increment(ctx, c.base+theCounter, op.Value.A)
	case opDecrement:
		return op.Value, n.Increment(ctx, c.base+theCounter, -op.Value.A)
	case opRead:
		value, err := n.ReadCounter(ctx, c.base+theCounter)
		if err != nil {
			return history.Nil, err
		}
		return history.Int(value), nil
	}
	return history.Nil, cluster.Definite(fmt.Errorf("the counter workload knows no operation %q", op.F))
}
