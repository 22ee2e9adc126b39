package generator

// These say when operations are due. All times are in nanoseconds.

// until ends at a time.
type until struct {
	Twin[until]
	g   Generator
	end int64
}

func (g *until) succ() *until {
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	return n
}

// Until ends g at a time since the run's start.
func Until(end int64, g Generator) Generator { return &until{g: g, end: end} }

func (g *until) Op(ctx *Context) (Op, Status, Generator) {
	if ctx.Time >= g.end {
		return Op{}, Done, g
	}
	op, status, next := g.g.Op(ctx)
	switch {
	case status == Ready && op.Time >= g.end:
		// Nothing sooner will come of it, but that is for the clock to say: events that
		// come meanwhile may bring something.
		return Op{Time: g.end}, Pending, g
	case status == Pending && (op.Time <= 0 || op.Time > g.end):
		op.Time = g.end
	}
	if next == g.g {
		return op, status, g
	}
	n := g.succ()
	n.g = next
	return op, status, n
}

func (g *until) Update(ctx *Context, ev *Event) Generator {
	next := g.g.Update(ctx, ev)
	if next == g.g {
		return g
	}
	n := g.succ()
	n.g = next
	return n
}

// timeLimit becomes an until with its first operation.
type timeLimit struct {
	g Generator
	d int64
}

// TimeLimit ends g so long after its first operation. Being asked does not start the
// clock: only an operation that was taken does.
func TimeLimit(d int64, g Generator) Generator { return &timeLimit{g: g, d: d} }

func (g *timeLimit) Op(ctx *Context) (Op, Status, Generator) {
	op, status, next := g.g.Op(ctx)
	if status != Ready {
		return op, status, &timeLimit{next, g.d}
	}
	return op, status, Until(max(op.Time, ctx.Time)+g.d, next)
}

func (g *timeLimit) Update(ctx *Context, ev *Event) Generator {
	next := g.g.Update(ctx, ev)
	if next == g.g {
		return g
	}
	return &timeLimit{next, g.d}
}

// paced spaces operations out.
type paced struct {
	Twin[paced]
	g     Generator
	next  int64 // when the next operation is due; 0: now
	pause func(*Rand) int64
	rand  Rand
	open  bool // an operation that is late keeps its time
}

func (g *paced) succ() *paced {
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	return n
}

// Stagger spaces the operations of g, over all threads, by 0 to twice the mean.
func Stagger(mean int64, r Rand, g Generator) Generator {
	return &paced{g: g, rand: r, pause: func(r *Rand) int64 { return r.Int64N(2*mean + 1) }}
}

// Delay spaces the operations of g, over all threads, by d at least.
func Delay(d int64, g Generator) Generator {
	return &paced{g: g, pause: func(*Rand) int64 { return d }}
}

// Arrivals is a distribution of the times between operations.
type Arrivals int

// The distributions.
const (
	Exponential Arrivals = iota // of independent users: a Poisson process
	Uniform                     // every operation exactly after the one before
)

// Rate makes g an open loop of so many operations a second: they are due at times that do
// not depend on how the system keeps up, and one that is late keeps the time at which it
// was due.
func Rate(perSecond float64, a Arrivals, seed uint64, g Generator) Generator {
	mean := 1e9 / perSecond
	p := &paced{g: g, open: true, rand: NewRand(seed, "rate")}
	p.pause = func(*Rand) int64 { return int64(mean) }
	if a == Exponential {
		p.pause = func(r *Rand) int64 { return int64(r.Exp(mean)) }
	}
	return p
}

func (g *paced) Op(ctx *Context) (Op, Status, Generator) {
	op, status, next := g.g.Op(ctx)
	n := g.succ()
	n.g = next
	if status != Ready {
		return op, status, n
	}
	due := g.next
	switch {
	case due == 0:
		due = ctx.Time // the first
	case !g.open:
		due = max(due, ctx.Time)
	}
	op.Time = max(op.Time, due)
	n.next = op.Time + n.pause(&n.rand)
	return op, status, n
}

func (g *paced) Update(ctx *Context, ev *Event) Generator {
	next := g.g.Update(ctx, ev)
	if next == g.g {
		return g
	}
	n := g.succ()
	n.g = next
	return n
}
