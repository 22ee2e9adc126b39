package search

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
)

// A depth-first walk follows one configuration, back to the last choice where an operation finds
// no place. haste.go says what for.

// choice is a configuration from which there are steps that have not been followed yet, on the
// way to the return of an event.
type choice struct {
	event int32
	at    int32 // its words
	node  int32 // the last step of the path there
	moves int32 // where the steps stand
	left  int32 // how many they are; none: nobody has looked for them
	must  bool  // what returns has to take effect though it may be left out
	twin  bool  // another one has the same words
}

// depth is one attempt.
type depth struct {
	*window
	*brake
	paths paths
	// The choices, by how many operations that never return are used then, with their
	// configurations and the steps from there.
	stacks [][]choice
	words  []uint64
	todo   []move
	room   int // clean up when there are more words
	spare  struct {
		words []uint64
		todo  []move
	}
	low       int // no stack below it has a choice
	left      int
	seen      []uint64 // some configurations that were followed, each after its event
	dropped   bool     // some choices were, so that nothing is certain when none is left
	at        int      // the event that the window stands before
	deepest   int32    // no path came past this event
	best      int32    // the last step of a path that came there
	idle      int      // configurations followed since
	moved     []move
	cur       []uint64
	largest   int
	aimed     bool  // it has been found out whether moves may ask for their use
	preferred order // of steps
}

// order is which of the operations that may be next is tried first.
type order uint8

const (
	byReturn order = iota // the one that returns first; those that never do as few as possible
	byCall                // the one that was called first, those that never return before all others
)

const (
	easy       = 32      // configurations followed without getting further before moves ask for their use
	nearby     = 24      // events within which it is preferred to use fewer operations that never return
	recent     = 1 << 9  // events that are gone back at most
	sights     = 1 << 10 // configurations that are remembered at first
	most       = 1 << 18 // and in the end
	mostStates = 1 << 19 // that a walk by calls may come by; the one by returns comes by few
	fewWords   = 1 << 13
)

func newDepth(ctx context.Context, p *problem, o Options, preferred order) *depth {
	d := &depth{window: newWindow(p, p.states()), brake: &brake{ctx: ctx, memory: o.Memory}, best: none, deepest: none, room: fewWords, preferred: preferred}
	d.brake.bytes = func() int64 {
		return d.paths.bytes() + d.st.bytes() + d.window.bytes() + int64(cap(d.words)+cap(d.seen))*8 + int64(cap(d.todo))*12 + int64(d.left)*24
	}
	// Where all operations return little is tried that is of no use; where some do not, a walk that
	// has no trouble need not know.
	d.aimless, d.aimed = true, p.pending == 0
	d.cur = make([]uint64, p.layout.size)
	d.seen = make([]uint64, min(sights, 1<<bits.Len(uint(len(p.events)/8)))*(1+len(d.cur)))
	d.stacks = [][]choice{make([]choice, 0, 16)}
	expected := min(fewWords/8, 16+len(p.events)/4)
	d.words, d.todo = make([]uint64, 0, len(d.cur)*expected), make([]move, 0, expected)
	d.paths.steps = make([]step, 0, len(p.events)/2+1)
	setState(d.cur, d.st.init)
	d.keep(d.cur)
	d.stack(choice{node: none, left: none}, 0)
	return d
}

func (d *depth) result(v Verdict) Result {
	n := int(d.deepest)
	r := Result{Verdict: v, Placed: n, Events: len(d.p.events), Largest: d.largest, Steps: d.st.tried, Memory: max(d.peak, d.brake.bytes()), Engine: DepthFirst}
	if v == Illegal {
		r.At = d.p.events[n].at
	}
	if v != Stopped {
		r.Order = func() []int32 { return d.p.order(d.st, d.paths.to(d.best), n) }
	}
	return r
}

// walk follows paths, until one comes to the end, or none has come further for so many
// configurations, or nothing is left to try.
func (d *depth) walk(patience int) Verdict {
	states := fewStates
	if d.preferred == byCall {
		states = mostStates
	}
	for d.idle < patience && !d.on() && d.st.count() < states {
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

// follow takes the last step of a choice and goes on, to the next choice. It reports whether
// the history has ended.
func (d *depth) follow(c choice) bool {
	l := &d.p.layout
	d.moveTo(int(c.event))
	from := d.words[c.at : int(c.at)+l.size]
	if c.left == none {
		copy(d.cur, from)
	} else {
		v := d.todo[c.moves+c.left-1]
		d.make(d.cur, from, v)
		op := ^v.class
		if v.slot != none {
			op = d.op[v.slot]
		}
		c.node = d.paths.add(step{c.node, op, c.event})
		c.must = c.must && v.slot != d.p.events[c.event].slot
	}
	if c.left <= 1 && !c.twin && int(c.at)+l.size == len(d.words) { // the last that is kept, and nobody needs it any more
		d.words, d.todo = d.words[:c.at], d.todo[:c.moves]
	}
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
		if d.cur[word]&bit == 0 || c.must {
			break
		}
		used := &d.cur[word+int32(l.m)]
		if k.blind && *used&bit == 0 {
			d.stack(choice{event: d.now, at: d.keep(d.cur), node: c.node, moves: int32(len(d.todo)), left: none, must: true}, d.level())
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
	d.branch(c.node, c.must)
	return false
}

// branch takes down what can be done next on the way to the return that is waited for.
func (d *depth) branch(node int32, must bool) {
	if d.idle++; d.idle > easy && !d.aimed {
		d.aimless, d.aimed = !d.st.close(len(d.p.classes)), true
	}
	n := int32(d.at)
	if d.known(n, must) {
		return
	}
	goal := d.p.events[n].slot
	d.moved = d.moves(d.cur, goal, d.moved[:0])
	if len(d.moved) == 0 {
		return
	}
	// Last stands what is tried first.
	slices.SortFunc(d.moved, func(a, b move) int { return cmp.Compare(d.due(b), d.due(a)) })
	split := 0
	for split < len(d.moved) && d.moved[split].slot == none && d.preferred == byReturn {
		split++
	}
	c := choice{event: n, at: d.keep(d.cur), node: node, must: must, twin: 0 < split && split < len(d.moved)}
	for i, list := range [][]move{d.moved[:split], d.moved[split:]} {
		c.moves, c.left = int32(len(d.todo)), int32(len(list))
		if d.todo = append(d.todo, list...); c.left > 0 {
			d.stack(c, d.level()+1-i)
		}
	}
	d.largest = max(d.largest, d.left)
}

// due is when a move's turn is.
func (d *depth) due(v move) int32 {
	switch {
	case v.slot != none && d.preferred == byCall:
		return d.op[v.slot]
	case v.slot == none && d.preferred == byCall:
		return -1
	case v.slot == none:
		return Pending
	}
	return d.p.retOf[d.op[v.slot]]
}

// level is how many operations that never return the path has used.
func (d *depth) level() int {
	if d.preferred == byCall {
		return 0
	}
	return int(d.cur[0] >> 33)
}

func (d *depth) keep(c []uint64) int32 {
	d.words = append(d.words, c...)
	return int32(len(d.words) - len(c))
}

func (d *depth) stack(c choice, level int) {
	for len(d.stacks) <= level {
		d.stacks = append(d.stacks, nil)
	}
	d.stacks[level] = append(d.stacks[level], c)
	d.low = min(d.low, level)
	d.left++
}

// pop takes the step to follow next, the last of its choice: near by, of one that uses fewest operations that never
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
			d.stacks[level], d.dropped = s[:0], true
		}
	}
	if from == none || latest < d.deepest-recent {
		return c, false
	}
	s := d.stacks[from]
	c = s[len(s)-1]
	if s[len(s)-1].left--; c.left > 1 {
		return c, true
	}
	d.stacks[from] = s[:len(s)-1]
	d.left--
	return c, true
}

// known reports whether the configuration was followed before, if that is remembered.
func (d *depth) known(n int32, must bool) bool {
	key := uint64(n+1) << 1
	if must {
		key++
	}
	size := 1 + len(d.cur)
	if d.idle > len(d.seen)/size && len(d.seen) < most*size {
		d.seen = make([]uint64, 4*len(d.seen))
	}
	h := key * 0xff51afd7ed558ccd
	for _, w := range d.cur {
		h = (h ^ w) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	at := int(h&uint64(len(d.seen)/size-1)) * size
	seen := d.seen[at : at+size]
	if seen[0] == key && slices.Equal(seen[1:], d.cur) {
		return true
	}
	seen[0] = key
	copy(seen[1:], d.cur)
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
	words, todo := d.spare.words[:0], d.spare.todo[:0]
	var ends []int32
	size := d.p.layout.size
	d.left = 0
	for level, s := range d.stacks {
		kept := s[:0]
		for _, c := range s {
			if c.event >= d.deepest-recent {
				at, moves := int32(len(words)), int32(len(todo))
				words = append(words, d.words[c.at:int(c.at)+size]...)
				todo = append(todo, d.todo[c.moves:c.moves+max(0, c.left)]...)
				c.at, c.moves = at, moves
				kept, ends = append(kept, c), append(ends, c.node)
			} else {
				d.dropped = true
			}
		}
		d.stacks[level] = kept
		d.left += len(kept)
	}
	d.spare.words, d.spare.todo = d.words, d.todo
	d.words, d.todo, d.room = words, todo, max(fewWords, 2*len(words))
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
