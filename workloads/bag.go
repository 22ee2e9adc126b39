package workloads

import (
	"context"
	"errors"
	"fmt"

	"github.com/faultline-dev/faultline/checkers"
	bagchecker "github.com/faultline-dev/faultline/checkers/bag"
	"github.com/faultline-dev/faultline/checkers/object"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

const opRemove = "remove"

// bag adds elements to one set and removes them, adds some of them again, and reads it after
// healing: what was removed must be gone, and what was added since must be there.
var bag = Workload{
	Name:   "bag",
	Doc:    "one set: add elements, remove them, add them again, read it after healing; none lost, none resurrected",
	Data:   "bag",
	Models: []model.Model{model.Eventual, model.Linearizable},
	Options: []cluster.Option{
		{Name: "removes", Default: "30", Doc: "removes among a hundred operations", Check: cluster.IsInt(1, 60)},
		{Name: "re-adds", Default: "25", Doc: "adds of an element that was there before, among a hundred operations", Check: cluster.IsInt(0, 30)},
		{Name: "read-every", Default: "50", Doc: "one read for so many changes in the main phase; 0: none", Check: cluster.IsInt(0, 1000000)},
		{Name: "pace", Default: "5", Doc: "milliseconds between operations on average, over all threads: the set must stay small enough to be read", Check: cluster.IsInt(0, 60000)},
	},
	Page:  bagPage,
	Build: buildBag,
}

func buildBag(c Config) Instance {
	main := generator.Generator(&bagOps{
		rand: generator.NewRand(c.Seed, "workload/bag"), every: int64(c.Options.Int("read-every")),
		removes: c.Options.Int("removes"), again: c.Options.Int("re-adds"),
	})
	if ms := c.Options.Int("pace"); ms > 0 {
		main = generator.Stagger(int64(ms)*1e6, generator.NewRand(c.Seed, "workload/bag/pace"), main)
	}
	check := bagchecker.New()
	if c.Model == model.Linearizable {
		set, _ := object.Find("set")
		check = object.New(set, object.Options{Elementwise: true})
	}
	return Instance{
		Main:     main,
		Final:    finalReads([]generator.Op{generator.Invoke(opRead)}),
		Calls:    bagCalls{setCalls{c.Base}},
		Kinds:    []string{opAdd, opRemove, opRead},
		Checkers: []checkers.Checker{check},
	}
}

// bagOps draws adds of new elements, and removes and adds of those that it remembers. Whoever
// added an element most often removes it, as then it is certain what the remove has observed;
// what was removed last is most often added again, by somebody else, who may not have heard
// of the remove.
type bagOps struct {
	generator.Twin[bagOps]
	rand                  generator.Rand
	removes, again        int // among a hundred
	every, changes, reads int64
	next                  int64
	known                 [16]life
	at                    int // the place for the next new element
}

// life is what is remembered of an element; 0 is none.
type life struct {
	element int64
	thread  int // that changed it last
	removed bool
}

// Op implements generator.Generator.
func (g *bagOps) Op(ctx *generator.Context) (generator.Op, generator.Status, generator.Generator) {
	n, own := generator.Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	if n.every > 0 && n.changes >= (n.reads+1)*n.every {
		n.reads++
		return generator.Op{Thread: generator.AnyThread, F: opRead}, generator.Ready, n
	}
	n.changes++
	what := n.rand.IntN(100)
	l := n.known[n.rand.IntN(len(n.known))]
	switch {
	case l.element == 0 || what >= n.removes+n.again:
		n.next++
		return generator.Op{Thread: generator.AnyThread, F: opAdd, Value: history.Int(n.next)}, generator.Ready, n
	case what < n.removes:
		op := generator.Op{Thread: generator.AnyThread, F: opRemove, Value: history.Int(l.element)}
		if n.rand.IntN(4) > 0 && ctx.Free().Has(l.thread) {
			op.Thread = l.thread
		}
		return op, generator.Ready, n
	}
	if last := n.known[(n.at+len(n.known)-1)%len(n.known)]; last.removed && n.rand.IntN(2) == 0 {
		l = last
	}
	op := generator.Op{Thread: drawThread(ctx, &n.rand), F: opAdd, Value: history.Int(l.element)}
	if op.Thread == generator.AnyThread {
		return generator.Op{}, generator.Pending, g
	}
	return op, generator.Ready, n
}

// Update implements generator.Generator: it learns what is there, and what is no longer.
func (g *bagOps) Update(_ *generator.Context, ev *generator.Event) generator.Generator {
	if ev.Op.Type != history.OK && ev.Op.Type != history.Info || ev.Op.F == opRead {
		return g
	}
	n, own := generator.Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	l := life{element: ev.Op.Value.A, thread: ev.Thread, removed: ev.Op.F == opRemove}
	if ev.Op.Type == history.Info {
		l = life{} // of what is in doubt nothing more can be learnt
	}
	for i := range n.known {
		if n.known[i].element == ev.Op.Value.A {
			n.known[i] = l
			return n
		}
	}
	if !l.removed && l.element != 0 {
		n.known[n.at] = l
		n.at = (n.at + 1) % len(n.known)
	}
	return n
}

// bagCalls carries the operations out.
type bagCalls struct{ setCalls }

func (bagCalls) Supports(conn cluster.Conn) error {
	if _, ok := conn.(cluster.Bag); !ok {
		return errors.New("the target's connections are no sets that elements can be removed from")
	}
	return nil
}

func (bagCalls) Mutates(f string) bool { return f == opAdd || f == opRemove }

func (c bagCalls) Call(ctx context.Context, conn cluster.Conn, op *history.Op) (history.Value, error) {
	switch op.F {
	case opAdd, opRead:
		return c.setCalls.Call(ctx, conn, op)
	case opRemove:
		return op.Value, conn.(cluster.Bag).Remove(ctx, c.base+theSet, op.Value.A)
	}
	return history.Nil, cluster.Definite(fmt.Errorf("the bag workload knows no operation %q", op.F))
}
