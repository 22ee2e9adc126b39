package generator

// ops are operations one after the other.
type ops struct {
	Twin[ops]
	list []Op
	next int
}

func (g *ops) succ() *ops {
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	return n
}

// Of generates the operations, one after the other, each on any free thread unless it
// names its own.
func Of(list ...Op) Generator { return &ops{list: list} }

// Invoke is an operation on any thread.
func Invoke(f string) Op { return Op{Thread: AnyThread, F: f} }

// Sleep lets a thread do nothing for so many nanoseconds.
func Sleep(ns int64) Generator { return Of(Op{Kind: KindSleep, Thread: AnyThread, Sleep: ns}) }

// Log writes a line to the run's log.
func Log(text string) Generator { return Of(Op{Kind: KindLog, Thread: AnyThread, Text: text}) }

func (g *ops) Op(ctx *Context) (Op, Status, Generator) {
	if g.next == len(g.list) {
		return Op{}, Done, g
	}
	op := g.list[g.next]
	if !ctx.resolve(&op) {
		return Op{}, Pending, g
	}
	n := g.succ()
	n.next++
	return op, Ready, n
}

func (g *ops) Update(*Context, *Event) Generator { return g }

// repeat asks its generator again and again without letting it go on.
type repeat struct {
	Twin[repeat]
	g Generator
}

func (g *repeat) succ() *repeat {
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	return n
}

// Repeat asks g again and again for what it says first; g learns of events, but its
// operations do not use it up.
func Repeat(g Generator) Generator { return &repeat{g: g} }

func (g *repeat) Op(ctx *Context) (Op, Status, Generator) {
	op, status, _ := g.g.Op(ctx)
	return op, status, g
}

func (g *repeat) Update(ctx *Context, ev *Event) Generator {
	if next := g.g.Update(ctx, ev); next != g.g {
		n := g.succ()
		n.g = next
		return n
	}
	return g
}

// fn is a generator that a function of the context makes.
type fn struct{ f func(ctx *Context) (Op, bool) }

// Func generates what f says, as long as it says true. f must be a pure function.
func Func(f func(ctx *Context) (Op, bool)) Generator { return &fn{f} }

func (g *fn) Op(ctx *Context) (Op, Status, Generator) {
	op, ok := g.f(ctx)
	switch {
	case !ok:
		return Op{}, Done, g
	case !ctx.resolve(&op):
		return Op{}, Pending, g
	}
	return op, Ready, g
}

func (g *fn) Update(*Context, *Event) Generator { return g }
