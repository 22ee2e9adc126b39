package words

import (
	"math/bits"
	"slices"

	"github.com/faultline-dev/faultline/checkers/engine/moments"
	"github.com/faultline-dev/faultline/checkers/engine/subsets"
)

// event is a call or return of an operation, and the slot that it has.
type event struct {
	op   int32
	slot uint8
	ret  bool
}

// stretch is how many events there are between two objects that are kept on the way.
const stretch = 1 << 10

// Order returns a legal order of n operations on an object that started in a state, up to a
// moment before which it was known not to fail: those that returned by then, and of the others
// those that took effect. It goes through the events once more, and back from a configuration at
// the end.
func Order(n int, span func(op int32) (call, ret int32), do func(op int32) Do, start uint8, before int32) (order []int32) {
	var events []event
	slots := make([]uint8, n)
	o := Start(start)
	var on [Open]int32 // the operation in each slot
	var kept []Object
	moments.Each(n, span, func(at, op int32, ret bool) {
		if at >= before {
			return
		}
		if len(events)%stretch == 0 {
			kept = append(kept, o)
		}
		if ret {
			o.Return(slots[op])
		} else {
			slots[op], _ = o.Call(do(op))
			on[slots[op]] = op
		}
		events = append(events, event{op, slots[op], ret})
	})
	b := back{on: on}
	for b.state < States-1 && o.held[b.state] == 0 {
		b.state++
	}
	b.set = uint8(bits.TrailingZeros64(o.held[b.state]))
	objects := make([]Object, 0, min(stretch, len(events))) // before each event
	for k := len(kept) - 1; k >= 0; k-- {
		part := events[k*stretch : min(len(events), (k+1)*stretch)]
		objects = objects[:0]
		for _, e := range part {
			objects = append(objects, kept[k])
			if e.ret {
				kept[k].Return(e.slot)
			} else {
				kept[k].Call(do(e.op))
			}
		}
		for i := len(part) - 1; i >= 0; i-- {
			b.over(part[i], &objects[i])
		}
	}
	slices.Reverse(b.order)
	return b.order
}

// back goes back from a configuration to one that it came from.
type back struct {
	state, set uint8
	on         [Open]int32
	order      []int32 // from the end
}

// over goes back over an event before which the object was so.
func (b *back) over(e event, before *Object) {
	if !e.ret {
		if b.set>>e.slot&1 != 0 { // it took effect with its call
			b.place(1 << e.slot)
		}
		return
	}
	b.on[e.slot] = e.op
	b.set |= 1 << e.slot
	held := func() bool { return before.held[b.state]>>b.set&1 != 0 }
	if held() {
		return
	}
	o := *before
	o.reach(subsets.Containing[e.slot])
	for b.step(&o, e.slot) && !held() {
	}
}

// place takes operations that took effect last, by their slots, out of the set.
func (b *back) place(slots uint8) {
	b.set &^= slots
	for ; slots != 0; slots &= slots - 1 {
		b.order = append(b.order, b.on[bits.TrailingZeros8(slots)])
	}
}

// step goes back one step, by the operation that was called last if there are several, before
// which the goal was not reached. With it took effect the pure operations that are legal after it.
func (b *back) step(o *Object, goal uint8) bool {
	last, from, with := uint8(Open), uint8(0), uint8(0)
	seen := uint8(o.seen>>(8*b.state)) & b.set
	for rest := o.hard & b.set; rest != 0; rest &= rest - 1 {
		slot := uint8(bits.TrailingZeros8(rest))
		if o.do[slot].To != b.state || last != Open && b.on[last] > b.on[slot] {
			continue
		}
		for now := seen; ; now = (now - 1) & seen {
			set := b.set &^ now &^ (1 << slot)
			if state, found := o.holding(o.do[slot].From, set); found && set>>goal&1 == 0 {
				last, from, with = slot, state, now
				break
			}
			if now == 0 {
				break
			}
		}
	}
	if last == Open {
		return false
	}
	b.place(with)
	b.place(1 << last)
	b.state = from
	return true
}

// holding returns one of some states that holds a configuration.
func (o *Object) holding(states, set uint8) (state uint8, found bool) {
	for ; states != 0; states &= states - 1 {
		if state = uint8(bits.TrailingZeros8(states)); o.held[state]>>set&1 != 0 {
			return state, true
		}
	}
	return 0, false
}
