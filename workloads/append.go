package workloads

import (
	"context"
	"errors"
	"fmt"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/list"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

const opAppend = "append"

// lists appends unique elements to independent lists and reads them. Each key lives for a
// bounded number of operations on a few threads, so that its list stays short.
var lists = Workload{
	Name:   "append",
	Doc:    "independent lists: append unique elements and read; every read a beginning of one order that respects real time, or (sequential) the order of each process",
	Data:   "append",
	Models: []model.Model{model.Linearizable, model.Sequential},
	Options: []cluster.Option{
		{Name: "ops-per-key", Default: "150", Doc: "operations on a key before a fresh one takes its place", Check: cluster.IsInt(1, 10000)},
		{Name: "threads-per-key", Default: "5", Doc: "client threads that share a key", Check: cluster.IsInt(1, 1000)},
	},
	Page:  appendPage,
	Build: buildAppend,
}

func buildAppend(c Config) Instance {
	threads := fitThreads(c.Options.Int("threads-per-key"), c.Concurrency)
	perKey := func(key int64) generator.Generator {
		g := &appendOps{rand: generator.NewRand(c.Seed, fmt.Sprintf("workload/append/%d", key))}
		return generator.Limit(c.Options.Int("ops-per-key"), g)
	}
	check := list.Checker()
	if c.Model == model.Sequential {
		check = list.Sequential()
	}
	return Instance{
		Main:     generator.Independent(threads, generator.Keys(0), perKey),
		Calls:    appendCalls{c.Base},
		Kinds:    []string{opAppend, opRead},
		Checkers: []checkers.Checker{check},
	}
}

// appendOps draws the operations on one list: as many reads as appends of 1, 2, 3, ...
type appendOps struct {
	generator.Twin[appendOps]
	rand     generator.Rand
	appended int64
}

// Op implements generator.Generator.
func (g *appendOps) Op(*generator.Context) (generator.Op, generator.Status, generator.Generator) {
	n, own := generator.Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	if n.rand.IntN(2) == 0 {
		return generator.Op{Thread: generator.AnyThread, F: opRead}, generator.Ready, n
	}
	n.appended++
	return generator.Op{Thread: generator.AnyThread, F: opAppend, Value: history.Int(n.appended)}, generator.Ready, n
}

// Update implements generator.Generator.
func (g *appendOps) Update(*generator.Context, *generator.Event) generator.Generator { return g }

// appendCalls carries the operations out.
type appendCalls struct{ base int64 }

func (appendCalls) Supports(conn cluster.Conn) error {
	if _, ok := conn.(cluster.Append); !ok {
		return errors.New("the target's connections are no lists")
	}
	return nil
}

func (appendCalls) Probe(context.Context, cluster.Conn) []string { return nil }

func (appendCalls) Mutates(f string) bool { return f == opAppend }

func (c appendCalls) Call(ctx context.Context, conn cluster.Conn, op *history.Op) (history.Value, error) {
	l := conn.(cluster.Append)
	switch op.F {
	case opAppend:
		return op.Value, l.Append(ctx, c.base+op.Key, op.Value.A)
	case opRead:
		elements, err := l.ReadList(ctx, c.base+op.Key)
		if err != nil {
			return history.Nil, err
		}
		return history.List(elements), nil
	}
	return history.Nil, cluster.Definite(fmt.Errorf("the append workload knows no operation %q", op.F))
}
