package generator

// These choose among several generators.

// branches are several generators of which one is asked to go on. A successor has a list
// of its own; the one that it takes over from a predecessor's predecessor is reused.
type branches struct{ list []Generator }

// with returns the list with one branch changed, in the memory of spare.
func (b branches) with(spare []Generator, i int, g Generator) branches {
	list := append(spare[:0], b.list...)
	list[i] = g
	return branches{list}
}

// update tells all branches.
func (b branches) update(spare []Generator, ctx *Context, ev *Event) branches {
	list := append(spare[:0], b.list...)
	for i, g := range list {
		list[i] = g.Update(ctx, ev)
	}
	return branches{list}
}

// sooner reports whether a ready operation is due before another one.
func sooner(ctx *Context, a, b Op) bool { return max(a.Time, ctx.Time) < max(b.Time, ctx.Time) }

// hint puts together when several pending generators want to be asked again.
func hint(a, b int64) int64 {
	if a <= 0 || b > 0 && b < a {
		return b
	}
	return a
}

// anyOf takes what is due first.
type anyOf struct {
	Twin[anyOf]
	branches
	turn int // the branch that goes first among equals
}

// Any is whichever operation of its generators is due first; among equals they take turns.
func Any(list ...Generator) Generator { return &anyOf{branches: branches{list}} }

func (g *anyOf) succ() (n *anyOf, spare []Generator) {
	if other := g.Twin.other; other != nil {
		spare = other.list
	}
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	return n, spare
}

func (g *anyOf) Op(ctx *Context) (Op, Status, Generator) {
	best, at, soon, done := Op{}, -1, int64(0), 0
	var next Generator
	for k := range g.list {
		i := (g.turn + k) % len(g.list)
		op, status, succ := g.list[i].Op(ctx)
		switch {
		case status == Done:
			done++
		case status == Pending:
			soon = hint(soon, op.Time)
		case at < 0 || sooner(ctx, op, best):
			best, at, next = op, i, succ
		}
	}
	if at < 0 {
		if done == len(g.list) {
			return Op{}, Done, g
		}
		return Op{Time: soon}, Pending, g
	}
	n, spare := g.succ()
	n.branches = g.with(spare, at, next)
	n.turn = (at + 1) % len(g.list)
	return best, Ready, n
}

func (g *anyOf) Update(ctx *Context, ev *Event) Generator {
	n, spare := g.succ()
	n.branches = g.update(spare, ctx, ev)
	return n
}

// mix draws a branch for each operation.
type mix struct {
	Twin[mix]
	branches
	rand Rand
}

// Mix draws for each operation, with equal chances, which of its generators it comes
// from. One that has nothing just now is passed over, so that it never holds up the
// others; one that is done drops out.
func Mix(r Rand, list ...Generator) Generator { return &mix{branches: branches{list}, rand: r} }

func (g *mix) succ() (n *mix, spare []Generator) {
	if other := g.Twin.other; other != nil {
		spare = other.list
	}
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	return n, spare
}

func (g *mix) Op(ctx *Context) (Op, Status, Generator) {
	r := g.rand
	ready := 0
	best, at, soon, done := Op{}, -1, int64(0), 0
	var next Generator
	for i, b := range g.list {
		op, status, succ := b.Op(ctx)
		switch {
		case status == Done:
			done++
			continue
		case status == Pending:
			soon = hint(soon, op.Time)
			continue
		case at >= 0 && sooner(ctx, best, op):
			continue
		case at >= 0 && sooner(ctx, op, best):
			ready = 0
		}
		// Among those that are due first each has the same chance: the n-th takes the
		// place of those before it with probability 1/n.
		if ready++; r.IntN(ready) == 0 {
			best, at, next = op, i, succ
		}
	}
	if at < 0 {
		if done == len(g.list) {
			return Op{}, Done, g
		}
		return Op{Time: soon}, Pending, g
	}
	n, spare := g.succ()
	n.branches, n.rand = g.with(spare, at, next), r
	return best, Ready, n
}

func (g *mix) Update(ctx *Context, ev *Event) Generator {
	n, spare := g.succ()
	n.branches = g.update(spare, ctx, ev)
	return n
}
