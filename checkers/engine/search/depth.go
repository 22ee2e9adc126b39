package search

import (
	"context"
	"math"
)

// The history of a system that works has many legal orders, and one is enough. So before all
// configurations are kept, one is followed: depth first, back to the last choice where an
// operation finds no place (Wing and Gong, "Testing and verifying concurrent objects", JPDC
// 1993). A wrong choice shows within some operations. When nothing that was left untried lately
// helps, that is a failure which should be seen from near by, too: it begins in all
// configurations that there can be a little before (prove). If these come to nothing, so would
// have those that there were, and the path tells that the history up to there was legal.
//
// That settles most histories in the time of a walk through them. It is no complete search:
// those that it does not settle go on to the one that is.

// DepthFirst is the engine's name, with its paper.
const DepthFirst = "depth-first search (Wing and Gong 1993)"

// choice is a configuration that has not been followed yet, on the way to the return of an
// event.
type choice struct {
	event int32
	at    int32 // its words
	node  int32 // the last step of the path there
	must  bool  // what returns has to take effect though it may be left out
}

// depth is one attempt.
type depth struct {
	*window
	*brake
	paths paths
	// The choices left, by how many operations that never return were used, and their
	// configurations.
	stacks  [][]choice
	words   []uint64
	room    int // clean up when there are more words
	low     int // no stack below it has a choice
	left    int
	seen    []uint64 // hashes of configurations that were followed
	at      int      // the event that the window stands before
	deepest int32    // no path came past this event
	best    int32    // the last step of a path that came there
	idle    int      // configurations followed since
	moved   []move
	cur     []uint64
	largest int
}

const (
	nearby   = 48      // events within which it is preferred to use fewer operations that never return
	recent   = 1 << 12 // events that are gone back at most
	hopeless = 1 << 12 // configurations followed without getting further, at first
	given    = 1 << 18 // and in the end
	sights   = 1 << 12
	fewWords = 1 << 17
)

func newDepth(ctx context.Context, p *problem, o Options) *depth {
	d := &depth{window: newWindow(p, p.states()), brake: &brake{ctx: ctx, memory: o.Memory}, best: none, deepest: none, room: fewWords}
	d.brake.bytes = func() int64 {
		return d.paths.bytes() + d.st.bytes() + d.window.bytes() + int64(cap(d.words)+cap(d.seen))*8 + int64(d.left)*16
	}
	d.seen = make([]uint64, min(sights, 1<<bitsFor(2*len(p.events))))
	d.cur = make([]uint64, p.layout.size)
	d.stacks = make([][]choice, 1)
	setState(d.cur, d.st.init)
	return d
}

func bitsFor(n int) int {
	b := 4
	for 1<<b < n {
		b++
	}
	return b
}

// hasty decides a history by one path, if that will do.
func (p *problem) hasty(ctx context.Context, o Options) (r Result, ok bool) {
	d := newDepth(ctx, p, o)
	d.push(d.cur, choice{node: none})
	for patience := hopeless; patience <= given; patience *= 8 {
		switch d.walk(patience) {
		case Legal:
			return d.result(Legal), true
		case Illegal:
			patience = given // nothing is left to try
		}
		if d.why != nil {
			break
		}
		if d.prove(ctx, o, 16*patience) {
			return d.result(Illegal), true
		}
	}
	return r, false
}

func (d *depth) result(v Verdict) Result {
	n := int(d.deepest)
	r := Result{Verdict: v, Placed: n, Events: len(d.p.events), Largest: d.largest, Steps: d.st.tried, Memory: max(d.peak, d.brake.bytes()), Engine: DepthFirst}
	r.Order = d.p.order(d.paths.to(d.best), n)
	if v == Illegal {
		r.At = d.p.events[n].at
	}
	return r
}

// walk follows paths, until one comes to the end, or none has come further for so many
// configurations, or nothing is left to try.
func (d *depth) walk(patience int) Verdict {
	for d.idle < patience && !d.on() && d.st.count() < fewStates {
		c, found := d.pop()
		if !found {
			return Illegal
		}
		if d.follow(c) {
			return Legal
		}
		if len(d.words) > d.room {
			d.clean()
		}
	}
	return Stopped
}

// follow goes on from a configuration, to the next choice. It reports whether the history
// has ended.
func (d *depth) follow(c choice) bool {
	l := &d.p.layout
	d.moveTo(int(c.event))
	copy(d.cur, d.words[c.at:])
	must := c.must
	for ; d.at < len(d.p.events); d.at++ {
		e := d.p.events[d.at]
		d.now = int32(d.at)
		k := &d.p.classes[d.p.classOf[e.op]]
		if !e.ret {
			if d.call(e); k.pure {
				d.settle(d.cur)
			}
			continue
		}
		word, bit := 1+e.slot/64, uint64(1)<<(e.slot%64)
		if d.cur[word]&bit == 0 || must {
			break
		}
		used := &d.cur[word+int32(l.m)]
		if k.blind && *used&bit == 0 {
			d.push(d.cur, choice{event: d.now, node: c.node, must: true})
		}
		d.cur[0] &^= fresh
		d.cur[word] &^= bit
		*used &^= bit
		d.ret(e)
	}
	if int32(d.at) > d.deepest {
		d.deepest, d.best, d.idle = int32(d.at), c.node, 0
	}
	if d.at == len(d.p.events) {
		return true
	}
	d.branch(c.node, must)
	return false
}

// branch pushes what can be done next on the way to the return that is waited for.
func (d *depth) branch(node int32, must bool) {
	d.idle++
	n := int32(d.at)
	e := d.p.events[n]
	if d.known(n, must) {
		return
	}
	d.moved = d.moves(d.cur, e.slot, d.moved[:0])
	for pass := range 2 { // what returns comes last, so that it is tried first
		for i := len(d.moved) - 1; i >= 0; i-- {
			v := d.moved[i]
			if goal := v.slot == e.slot; goal != (pass == 1) {
				continue
			}
			at := int32(len(d.words))
			d.words = append(d.words, d.cur...)
			d.make(d.words[at:], d.cur, v)
			op := ^v.class
			if v.slot != none {
				op = d.op[v.slot]
			}
			d.stack(choice{event: n, at: at, node: d.paths.add(step{node, op, n}), must: must && v.slot != e.slot})
		}
	}
	d.largest = max(d.largest, d.left)
}

func (d *depth) push(c []uint64, as choice) {
	as.at = int32(len(d.words))
	d.words = append(d.words, c...)
	d.stack(as)
}

func (d *depth) stack(c choice) {
	level := int(d.words[c.at] >> 33)
	for len(d.stacks) <= level {
		d.stacks = append(d.stacks, nil)
	}
	d.stacks[level] = append(d.stacks[level], c)
	d.low = min(d.low, level)
	d.left++
}

// pop takes the choice to follow next: near by, one that uses fewest operations that never
// return; else the latest one.
func (d *depth) pop() (c choice, found bool) {
	from, latest := none, int32(none)
	for level := d.low; level < len(d.stacks); level++ {
		s := d.stacks[level]
		if len(s) == 0 {
			if level == d.low {
				d.low++
			}
			continue
		}
		top := s[len(s)-1].event
		if top > latest {
			from, latest = level, top
		}
		if top >= d.deepest-nearby {
			break
		}
		if top < d.deepest-recent {
			d.left -= len(s)
			d.stacks[level] = s[:0]
		}
	}
	if from == none || latest < d.deepest-recent {
		return c, false
	}
	s := d.stacks[from]
	c, d.stacks[from] = s[len(s)-1], s[:len(s)-1]
	d.left--
	return c, true
}

// known reports whether the configuration was followed before. Some that were not are taken
// for one that was, about one in 2^64, which a search that may fail can afford.
func (d *depth) known(n int32, must bool) bool {
	h := uint64(n+1) * 0xff51afd7ed558ccd
	if must {
		h ^= 1 << 63
	}
	for _, w := range d.cur {
		h = (h ^ w) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	at := &d.seen[h&uint64(len(d.seen)-1)]
	if *at == h {
		return true
	}
	*at = h
	return false
}

// moveTo has the window stand before event n.
func (d *depth) moveTo(n int) {
	for d.at > n {
		d.at--
		d.undo(d.p.events[d.at])
	}
	for ; d.at < n; d.at++ {
		if e := d.p.events[d.at]; e.ret {
			d.ret(e)
		} else {
			d.call(e)
		}
	}
}

// clean forgets choices that are too old to go back to.
func (d *depth) clean() {
	var words []uint64
	var ends []int32
	size := d.p.layout.size
	d.left = 0
	for level, s := range d.stacks {
		kept := s[:0]
		for _, c := range s {
			if c.event >= d.deepest-recent {
				at := int32(len(words))
				words = append(words, d.words[c.at:int(c.at)+size]...)
				c.at = at
				kept, ends = append(kept, c), append(ends, c.node)
			}
		}
		d.stacks[level] = kept
		d.left += len(kept)
	}
	d.words, d.room = words, max(fewWords, 2*len(words))
	ends = append(ends, d.best)
	d.paths.forget(ends)
	n := 0
	for _, s := range d.stacks {
		for i := range s {
			s[i].node = ends[n]
			n++
		}
	}
	d.best = ends[n]
}

// firstBack is how many events before the failure a proof begins at first.
const firstBack = 1 << 6

// prove tries to show that the operation past whose return no path came has no place, by no
// more than so many configurations.
func (d *depth) prove(ctx context.Context, o Options, most int) bool {
	if d.deepest < 0 || !d.st.close(len(d.p.classes)) {
		return false
	}
	back := firstBack
	if o.stretch > 0 {
		back = o.stretch
	}
	for n := int(d.deepest); ; back *= 8 {
		from := max(0, n-back)
		if died, over := d.p.dies(ctx, o, d.st, from, n, most); died || over || from == 0 || back > recent {
			return died
		}
	}
}

// dies reports whether from all configurations that there can be before an event none is left
// after event n. It is over when there are too many of them to say.
func (p *problem) dies(ctx context.Context, o Options, st *states, from, n, most int) (died, over bool) {
	f := newForward(ctx, p, st, o)
	p.count(math.MaxInt32) // any number of those that never return
	defer p.count(0)
	for _, e := range p.events[:from] {
		if e.ret {
			f.ret(e)
		} else {
			f.window.call(e)
		}
	}
	if from > 0 {
		l := &p.layout
		open := make([]uint64, l.m)
		for slot, op := range f.op {
			if op != none {
				open[slot/64] |= 1 << (slot % 64)
			}
		}
		f.cur, f.ends = f.cur[:0], f.ends[:0]
		for s := range st.count() {
			c := make([]uint64, l.size)
			setState(c, int32(s))
			copy(c[1:], open)
			f.cur, f.ends = append(f.cur, c...), append(f.ends, none)
		}
	}
	for i := from; i <= n; i++ {
		switch alive := f.pass(p.events[i], int32(i)); {
		case f.why != nil || f.ticks > most:
			return false, true
		case !alive:
			return i == n, i < n
		}
	}
	return false, false
}

// count has the operations of all classes that never return counted from an event on.
func (p *problem) count(since int32) {
	for i := range p.classes {
		p.classes[i].since = since
	}
}
