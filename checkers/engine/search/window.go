package search

import "math/bits"

// window is what is open at an event: the operations in the slots, by class and by kind.
type window struct {
	p      *problem
	st     *states
	op     []int32    // of each slot; none: empty
	masks             // of the slots, by what holds them
	called []int32    // of each class, how many were called that never return
	lost   []int32    // the classes of which there are any, in the order of the first calls
	first  []first    // of each class, what moves has found
	round  uint32     // of moves
	now    int32      // the number of the event
	legal  []legality // of each class
	reach  []uint64   // of each state, where chains of operations can lead from there
	stale  bool       // reach is
	// aimless has moves not ask for their use, which takes steps from all known states.
	aimless bool
}

type masks struct{ pure, blind, hard []uint64 }

func newWindow(p *problem, st *states) *window {
	numbers, m := make([]int32, p.slots+len(p.classes)), p.layout.m
	w := &window{p: p, st: st, op: numbers[:p.slots], called: numbers[p.slots:], first: make([]first, len(p.classes))}
	for i := range w.op {
		w.op[i] = none
	}
	words := make([]uint64, 3*m)
	w.masks = masks{words[:m], words[m : 2*m], words[2*m:]}
	return w
}

// copy has the window stand where another one of the same problem does.
func (w *window) copy(o *window) {
	copy(w.op, o.op)
	copy(w.called, o.called)
	w.lost, w.stale = append(w.lost[:0], o.lost...), true
	copy(w.pure, o.pure)
	copy(w.blind, o.blind)
	copy(w.hard, o.hard)
}

func (w *window) class(slot int32) int32 { return w.p.classOf[w.op[slot]] }

func (w *window) mask(c int32) []uint64 {
	switch k := &w.p.classes[c]; {
	case k.pure:
		return w.pure
	case k.blind:
		return w.blind
	}
	return w.hard
}

func (w *window) call(e event) {
	if e.slot != none {
		w.enter(e)
		return
	}
	c := w.p.classOf[e.op]
	if w.called[c]++; w.called[c] == 1 {
		w.stale = true
		w.lost = append(w.lost, c)
	}
}

func (w *window) ret(e event) { w.leave(e) }

// enter puts an operation into its slot.
func (w *window) enter(e event) {
	w.op[e.slot] = e.op
	w.mask(w.p.classOf[e.op])[e.slot/64] |= 1 << (e.slot % 64)
}

// leave empties an operation's slot.
func (w *window) leave(e event) {
	w.op[e.slot] = none
	w.mask(w.p.classOf[e.op])[e.slot/64] &^= 1 << (e.slot % 64)
}

// undo has the window stand before the last event again.
func (w *window) undo(e event) {
	switch {
	case e.ret:
		w.enter(e)
	case e.slot != none:
		w.leave(e)
	default:
		c := w.p.classOf[e.op]
		if w.called[c]--; w.called[c] == 0 {
			w.stale = true
			w.lost = w.lost[:len(w.lost)-1]
		}
	}
}

// few is how many states there may be for reach and wanted to keep sets of them in a word.
const few = 64

// chains works out which states the operations that never return, other than blind ones,
// can lead to from each.
func (w *window) chains() {
	for known := -1; known != w.st.count(); {
		if known = w.st.count(); known > few {
			return
		}
		w.reach = w.reach[:0]
		for s := range known {
			w.reach = append(w.reach, 1<<s)
		}
		for again := true; again; {
			again = false
			for s := range known {
				set := w.reach[s]
				for _, c := range w.lost {
					if w.p.classes[c].blind {
						continue
					}
					if next := w.st.after(int32(s), c); next != none && next < int32(known) {
						set |= w.reach[next]
					}
				}
				if set != w.reach[s] {
					w.reach[s], again = set, true
				}
			}
		}
	}
}

// legality is in which states a class is legal.
type legality struct {
	states uint64
	known  int // of so many
}

// legalIn returns the states in which a class is legal.
func (w *window) legalIn(c int32) uint64 {
	if w.legal == nil {
		w.legal = make([]legality, len(w.p.classes))
	}
	l := &w.legal[c]
	for ; l.known < len(w.reach); l.known++ {
		if w.st.after(int32(l.known), c) != none {
			l.states |= 1 << l.known
		}
	}
	return l.states
}

// wanted is the set of states in which something of use happens to a configuration: a pure
// operation takes effect, or one can that has to and is not blind.
func (w *window) wanted(c []uint64) (set uint64) {
	m := w.p.layout.m
	if w.st.count() != len(w.reach) || w.stale {
		w.chains()
		w.stale = false
	}
	if w.st.count() > few {
		return ^uint64(0)
	}
	for i := range m {
		for rest := w.pure[i]&^c[1+i] | w.hard[i]&^c[1+m+i]; rest != 0; rest &= rest - 1 {
			set |= w.legalIn(w.class(int32(i*64 + bits.TrailingZeros64(rest))))
		}
	}
	return set
}

// leads reports whether a state is one of the wanted, or leads to one.
func (w *window) leads(state int32, wanted uint64) bool {
	return int(state) >= len(w.reach) || w.reach[state]&wanted != 0
}

func (w *window) bytes() int64 { return int64(cap(w.legal))*16 + int64(cap(w.reach))*8 }
