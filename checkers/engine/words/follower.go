package words

import (
	"math/bits"
	"slices"

	"github.com/faultline-dev/faultline/checkers/engine/subsets"
)

// Follower is an Object that may have more operations which never return than fit into slots. As
// long as all fit it keeps all configurations, and what it says is so. After that it follows one
// history of those at a time: none of them has taken effect until it fails without. Then it goes
// back a little and has one of them take effect on the way, of those with which it does not fail
// the first; and if it fails later whatever it does, then the next.
//
// What it takes for legal then still is legal, for all of its configurations can have been. Where
// it gives up there may be an order that it did not come to.
type Follower struct {
	now    Object
	room   int
	never  []held // the operations that never return, as long as they fit
	frugal bool   // they do not

	// What it goes back by, if it is frugal:
	spares  []spare // the operations that never return
	log     []entry
	at      int      // of these have been gone through
	kept    []Object // before every few entries
	floor   int      // since this entry no spare was about to take effect
	base    Object   // before which it was so
	choices []choice
	tried   int // so many entries were gone through again, and attempts made
}

// entry is a call or return.
type entry struct {
	do   Do
	slot uint8
	ret  bool
}

// held is an operation that never returns, and its slot.
type held struct {
	do   Do
	slot uint8
}

// spare are the operations that never return and do the same. They are used in the order of their
// calls, for one that was called sooner can do all that a later one can.
type spare struct {
	do   Do
	at   []int // the entries before which they were called
	used int   // so many of them
}

// choice is a return before which some spare has to have taken effect.
type choice struct {
	at, next int // the entry; the attempt to go on with if this one fails
	floor    int
	base     Object
	spare    int // that was used
}

// often is how many entries lie between the objects that are kept, and reaches are how many entries
// one goes back at least to have a spare take effect.
const often = 32

var reaches = [...]int{often, 8 * often, 64 * often}

// Follow returns a Follower of an object in a state, whose calls and returns may come to room.
func Follow(state uint8, room int) Follower { return Follower{now: Start(state), room: room} }

// Exact reports whether it keeps all configurations.
func (f *Follower) Exact() bool { return !f.frugal }

// Call takes in that an operation was called that did this and will return. It is not ok if too
// many are open.
func (f *Follower) Call(d Do) (slot uint8, ok bool) {
	slot = f.now.free()
	if slot >= Open && len(f.never) > 0 && f.save() {
		slot = f.now.free()
	}
	if !f.frugal {
		if slot < Open {
			f.now.put(slot, d)
		}
		return slot, slot < Open
	}
	if slot >= spared {
		return slot, false
	}
	f.keep()
	f.log = append(f.log, entry{do: d, slot: slot})
	f.now.put(slot, d)
	f.at++
	return slot, true
}

// spared is the slot that is left to spares.
const spared = Open - 1

// Crash takes in that an operation was called that may do this at any time from now on. It is not
// ok if too many are open.
func (f *Follower) Crash(d Do) (ok bool) {
	if d.To == Same {
		return true
	}
	if !f.frugal {
		// Those that return have the first slots.
		if free := ^(f.now.hard | f.now.pure) & (1<<Open - 1); free != 0 {
			slot := uint8(bits.Len8(free)) - 1
			f.now.put(slot, d)
			f.never = append(f.never, held{d, slot})
			return true
		}
		if !f.save() {
			return false
		}
	}
	f.add(d)
	return true
}

// add adds a spare that is called now.
func (f *Follower) add(d Do) {
	i := slices.IndexFunc(f.spares, func(s spare) bool { return s.do == d })
	if i < 0 {
		i = len(f.spares)
		f.spares = append(f.spares, spare{do: d})
	}
	f.spares[i].at = append(f.spares[i].at, len(f.log))
}

// save makes it frugal. It is not ok if an operation that returns has the slot that is left to
// spares.
func (f *Follower) save() (ok bool) {
	slots := uint8(0) // of the spares
	for _, o := range f.never {
		slots |= 1 << o.slot
	}
	if slots>>spared&1 == 0 {
		return false
	}
	took := uint8(0) // of these, those that took effect: none, if that can be
	for f.now.all()&exactly(took, slots) == 0 {
		if took = (took - slots) & slots; took == 0 { // this was the last subset
			return false
		}
	}
	sets := exactly(took, slots)
	for state := range f.now.held {
		f.now.held[state] = f.now.held[state] & sets >> took
	}
	f.now.leave(slots)
	for _, o := range f.never {
		if took>>o.slot&1 == 0 {
			f.add(o.do)
		}
	}
	f.frugal, f.base = true, f.now
	f.log, f.kept = make([]entry, 0, f.room), make([]Object, 0, f.room/often+1)
	return true
}

// exactly are the subsets that have these slots and none of the others.
func exactly(these, others uint8) (sets uint64) {
	sets = ^sets
	for rest := others; rest != 0; rest &= rest - 1 {
		slot := bits.TrailingZeros8(rest)
		if in := subsets.Containing[slot]; these>>slot&1 != 0 {
			sets &= in
		} else {
			sets &^= in
		}
	}
	return sets
}

// Return takes in that an operation returned. It reports whether a legal order up to here is known;
// if it is exact, whether there is one.
func (f *Follower) Return(slot uint8) bool {
	if !f.frugal {
		return f.now.Return(slot)
	}
	f.keep()
	f.log = append(f.log, entry{do: f.now.do[slot], slot: slot, ret: true})
	if f.now.Return(slot) {
		f.at++
		return true
	}
	return f.mend()
}

// keep keeps the object before the entry, if it is time to.
func (f *Follower) keep() {
	if f.at%often == 0 {
		f.kept = append(f.kept[:f.at/often], f.now)
	}
}

// mend goes on to the end of the log from an entry that failed.
func (f *Follower) mend() bool {
	for next := 0; ; next = 0 {
		for !f.choose(next) {
			last := len(f.choices) - 1
			if last < 0 || !f.patient() {
				return false
			}
			c := f.choices[last]
			f.choices = f.choices[:last]
			f.spares[c.spare].used--
			f.at, f.floor, f.base, next = c.at, c.floor, c.base, c.next
		}
		for f.at < len(f.log) {
			if f.keep(); !f.now.take(f.log[f.at]) {
				break
			}
			f.at++
			f.tried++
		}
		if f.at == len(f.log) {
			return true
		}
	}
}

// patient reports whether it may go on trying. What is legal mostly takes a twentieth of its entries
// again.
func (f *Follower) patient() bool { return f.tried < 8*often+len(f.log)/2 }

// take takes in an entry. It reports whether there is a legal order.
func (o *Object) take(e entry) bool {
	if e.ret {
		return o.Return(e.slot)
	}
	o.put(e.slot, e.do)
	return true
}

// choose has some spare take effect shortly before the entry, which fails without. It makes
// attempts from a number on.
func (f *Follower) choose(next int) bool {
	candidates := f.candidates()
	f.tried++
	for ; next < len(reaches)*len(candidates) && f.patient(); next++ {
		which := candidates[next%len(candidates)]
		o, ok := f.attempt(reaches[next/len(candidates)], &f.spares[which])
		if !ok {
			continue
		}
		f.choices = append(f.choices, choice{f.at, next + 1, f.floor, f.base, which})
		f.spares[which].used++
		f.at++
		f.now, f.base, f.floor = o, o, f.at
		return true
	}
	return false
}

// candidates are spares of which one is left. Those come first that lead to what the operation found
// that returns.
func (f *Follower) candidates() (all []int) {
	found := f.log[f.at].do.From
	for _, first := range [...]bool{true, false} {
		for i := range f.spares {
			s := &f.spares[i]
			if s.used < len(s.at) && s.at[s.used] <= f.at && (found>>s.do.To&1 != 0) == first {
				all = append(all, i)
			}
		}
	}
	return all
}

// attempt has a spare take effect between the entry and so many before it, or somewhat more.
func (f *Follower) attempt(reach int, s *spare) (o Object, ok bool) {
	from := (f.at - reach) / often * often
	if o = f.base; from > f.floor {
		o = f.kept[from/often]
	} else {
		from = f.floor
	}
	call := max(from, s.at[s.used])
	f.tried += f.at - from + 1
	for i := from; i <= f.at; i++ {
		if i == call {
			o.put(spared, s.do)
		}
		if !o.take(f.log[i]) {
			return o, false
		}
	}
	return o, o.Return(spared)
}
