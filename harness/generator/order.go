package generator

// These put generators one after the other.

// seq goes through a list.
type seq struct {
	Twin[seq]
	list  []Generator // as given
	at    int
	g     Generator // list[at] as it stands
	cycle bool
	fresh bool // nothing has come of this round yet
}

func (g *seq) succ() *seq {
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	return n
}

// Seq is all operations of the first generator, then those of the second, and so on.
func Seq(list ...Generator) Generator { return newSeq(list, false) }

// Cycle is Seq again and again, each time from the beginning.
func Cycle(list ...Generator) Generator { return newSeq(list, true) }

func newSeq(list []Generator, cycle bool) Generator {
	g := &seq{list: list, cycle: cycle, fresh: true}
	if len(list) > 0 {
		g.g = list[0]
	}
	return g
}

func (g *seq) Op(ctx *Context) (Op, Status, Generator) {
	if g.g == nil {
		return Op{}, Done, g
	}
	n := g.succ()
	for {
		op, status, next := n.g.Op(ctx)
		if status != Done {
			n.g = next
			n.fresh = n.fresh && status != Ready
			return op, status, n
		}
		n.at++
		if n.at == len(n.list) {
			if !n.cycle || n.fresh {
				n.g = nil // the end; or a whole round brought nothing
				return Op{}, Done, n
			}
			n.at, n.fresh = 0, true
		}
		n.g = n.list[n.at]
	}
}

func (g *seq) Update(ctx *Context, ev *Event) Generator {
	if g.g == nil {
		return g
	}
	next := g.g.Update(ctx, ev)
	if next == g.g {
		return g
	}
	n := g.succ()
	n.g = next
	return n
}

// synchronized waits for all threads.
type synchronized struct{ g Generator }

// Synchronize waits until all threads are free, then it is g.
func Synchronize(g Generator) Generator { return &synchronized{g} }

func (g *synchronized) Op(ctx *Context) (Op, Status, Generator) {
	if ctx.free.Len() < ctx.threads.Len() {
		return Op{}, Pending, g
	}
	op, status, next := g.g.Op(ctx)
	if status == Pending {
		return op, status, &synchronized{next}
	}
	return op, status, next
}

func (g *synchronized) Update(ctx *Context, ev *Event) Generator {
	next := g.g.Update(ctx, ev)
	if next == g.g {
		return g
	}
	return &synchronized{next}
}

// Phases is Seq, with all threads free before each of its generators begins.
func Phases(list ...Generator) Generator {
	synced := make([]Generator, len(list))
	for i, g := range list {
		synced[i] = Synchronize(g)
	}
	return Seq(synced...)
}

// flipFlop alternates.
type flipFlop struct {
	Twin[flipFlop]
	a, b Generator // a comes next
}

func (g *flipFlop) succ() *flipFlop {
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	return n
}

// FlipFlop is an operation of a, then one of b, and so on until the one whose turn it is
// is done.
func FlipFlop(a, b Generator) Generator { return &flipFlop{a: a, b: b} }

func (g *flipFlop) Op(ctx *Context) (Op, Status, Generator) {
	op, status, next := g.a.Op(ctx)
	n := g.succ()
	if status == Ready {
		n.a, n.b = g.b, next
	} else {
		n.a = next
	}
	return op, status, n
}

func (g *flipFlop) Update(ctx *Context, ev *Event) Generator {
	n := g.succ()
	n.a, n.b = g.a.Update(ctx, ev), g.b.Update(ctx, ev)
	return n
}
