package search

import (
	"context"
	"errors"
)

// forward walks through the events and keeps all configurations.
type forward struct {
	*window
	*brake
	paths paths
	// The configurations after the last event, one after another.
	cur   []uint64
	ends  []int32
	seen  *set // on the way to a return
	out   *set // after it
	near  *set // those of them that are kept, and what a step leads to from these
	queue queue
	moved []move
	tmp   []uint64
	from  []uint64

	largest int
	refinement
}

// queue holds configurations of a set by level.
type queue struct {
	heads []int32
	next  []int32
	low   int
	n     int
}

func (q *queue) reset() { q.low, q.n, q.next = len(q.heads), 0, q.next[:0] }

func (q *queue) push(i int32, level int) {
	for int(i) >= len(q.next) {
		q.next = append(q.next, none)
	}
	for level >= len(q.heads) {
		q.heads = append(q.heads, none)
	}
	q.next[i], q.heads[level] = q.heads[level], i
	q.low = min(q.low, level)
	q.n++
}

func (q *queue) pop() int32 {
	for q.heads[q.low] == none {
		q.low++
	}
	i := q.heads[q.low]
	q.heads[q.low] = q.next[i]
	q.n--
	return i
}

// brake ends a search.
type brake struct {
	ctx    context.Context
	memory int64
	ticks  int
	why    error
	peak   int64
	bytes  func() int64
}

// on reports whether the search has to end. It counts how often it is asked.
func (b *brake) on() bool {
	b.ticks++
	return b.halted(b.ticks)
}

// halted is on, asked for the n-th time, without counting.
func (b *brake) halted(n int) bool {
	if n&255 != 0 || b.why != nil {
		return b.why != nil
	}
	held := b.bytes()
	b.peak = max(b.peak, held)
	switch err := b.ctx.Err(); {
	case errors.Is(err, context.DeadlineExceeded):
		b.why = ErrTime
	case err != nil:
		b.why = ErrCancelled
	case held > b.memory:
		b.why = ErrMemory
	}
	return b.why != nil
}

func newForward(ctx context.Context, p *problem, st *states, o Options) *forward {
	l := &p.layout
	exact := p.off&dominance != 0
	f := &forward{
		window: newWindow(p, st), brake: &brake{ctx: ctx, memory: o.Memory},
		seen: newSet(l, exact), out: newSet(l, exact), near: newSet(l, exact),
		tmp: make([]uint64, l.size), from: make([]uint64, l.size),
	}
	f.brake.bytes = f.bytes
	first := make([]uint64, l.size)
	setState(first, f.st.init)
	f.cur, f.ends = first, []int32{none}
	f.forgive(o.stretch)
	return f
}

func (f *forward) bytes() int64 {
	return f.seen.bytes() + f.out.bytes() + f.near.bytes() + f.paths.bytes() + f.st.bytes() + f.window.bytes() +
		int64(cap(f.cur))*8 + int64(cap(f.ends)+cap(f.queue.next)+cap(f.queue.heads))*4
}

// decide walks to the end of the history, or to where nothing is left. Now and then it goes
// back a little, because what it was less than exact about matters: see refine.go. It is not
// ok if the object has too many states to be less than exact.
func (f *forward) decide() (r Result, ok bool) {
	r = Result{Events: len(f.p.events), Engine: Forward}
	n, alive := 0, true
	for !f.on() {
		if n < len(f.p.events) {
			f.remember(n)
			if alive = f.pass(f.p.events[n], int32(n)); alive {
				n++
			}
			if f.astray() {
				return r, false
			}
			if f.why != nil {
				break
			}
			if alive && n < len(f.p.events) && !f.dearer() {
				continue
			}
		}
		if !f.feasible(n) {
			n, alive = f.refine(n), true
		} else if !alive || n == len(f.p.events) {
			break
		}
	}
	r.Placed, r.Largest, r.Steps, r.Memory = n, f.largest, f.st.tried, max(f.peak, f.bytes())
	switch {
	case f.why != nil:
		r.Verdict, r.Why = Stopped, f.why
		return r, true
	case !alive:
		r.Verdict, r.At = Illegal, f.p.events[n].at
	}
	r.Order = func() []int32 { return f.p.order(f.p.states(), f.path, n) }
	return r, true
}

// pass deals with an event; it returns false if no configuration is left.
func (f *forward) pass(e event, n int32) bool {
	f.now = n
	if e.ret {
		return f.returned(e, n)
	}
	f.called(e)
	return true
}

func (f *forward) called(e event) {
	f.call(e)
	if e.slot == none || !f.p.classes[f.p.classOf[e.op]].pure {
		return
	}
	for at := 0; at < len(f.cur); at += f.p.layout.size {
		f.settle(f.cur[at : at+f.p.layout.size])
	}
}

// returned replaces the configurations by all those, but for covered ones, in which the
// operation of event e, number n, has taken effect or may be left out.
func (f *forward) returned(e event, n int32) bool {
	l := &f.p.layout
	word, bit := e.slot/64, uint64(1)<<(e.slot%64)
	goal := &f.p.classes[f.p.classOf[e.op]]
	f.seen.reset()
	f.out.reset()
	f.queue.reset()
	// What returns is not needed in its slot any more.
	emit := func(c []uint64) (int32, bool) {
		copy(f.tmp, c)
		f.tmp[0] &^= fresh
		f.tmp[1+word] &^= bit
		f.tmp[1+int32(l.m)+word] &^= bit
		return f.out.add(f.tmp, l.inUse(f.tmp), f.hard, none)
	}
	for i, node := range f.ends {
		c := f.cur[i*l.size : (i+1)*l.size]
		done, used := c[1+word]&bit != 0, c[1+int32(l.m)+word]&bit != 0
		if done {
			if at, added := emit(c); added {
				f.out.node[at] = node
			}
		}
		if !done || goal.blind && !used {
			level := l.inUse(c)
			if at, added := f.seen.add(c, level, f.hard, node); added {
				f.queue.push(at, level)
			}
		}
	}
	for f.queue.n > 0 {
		i := f.queue.pop()
		if f.seen.gone[i] {
			continue
		}
		if f.on() || f.astray() {
			return false
		}
		copy(f.from, f.seen.at(i))
		before := f.seen.node[i]
		level := int(f.seen.level[i])
		f.moved = f.moves(f.from, e.slot, f.moved[:0])
		for _, v := range f.moved {
			f.make(f.tmp, f.from, v)
			if v.slot == e.slot || goal.pure && f.tmp[1+word]&bit != 0 {
				if at, added := emit(f.tmp); added {
					f.out.node[at] = f.step(before, v, n)
				}
				continue
			}
			if at, added := f.seen.add(f.tmp, level+1, f.hard, none); added {
				f.seen.node[at] = f.step(before, v, n)
				f.queue.push(at, level+1)
			}
		}
	}
	if f.out.alive == 0 {
		return false
	}
	f.ret(e)
	f.collect()
	return true
}

func (f *forward) step(before int32, v move, event int32) int32 {
	op := ^v.class
	if v.slot != none {
		op = f.op[v.slot]
	}
	return f.paths.add(step{before, op, event})
}

// collect makes what came out the current configurations.
//
// A configuration b can be left out also if it is covered by what a move leads to from
// another one, a: then b is an eager variant of a. Whatever follows b follows a with that
// operation placed first, when it is needed. Each move uses one operation more and a
// configuration never covers one that uses less, so nothing is left out for its own sake.
func (f *forward) collect() {
	l := &f.p.layout
	f.cur, f.ends = f.cur[:0], f.ends[:0]
	look := f.p.off&(lookahead|dominance) == 0 && f.out.alive > 1
	keep := func(i int32) {
		f.cur, f.ends = append(f.cur, f.out.at(i)...), append(f.ends, f.out.node[i])
	}
	f.queue.reset()
	for i := range int32(f.out.len()) {
		switch {
		case f.out.gone[i]:
		case look:
			f.queue.push(i, int(f.out.level[i]))
		default:
			keep(i)
		}
	}
	f.near.reset()
	for n := 1; f.queue.n > 0; n++ {
		if f.halted(n) { // nothing comes of what is current any more
			return
		}
		i := f.queue.pop()
		c, level := f.out.at(i), int(f.out.level[i])
		if _, added := f.near.add(c, level, f.hard, none); !added {
			continue
		}
		keep(i)
		f.moved = f.moves(c, none, f.moved[:0])
		for _, v := range f.moved {
			f.make(f.tmp, c, v)
			f.tmp[0] &^= fresh
			f.near.add(f.tmp, level+1, f.hard, none)
		}
	}
	f.largest = max(f.largest, len(f.ends))
	states, ends := f.remembered()
	f.paths.forget(ends...)
	if f.st.forget(l, states...) {
		f.reach = f.reach[:0]
		clear(f.legal)
	}
}
