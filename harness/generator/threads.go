package generator

// These say which threads a generator may use.

// onThreads narrows the context.
type onThreads struct {
	Twin[onThreads]
	scratch *scratch
	g       Generator
	keep    func(thread int) bool
	set     *ThreadSet // those of all threads that are kept; made at the first use
}

func (g *onThreads) succ() *onThreads {
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	return n
}

// OnThreads is g on those threads that keep wants; it learns only of their events.
func OnThreads(keep func(thread int) bool, g Generator) Generator {
	return &onThreads{g: g, keep: keep, scratch: &scratch{}, set: &ThreadSet{}}
}

// Clients is g on the client threads.
func Clients(g Generator) Generator {
	return OnThreads(func(thread int) bool { return thread != NemesisThread }, g)
}

// Nemesis is g on the nemesis's thread.
func Nemesis(g Generator) Generator {
	return OnThreads(func(thread int) bool { return thread == NemesisThread }, g)
}

// narrow is the context with only the threads that are wanted. Which those are cannot
// change, so they are looked for once for each thread that there is.
func (g *onThreads) narrow(ctx *Context) *Context {
	if len(g.set.words) < len(ctx.threads.words) {
		for t := NemesisThread; t+1 < 64*len(ctx.threads.words); t++ {
			if g.keep(t) {
				g.set.add(t)
			}
		}
	}
	return g.scratch.narrow(ctx, g.set)
}

func (g *onThreads) Op(ctx *Context) (Op, Status, Generator) {
	inner := g.narrow(ctx)
	if inner.threads.Len() == 0 {
		return Op{}, Done, g
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

func (g *onThreads) Update(ctx *Context, ev *Event) Generator {
	if !g.keep(ev.Thread) {
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

// split gives each of several generators threads of its own.
type split struct {
	Twin[split]
	branches
	shares  []int       // how many threads each but the last gets; nil: one each
	sets    []ThreadSet // which those are; made at the first operation, shared by all successors
	scratch *scratch
	turn    int
}

// Reserve gives the first so many threads of the context to the first generator, the next
// so many to the second, and so on; the rest have the last, which comes without a number.
// It counts the threads that it may use itself, so it can be nested.
func Reserve(shares []int, list ...Generator) Generator {
	return &split{branches: branches{list}, shares: shares, scratch: &scratch{}}
}

// EachThread gives every thread a copy of g of its own.
func EachThread(g Generator) Generator { return &eachThread{g} }

// eachThread becomes a split when it sees which threads there are.
type eachThread struct{ g Generator }

func (g *eachThread) Op(ctx *Context) (Op, Status, Generator) {
	s := &split{scratch: &scratch{}}
	ctx.threads.Each(func(t int) bool {
		s.list = append(s.list, g.g)
		s.sets = append(s.sets, setOf(t))
		return true
	})
	return s.Op(ctx)
}

func (g *eachThread) Update(*Context, *Event) Generator { return g }

func setOf(thread int) ThreadSet {
	var s ThreadSet
	s.add(thread)
	return s
}

func (g *split) succ() (n *split, spare []Generator) {
	if other := g.Twin.other; other != nil {
		spare = other.list
	}
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	return n, spare
}

// deal finds out whose the threads are.
func (g *split) deal(ctx *Context) []ThreadSet {
	sets := make([]ThreadSet, len(g.list))
	i, left := 0, 0
	if len(g.shares) > 0 {
		left = g.shares[0]
	}
	ctx.threads.Each(func(t int) bool {
		for i < len(g.shares) && i < len(g.list)-1 && left == 0 {
			if i++; i < len(g.shares) {
				left = g.shares[i]
			}
		}
		sets[i].add(t)
		left--
		return true
	})
	return sets
}

func (g *split) Op(ctx *Context) (Op, Status, Generator) {
	if g.sets == nil {
		dealt := *g
		dealt.Twin = Twin[split]{}
		dealt.sets = g.deal(ctx)
		g = &dealt
	}
	best, at, soon, done := Op{}, -1, int64(0), 0
	var next Generator
	for k := range g.list {
		i := (g.turn + k) % len(g.list)
		inner := g.scratch.narrow(ctx, &g.sets[i])
		if inner.threads.Len() == 0 {
			done++
			continue
		}
		op, status, succ := g.list[i].Op(inner)
		switch {
		case status == Done:
			done++
		case status == Pending:
			soon = hint(soon, op.Time)
		case !inner.resolve(&op):
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

func (g *split) Update(ctx *Context, ev *Event) Generator {
	for i := range g.sets {
		if !g.sets[i].Has(ev.Thread) {
			continue
		}
		next := g.list[i].Update(ctx, ev)
		if next == g.list[i] {
			return g
		}
		n, spare := g.succ()
		n.branches = g.with(spare, i, next)
		return n
	}
	return g
}
