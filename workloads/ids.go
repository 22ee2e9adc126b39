package workloads

import (
	"context"
	"errors"
	"fmt"

	"github.com/faultline-dev/faultline/checkers"
	uniquechecker "github.com/faultline-dev/faultline/checkers/unique"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

const opGenerate = "generate"

// ids asks for ids, and for nothing else: none may be given out twice.
var ids = Workload{
	Name:   "unique-ids",
	Doc:    "ask for ids; none may be given out twice",
	Data:   "ids",
	Models: []model.Model{model.Unique},
	Options: []cluster.Option{
		{Name: "pace", Default: "2", Doc: "milliseconds between operations on average, over all threads", Check: cluster.IsInt(0, 60000)},
	},
	Page:  idsPage,
	Build: buildIDs,
}

func buildIDs(c Config) Instance {
	main := generator.Repeat(generator.Of(generator.Invoke(opGenerate)))
	if ms := c.Options.Int("pace"); ms > 0 {
		main = generator.Stagger(int64(ms)*1e6, generator.NewRand(c.Seed, "workload/unique-ids/pace"), main)
	}
	return Instance{
		Main:     main,
		Calls:    idCalls{},
		Kinds:    []string{opGenerate},
		Checkers: []checkers.Checker{uniquechecker.New()},
	}
}

// idCalls carries the operations out.
type idCalls struct{}

func (idCalls) Supports(conn cluster.Conn) error {
	if _, ok := conn.(cluster.IDs); !ok {
		return errors.New("the target's connections give out no ids")
	}
	return nil
}

func (idCalls) Probe(context.Context, cluster.Conn) []string { return nil }

// Mutates: an id that was given out and lost on its way must not be given out again.
func (idCalls) Mutates(string) bool { return true }

func (idCalls) Call(ctx context.Context, conn cluster.Conn, op *history.Op) (history.Value, error) {
	if op.F != opGenerate {
		return history.Nil, cluster.Definite(fmt.Errorf("the unique-ids workload knows no operation %q", op.F))
	}
	id, err := conn.(cluster.IDs).NextID(ctx)
	if err != nil {
		return history.Nil, err
	}
	return history.Int(id), nil
}
