package search

import (
	"context"
	"errors"
	"math"
	"math/bits"
	"slices"

	"github.com/faultline-dev/faultline/checkers/engine/subsets"
)

// Where no more than six operations are ever open at once, those that never return included,
// there are no more than 64 sets of open operations that may have taken effect, and all of the
// configurations in one state are a word: a bit for each set. So a depth-first walk takes them by
// the word: a step is one for all configurations of a state that it can be taken in, and that
// none is followed twice takes a word for each state and return. Nothing has to be compared or
// left out, so short histories of few clients, which parts of long ones are too, are
// decided in little more time than others take to begin.
//
// An operation's bit in the number of a set is its slot. Those that never return have the slots
// behind all others, and keep them.

const (
	mostPacked = 1 << 13 // events of a history that is decided by the word
	leastWords = 1 << 5  // by which configurations are remembered, at first
	mostWords  = 1 << 20 // and at most
)

// open is what is open when an operation returns.
type open struct {
	op    [subsets.Open]int32 // in each slot, or none
	order [subsets.Open]uint8 // slots with something in them that is not pure, what was called first in front
	hard  uint8               // so many
	pure  uint8               // the other slots, a bit for each
	goal  uint8               // the slot of what returns
	event int32               // its number
}

// packed is a walk.
type packed struct {
	*brake
	p       *problem
	st      *states
	returns []open
	stack   []place // the path that is followed: each from the one before
	known   []word  // a hash table: what was followed
	words   int     // in it
	deepest int32   // no path came past this return
	idle    int     // words come by since one did
	largest int     // the stack's size
}

// place is where a path stands: the configurations of a state before a return, and how many of
// the ways to go on have been taken.
type place struct {
	sets  uint64
	state int32
	at    int32 // the number of the return
	tried uint8
}

// word are the configurations of a state before a return that were followed.
type word struct {
	sets  uint64
	state int32
	at    int32 // one more than the number of the return
}

// packable reports whether a history is one to take by the word.
func (p *problem) packable() bool {
	return p.slots+p.pending <= subsets.Open && len(p.events) <= mostPacked
}

func newPacked(ctx context.Context, p *problem, o Options) *packed {
	w := &packed{brake: &brake{ctx: ctx, memory: o.Memory}, p: p, st: p.states()}
	w.brake.bytes = func() int64 {
		return w.st.bytes() + int64(cap(w.known))*16 + int64(cap(w.stack))*24 + int64(cap(w.returns))*40
	}
	w.returns = make([]open, 0, (len(p.events)+1)/2)
	now, lost := open{}, int32(p.slots)
	for i := range now.op {
		now.op[i] = none
	}
	for n, e := range p.events {
		switch {
		case e.ret:
			now.goal, now.event = uint8(e.slot), int32(n)
			w.returns = append(w.returns, now)
			now.leave(e.slot)
		case e.slot == none:
			now.enter(p, lost, e.op)
			lost++
		default:
			now.enter(p, e.slot, e.op)
		}
	}
	w.known = make([]word, max(leastWords, 2<<bits.Len(uint(len(w.returns)))))
	w.stack = make([]place, 0, 2*len(w.returns)+subsets.Open)
	w.begin()
	return w
}

// begin has the walk stand before the first return.
func (w *packed) begin() {
	if len(w.returns) > 0 {
		w.come(1, w.st.init, 0)
	}
}

// enter puts an operation into a slot.
func (o *open) enter(p *problem, slot, op int32) {
	o.op[slot] = op
	if p.classes[p.classOf[op]].pure {
		o.pure |= 1 << slot
		return
	}
	o.order[o.hard] = uint8(slot)
	o.hard++
}

// leave empties a slot.
func (o *open) leave(slot int32) {
	o.op[slot] = none
	if o.pure>>slot&1 != 0 {
		o.pure &^= 1 << slot
		return
	}
	at := slices.Index(o.order[:o.hard], uint8(slot))
	copy(o.order[at:], o.order[at+1:o.hard])
	o.hard--
}

// result is what the walk came to.
func (w *packed) result(v Verdict) Result {
	n := len(w.p.events)
	if v != Legal {
		n = int(w.returns[w.deepest].event)
	}
	r := Result{Verdict: v, Placed: n, Events: len(w.p.events), Largest: w.largest, Steps: w.st.tried, Memory: max(w.peak, w.brake.bytes()), Engine: DepthFirst}
	if v == Illegal {
		r.At = w.p.events[n].at
	}
	if v == Stopped {
		r.Why = w.why
	} else {
		r.Order = func() []int32 { return w.order(v == Legal) }
	}
	return r
}

// excessive reports whether there are too many words, or states, to go on with.
func (w *packed) excessive() bool {
	return w.words > mostWords || w.st.count() > fewStates || errors.Is(w.why, ErrMemory)
}

// walk looks for a path past so many returns, until none has come further for so many words or
// nothing is left to try. It goes on where it was stopped.
func (w *packed) walk(returns, patience int) Verdict {
	if returns == 0 {
		return Legal
	}
	for w.idle = 0; w.idle < patience && !w.on() && !w.excessive(); {
		if len(w.stack) == 0 {
			return Illegal
		}
		top := &w.stack[len(w.stack)-1]
		o := &w.returns[top.at]
		if top.tried == 0 {
			top.tried++
			if pass := top.led(o); pass != 0 {
				if int(top.at)+1 == returns {
					return Legal
				}
				w.come(pass, top.state, top.at+1)
				continue
			}
		}
		if top.tried > o.hard {
			w.stack = w.stack[:len(w.stack)-1]
			continue
		}
		slot := o.order[top.tried-1]
		top.tried++
		to := top.led(o)
		if to == 0 {
			continue
		}
		if next := w.st.after(top.state, w.p.classOf[o.op[slot]]); next != none {
			w.come(to, next, top.at)
		}
	}
	return Stopped
}

// led are the configurations that the way which was tried last leads to: first past the return,
// then by one step after the other.
func (c *place) led(o *open) uint64 {
	goal := subsets.Containing[o.goal]
	if c.tried == 1 {
		return c.sets & goal >> (1 << o.goal)
	}
	slot := o.order[c.tried-2]
	return c.sets &^ goal &^ subsets.Containing[slot] << (1 << slot)
}

// come goes on to configurations of a state before a return, as far as they are new.
func (w *packed) come(sets uint64, state, at int32) {
	for rest := w.seen(&w.returns[at], state); rest != 0; rest &= rest - 1 {
		sets = subsets.With(sets, uint8(bits.TrailingZeros8(rest)))
	}
	k := w.word(state, at+1)
	if sets &^= k.sets; sets == 0 {
		return
	}
	if k.sets == 0 {
		*k = word{state: state, at: at + 1}
		w.words++
	}
	k.sets |= sets
	if 2*w.words > len(w.known) {
		w.grow()
	}
	if w.idle++; at > w.deepest {
		w.deepest, w.idle = at, 0
	}
	w.stack = append(w.stack, place{sets: sets, state: state, at: at})
	w.largest = max(w.largest, len(w.stack))
}

// seen are the slots of pure operations that are legal in a state: they take effect there.
func (w *packed) seen(o *open, state int32) (slots uint8) {
	for rest := o.pure; rest != 0; rest &= rest - 1 {
		if slot := bits.TrailingZeros8(rest); w.st.after(state, w.p.classOf[o.op[slot]]) != none {
			slots |= 1 << slot
		}
	}
	return slots
}

// word is where the configurations of a state before a return stand, or a free place for them.
func (w *packed) word(state, at int32) *word {
	mask := uint64(len(w.known) - 1)
	h := (uint64(at)<<32 | uint64(state)) * 0x9e37_79b9_7f4a_7c15
	for i := h >> 32 & mask; ; i = (i + 1) & mask {
		if k := &w.known[i]; k.at == 0 || k.at == at && k.state == state {
			return k
		}
	}
}

func (w *packed) grow() {
	old := w.known
	w.known = make([]word, 4*len(old))
	for _, k := range old {
		if k.at != 0 {
			*w.word(k.state, k.at) = k
		}
	}
}

// order is a legal order along the path, if it is a legal one; else along a path that comes as far
// as any. It goes back from one of the configurations at its end.
func (w *packed) order(legal bool) (order []int32) {
	if !legal {
		w.brake = &brake{ctx: context.Background(), memory: math.MaxInt64, bytes: w.brake.bytes} // it went there before
		w.stack, w.words = w.stack[:0], 0
		clear(w.known)
		if w.deepest > 0 {
			w.begin()
			w.walk(int(w.deepest), math.MaxInt)
		}
	}
	set := none
	for i := len(w.stack) - 1; i >= 0; i-- {
		c := &w.stack[i]
		o := &w.returns[c.at]
		if set == none {
			set = bits.TrailingZeros64(c.led(o))
		}
		if c.tried == 1 {
			set |= 1 << o.goal
		} else {
			slot := o.order[c.tried-2]
			set &^= 1 << slot
			order = append(order, o.op[slot])
		}
		came := uint64(1)
		if i > 0 {
			before := &w.stack[i-1]
			came = before.led(&w.returns[before.at])
		}
		// Of the pure operations that took effect here some may have done so before.
		seen := w.seen(o, c.state) & uint8(set)
		now := seen
		for now != 0 && came>>(set&^int(now))&1 == 0 {
			now = (now - 1) & seen
		}
		set &^= int(now)
		for ; now != 0; now &= now - 1 {
			order = append(order, o.op[bits.TrailingZeros8(now)])
		}
	}
	slices.Reverse(order)
	return order
}
