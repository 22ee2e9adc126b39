// Package words decides whether a history of an object is linearizable (Herlihy and Wing, TOPLAS
// 1990) if the object has few states and few operations on it are ever open at once: a register
// of a handful of values, an element that is in a set or is not.
//
// The one idea is Lowe's just-in-time linearization ("Testing for linearizability", Concurrency
// and Computation 2017): keep all configurations in which the object may be - its state, and
// which of the open operations have taken effect - and let operations take effect no sooner
// than when one returns that had to. With at most six open operations there are 64 sets of them,
// so that the configurations in a state are the bits of a word, and an operation takes all of
// them at once from state to state. Nothing is searched for, looked up or gone back to: an event
// takes a few dozen instructions, however contended the object.
//
// Feed an Object with the calls and returns of its operations in their order, or a Follower where
// many may never return. Order finds a legal order afterwards.
package words

import (
	"math/bits"

	"github.com/faultline-dev/faultline/checkers/engine/subsets"
)

// States and Open are how many states an object may have and how many operations may be open.
const (
	States = 8
	Open   = subsets.Open
)

// Engine is the engine's name, with its paper.
const Engine = "just-in-time linearization by words (Lowe 2017)"

// Do is what an operation did, its result included.
type Do struct {
	From uint8 // the states in which it can have done so, a bit for each
	To   uint8 // the state after it; Same: the one before
}

// Same is the state after an operation that changes nothing.
const Same = 0xff

// Any are all states.
const Any = 0xff

// Object is one object.
type Object struct {
	held [States]uint64 // the configurations in each state, a bit for each set of slots
	do   [Open]Do       // in each slot
	seen uint64         // the slots of the pure operations that are legal in each state, eight bits for each
	lead uint64         // those of all others
	pure uint8          // the slots of operations that change nothing
	hard uint8          // those of all others
}

// Start returns an object in a state.
func Start(state uint8) (o Object) {
	o.held[state] = 1
	return o
}

// Call takes in that an operation was called that did this, or may do it at any time from now on
// if it never returns. The slot is for its Return. It is not ok if too many are open.
func (o *Object) Call(d Do) (slot uint8, ok bool) {
	if slot = o.free(); slot >= Open {
		return 0, false
	}
	o.put(slot, d)
	return slot, true
}

// free is the first slot that no operation has, Open or more if there is none.
func (o *Object) free() uint8 { return uint8(bits.TrailingZeros8(^(o.hard | o.pure))) }

// put is Call with a slot that is free.
func (o *Object) put(slot uint8, d Do) {
	o.do[slot] = d
	if d.To != Same {
		o.hard |= 1 << slot
		if d.From == Any {
			o.lead |= everywhere << slot
			return
		}
		for rest := d.From; rest != 0; rest &= rest - 1 {
			o.lead |= 1 << (8*bits.TrailingZeros8(rest) + int(slot))
		}
		return
	}
	// It takes effect as soon as it is legal: whoever places it later may as well place it here.
	o.pure |= 1 << slot
	for rest := d.From; rest != 0; rest &= rest - 1 {
		state := bits.TrailingZeros8(rest)
		o.held[state] = subsets.With(o.held[state], slot)
		o.seen |= 1 << (8*state + int(slot))
	}
}

// Return takes in that an operation returned. It reports whether there is a legal order up to
// here; when there is not, it is of no use to go on.
func (o *Object) Return(slot uint8) bool {
	goal := subsets.Containing[slot]
	all := o.reach(goal)
	h, shift := &o.held, uint8(1)<<slot&63 // written out, for a loop takes twice as long
	h[0], h[1], h[2], h[3] = h[0]&goal>>shift, h[1]&goal>>shift, h[2]&goal>>shift, h[3]&goal>>shift
	h[4], h[5], h[6], h[7] = h[4]&goal>>shift, h[5]&goal>>shift, h[6]&goal>>shift, h[7]&goal>>shift
	o.leave(1 << slot)
	return all&goal != 0
}

// everywhere is a slot in each state.
const everywhere = 0x01_01_01_01_01_01_01_01

// leave frees slots.
func (o *Object) leave(slots uint8) {
	o.hard, o.pure = o.hard&^slots, o.pure&^slots
	all := everywhere * uint64(slots)
	o.seen, o.lead = o.seen&^all, o.lead&^all
}

// State returns the state that the object is in, if that is certain, but for what operations may do
// that are open and need not have taken effect yet.
func (o *Object) State() (state uint8, certain bool) {
	states := 0
	for n, sets := range o.held {
		if sets != 0 {
			state = uint8(n)
			states++
		}
	}
	return state, states == 1
}

// reach has operations take effect until no configuration that lacks the goal leads to others.
// It returns the configurations in any state.
func (o *Object) reach(goal uint64) (all uint64) {
	if all = o.all(); all&^goal == 0 {
		return all
	}
	for todo := o.hard; todo != 0; {
		slot := uint8(bits.TrailingZeros8(todo))
		todo &= todo - 1
		d := o.do[slot]
		from := all
		if d.From != Any {
			from = o.in(d.From)
		}
		if from &^= goal | subsets.Containing[slot]; from == 0 {
			continue
		}
		to := d.To & (States - 1)
		sets := o.gain(to, from<<(1<<slot))
		if all |= sets; sets&^goal != 0 {
			todo |= uint8(o.lead>>(8*to)) &^ (1 << slot)
		}
	}
	return all
}

// all are the configurations in any state.
func (o *Object) all() (sets uint64) {
	h := &o.held // written out as well
	return h[0] | h[1] | h[2] | h[3] | h[4] | h[5] | h[6] | h[7]
}

// in are the configurations in some states.
func (o *Object) in(states uint8) (sets uint64) {
	for ; states != 0; states &= states - 1 {
		sets |= o.held[bits.TrailingZeros8(states)&(States-1)]
	}
	return sets
}

// gain adds configurations to a state, after the pure operations that are legal there, and
// returns those that are new.
func (o *Object) gain(state uint8, sets uint64) uint64 {
	held := o.held[state]
	if sets&^held == 0 {
		return 0
	}
	for rest := uint8(o.seen >> (8 * state)); rest != 0; rest &= rest - 1 {
		sets = subsets.With(sets, uint8(bits.TrailingZeros8(rest)))
	}
	o.held[state] = held | sets
	return sets &^ held
}
