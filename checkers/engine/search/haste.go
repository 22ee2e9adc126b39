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
// Which operation is tried first makes all the difference to some histories, and nobody knows
// beforehand to which. So two walks take turns, each with more patience than the last time: one
// prefers what returns first, and uses operations that never return where nothing else helps;
// the other takes operations as they were called, those that never return as well. Short
// histories of few clients have a walk of their own that comes first, and goes on from where it
// stood when its turn comes again (packed.go).
//
// That settles most histories in the time of a walk through them. Those that it does not go on
// to the search that is complete, unless they are so short that here, too, all has been tried.

// DepthFirst is the engine's name, with its paper.
const DepthFirst = "depth-first search (Wing and Gong 1993)"

const (
	hopeless = 1 << 11 // configurations that a walk follows without getting further, at first
	given    = 1 << 18 // and in the end
)

// hasty decides a history by one path, if that will do.
func (p *problem) hasty(ctx context.Context, o Options) (r Result, ok bool) {
	patience := hopeless
	if p.pending > 0 {
		patience *= 2 // there are more ways to take, and a proof goes through all of them
	}
	var w *packed
	if o.off&packing == 0 && p.packable() {
		o.Memory /= 2
		w = newPacked(ctx, p, o)
	}
	var d *depth
	for ; patience <= given; patience *= 8 {
		if w != nil {
			switch v := w.walk(len(w.returns), 4*patience); {
			case w.excessive():
				w = nil
			case v != Stopped || w.why != nil:
				return w.result(v), true
			}
		}
		if d == nil {
			d = newDepth(ctx, p, o, byReturn)
		}
		switch d.walk(patience) {
		case Legal:
			return d.result(Legal), true
		case Illegal:
			if !d.dropped {
				return d.result(Illegal), true
			}
		}
		if d.why != nil {
			break
		}
		if d.prove(ctx, o, 16*patience) {
			return d.result(Illegal), true
		}
		rest := o
		rest.Memory -= d.brake.bytes()
		other := newDepth(ctx, p, rest, byCall)
		if v := other.walk(patience); v == Legal || v == Illegal && !other.dropped {
			return other.result(v), true
		}
	}
	r = d.result(Stopped)
	if r.Why = d.why; r.Why == nil {
		r.Why = ErrHaste
	}
	return r, false
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
		d.moveTo(from)
		if died, over := d.dies(ctx, o, from, n, most); died || over || from == 0 || back > recent {
			return died
		}
	}
}

// dies reports whether from all configurations that there can be before an event, where the
// window stands, none is left after event n. It is over when there are too many of them to say.
func (d *depth) dies(ctx context.Context, o Options, from, n, most int) (died, over bool) {
	p, st := d.p, d.st
	f := newForward(ctx, p, st, o)
	p.count(math.MaxInt32) // any number of those that never return
	defer p.count(0)
	f.copy(d.window)
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
