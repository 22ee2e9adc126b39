package generator

import "github.com/faultline-dev/faultline/harness/history"

// These change or choose among one generator's operations.

// mapped changes operations.
type mapped struct {
	Twin[mapped]
	g Generator
	f func(Op) Op
}

func (g *mapped) succ() *mapped {
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	return n
}

// Map changes each operation of g by f, which must be a pure function.
func Map(f func(Op) Op, g Generator) Generator { return &mapped{g: g, f: f} }

func (g *mapped) Op(ctx *Context) (Op, Status, Generator) {
	op, status, next := g.g.Op(ctx)
	n := g.succ()
	n.g = next
	if status == Ready {
		op = g.f(op)
	}
	return op, status, n
}

func (g *mapped) Update(ctx *Context, ev *Event) Generator {
	n := g.succ()
	n.g = g.g.Update(ctx, ev)
	return n
}

// filtered passes over operations.
type filtered struct {
	Twin[filtered]
	g    Generator
	keep func(Op) bool
}

func (g *filtered) succ() *filtered {
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	return n
}

// passOverAtMost bounds the operations that a filter passes over in one go; one that
// keeps nothing of an endless generator would hang the run.
const passOverAtMost = 100_000

// Filter passes over the operations of g that keep does not want. It must be a pure function.
func Filter(keep func(Op) bool, g Generator) Generator { return &filtered{g: g, keep: keep} }

func (g *filtered) Op(ctx *Context) (Op, Status, Generator) {
	inner := g.g
	for range passOverAtMost {
		op, status, next := inner.Op(ctx)
		if status != Ready || g.keep(op) {
			n := g.succ()
			n.g = next
			return op, status, n
		}
		if next == inner {
			return Op{}, Done, g // it says the same for ever
		}
		if inner = next; g.live {
			// What was passed over is passed over for good: going on from here has ended the
			// one that stood here before (see Succeed).
			g.g = inner
		}
	}
	return Op{}, Done, g
}

func (g *filtered) Update(ctx *Context, ev *Event) Generator {
	n := g.succ()
	n.g = g.g.Update(ctx, ev)
	return n
}

// limit bounds the number of operations.
type limit struct {
	Twin[limit]
	g    Generator
	left int
}

func (g *limit) succ() *limit {
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	return n
}

// Limit ends g after n operations.
func Limit(n int, g Generator) Generator { return &limit{g: g, left: n} }

// Once is one operation of g.
func Once(g Generator) Generator { return Limit(1, g) }

func (g *limit) Op(ctx *Context) (Op, Status, Generator) {
	if g.left <= 0 {
		return Op{}, Done, g
	}
	op, status, next := g.g.Op(ctx)
	if status == Pending && next == g.g {
		return op, status, g
	}
	n := g.succ()
	n.g = next
	if status == Ready && op.Kind == KindInvoke {
		n.left--
	}
	return op, status, n
}

func (g *limit) Update(ctx *Context, ev *Event) Generator {
	next := g.g.Update(ctx, ev)
	if next == g.g {
		return g
	}
	n := g.succ()
	n.g = next
	return n
}

// processLimit bounds the number of processes that take part.
type processLimit struct {
	Twin[processLimit]
	scratch *scratch
	g       Generator
	n       int
	seen    []int // processes that have taken part; a successor that adds one has its own
}

func (g *processLimit) succ() *processLimit {
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	return n
}

// ProcessLimit lets at most n processes take part in g. It ends when no thread's process
// is among them any more, so it bounds the operations in doubt that a key may gather.
func ProcessLimit(n int, g Generator) Generator {
	return &processLimit{g: g, n: n, scratch: &scratch{}}
}

func (g *processLimit) has(process int) bool {
	for _, p := range g.seen {
		if p == process {
			return true
		}
	}
	return false
}

func (g *processLimit) Op(ctx *Context) (Op, Status, Generator) {
	inner := ctx
	if len(g.seen) >= g.n {
		var allowed ThreadSet
		for t := ctx.threads.first(NemesisThread); t != AnyThread; t = ctx.threads.first(t + 1) {
			if g.has(ctx.Process(t)) {
				allowed.add(t)
			}
		}
		if allowed.Len() == 0 {
			return Op{}, Done, g
		}
		if inner = g.scratch.narrow(ctx, &allowed); inner.free.Len() == 0 {
			return Op{}, Pending, g
		}
	}
	op, status, next := g.g.Op(inner)
	if status == Ready && !inner.resolve(&op) {
		return Op{}, Pending, g
	}
	if next == g.g {
		return op, status, g
	}
	n := g.succ()
	n.g = next
	return op, status, n
}

func (g *processLimit) Update(ctx *Context, ev *Event) Generator {
	next := g.g.Update(ctx, ev)
	isNew := !g.has(ev.Op.Process)
	if next == g.g && !isNew {
		return g
	}
	n := g.succ()
	n.g = next
	if isNew {
		n.seen = append(append(make([]int, 0, len(g.seen)+1), g.seen...), ev.Op.Process)
	}
	return n
}

// untilOK ends with a success.
type untilOK struct {
	Twin[untilOK]
	g    Generator
	ours ThreadSet // threads that run an operation of g; a successor that changes it has its own
	ok   bool
}

func (g *untilOK) succ() *untilOK {
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	return n
}

// UntilOK ends g when one of its operations has succeeded. Operations of other generators
// on the same threads do not count.
func UntilOK(g Generator) Generator { return &untilOK{g: g} }

func (g *untilOK) Op(ctx *Context) (Op, Status, Generator) {
	if g.ok {
		return Op{}, Done, g
	}
	op, status, next := g.g.Op(ctx)
	if status == Ready && !ctx.resolve(&op) {
		return Op{}, Pending, g
	}
	n := g.succ()
	n.g = next
	if status == Ready && op.Kind == KindInvoke {
		n.ours = copyOf(&g.ours)
		n.ours.add(op.Thread)
	}
	return op, status, n
}

func (g *untilOK) Update(ctx *Context, ev *Event) Generator {
	n := g.succ()
	n.g = g.g.Update(ctx, ev)
	if ev.Op.Type != history.Invoke && g.ours.Has(ev.Thread) {
		n.ours = copyOf(&g.ours)
		n.ours.remove(ev.Thread)
		n.ok = g.ok || ev.Op.Type == history.OK
	}
	return n
}
