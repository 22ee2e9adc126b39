package workloads

import (
	"context"
	"errors"
	"fmt"

	"github.com/faultline-dev/faultline/checkers"
	setchecker "github.com/faultline-dev/faultline/checkers/set"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

const opAdd = "add"

// theSet is the one set that the workload adds to; probeKey is another.
const theSet = 0

// set adds unique elements to one set, reads it now and then and, after healing, once
// more from every thread: an acknowledged element must still be there.
var set = Workload{
	Name:   "set",
	Doc:    "one set: add unique elements, read it after healing; no acknowledged element may be missing",
	Data:   "set",
	Models: []model.Model{model.Eventual, model.Linearizable},
	Options: []cluster.Option{
		{Name: "read-every", Default: "50", Doc: "one read for so many adds in the main phase; 0: none", Check: cluster.IsInt(0, 1000000)},
		{Name: "pace", Default: "10", Doc: "milliseconds between operations on average, over all threads: the set must stay small enough to be read", Check: cluster.IsInt(0, 60000)},
	},
	Page:  setPage,
	Build: buildSet,
}

func buildSet(c Config) Instance {
	main := generator.Generator(&setOps{every: int64(c.Options.Int("read-every"))})
	if ms := c.Options.Int("pace"); ms > 0 {
		main = generator.Stagger(int64(ms)*1e6, generator.NewRand(c.Seed, "workload/set/pace"), main)
	}
	read := generator.Repeat(generator.Of(generator.Invoke(opRead)))
	return Instance{
		Main:     main,
		Final:    generator.EachThread(generator.UntilOK(generator.Delay(100e6, read))),
		Calls:    setCalls{c.Base},
		Kinds:    []string{opAdd, opRead},
		Checkers: []checkers.Checker{setchecker.Full(setchecker.Options{Linearizable: c.Model == model.Linearizable})},
	}
}

// setOps adds 1, 2, 3, ... with a read after every so many.
type setOps struct {
	every, added, reads int64
}

// Op implements generator.Generator.
func (g *setOps) Op(*generator.Context) (generator.Op, generator.Status, generator.Generator) {
	n := *g
	if g.every > 0 && g.added >= (g.reads+1)*g.every {
		n.reads++
		return generator.Op{Thread: generator.AnyThread, F: opRead}, generator.Ready, &n
	}
	n.added++
	return generator.Op{Thread: generator.AnyThread, F: opAdd, Value: history.Int(n.added)}, generator.Ready, &n
}

// Update implements generator.Generator.
func (g *setOps) Update(*generator.Context, *generator.Event) generator.Generator { return g }

// setCalls carries the operations out.
type setCalls struct{ base int64 }

func (setCalls) Supports(conn cluster.Conn) error {
	if _, ok := conn.(cluster.Set); !ok {
		return errors.New("the target's connections are no sets")
	}
	return nil
}

func (setCalls) Probe(context.Context, cluster.Conn) []string { return nil }

func (setCalls) Mutates(f string) bool { return f == opAdd }

func (c setCalls) Call(ctx context.Context, conn cluster.Conn, op *history.Op) (history.Value, error) {
	s := conn.(cluster.Set)
	switch op.F {
	case opAdd:
		return op.Value, s.Add(ctx, c.base+theSet, op.Value.A)
	case opRead:
		elements, err := s.ReadAll(ctx, c.base+theSet)
		if err != nil {
			return history.Nil, err
		}
		return history.List(elements), nil
	}
	return history.Nil, cluster.Definite(fmt.Errorf("the set workload knows no operation %q", op.F))
}
