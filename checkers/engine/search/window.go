package search

import (
	"math/bits"
	"slices"
)

// window is what is open at an event: the operations in the slots, by class and by kind.
type window struct {
	p     *problem
	st    *states
	op    []int32 // of each slot; none: empty
	masks         // of the slots, by what holds them
	// Classes with an operation that can be tried.
	active []int32
	open   [][]int32 // of each class, its slots, by return
	called []int32   // of each class, how many were called that never return
	now    int32     // the number of the event
	epoch  uint32    // of the operations that are open
	known  []uint32  // the epoch in which a state's masks of legal ones were made
	words  []uint64  // these masks
	reach  []uint64  // of each state, where chains of operations can lead from there
	stale  bool      // reach is
}

type masks struct{ pure, blind, hard []uint64 }

func newWindow(p *problem, st *states) *window {
	w := &window{p: p, st: st, op: make([]int32, p.slots), open: make([][]int32, len(p.classes)), called: make([]int32, len(p.classes))}
	for i := range w.op {
		w.op[i] = none
	}
	m := p.layout.m
	w.masks = masks{make([]uint64, m), make([]uint64, m), make([]uint64, m)}
	w.epoch = 1
	return w
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
	c := w.p.classOf[e.op]
	if e.slot == none {
		if w.called[c]++; w.called[c] == 1 {
			w.stale = true
			if len(w.open[c]) == 0 {
				w.active = append(w.active, c)
			}
		}
		return
	}
	w.enter(e, c)
}

// enter puts an operation into its slot.
func (w *window) enter(e event, c int32) {
	w.op[e.slot] = e.op
	w.mask(c)[e.slot/64] |= 1 << (e.slot % 64)
	w.epoch++
	if w.p.classes[c].pure {
		return
	}
	if len(w.open[c]) == 0 && w.called[c] == 0 {
		w.active = append(w.active, c)
	}
	list, ret := w.open[c], w.p.retOf[e.op]
	at := len(list)
	for at > 0 && w.p.retOf[w.op[list[at-1]]] > ret {
		at--
	}
	w.open[c] = slices.Insert(list, at, e.slot)
}

func (w *window) ret(e event) { w.leave(e, w.p.classOf[e.op]) }

// leave empties an operation's slot.
func (w *window) leave(e event, c int32) {
	w.mask(c)[e.slot/64] &^= 1 << (e.slot % 64)
	w.op[e.slot] = none
	if w.p.classes[c].pure {
		return
	}
	at := slices.Index(w.open[c], e.slot) // what returns first stands first
	w.open[c] = slices.Delete(w.open[c], at, at+1)
	w.drop(c)
}

// drop has a class not tried any more of which there is no operation left.
func (w *window) drop(c int32) {
	if len(w.open[c]) == 0 && w.called[c] == 0 {
		at := slices.Index(w.active, c)
		w.active = slices.Delete(w.active, at, at+1)
	}
}

// undo has the window stand before the last event again.
func (w *window) undo(e event) {
	switch c := w.p.classOf[e.op]; {
	case e.ret:
		w.enter(e, c)
	case e.slot != none:
		w.leave(e, c)
	default:
		w.called[c]--
		w.stale = true
		w.drop(c)
	}
}

// legal returns the masks of the open pure operations, and of the open ones that are
// neither pure nor blind, which are legal in a state.
func (w *window) legal(state int32) (pure, hard []uint64) {
	m := int32(w.p.layout.m)
	for int(state) >= len(w.known) {
		w.known, w.words = append(w.known, 0), append(w.words, make([]uint64, 2*m)...)
	}
	words := w.words[2*state*m : 2*(state+1)*m]
	pure, hard = words[:m:m], words[m:]
	if w.known[state] == w.epoch {
		return pure, hard
	}
	w.known[state] = w.epoch
	for i := range w.pure {
		pure[i], hard[i] = 0, 0
		for rest := w.pure[i] | w.hard[i]; rest != 0; rest &= rest - 1 {
			bit := rest & -rest
			if w.st.after(state, w.class(int32(i*64+bits.TrailingZeros64(bit)))) == none {
				continue
			}
			pure[i] |= bit & w.pure[i]
			hard[i] |= bit & w.hard[i]
		}
	}
	return pure, hard
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
				for _, c := range w.active {
					if w.called[c] == 0 || w.p.classes[c].blind {
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
	for s := range w.reach {
		pure, hard := w.legal(int32(s))
		for i := range m {
			if (pure[i]&w.pure[i])&^c[1+i]|(hard[i]&w.hard[i])&^c[1+m+i] != 0 {
				set |= 1 << s
			}
		}
	}
	return set
}

// leads reports whether a state is one of the wanted, or leads to one.
func (w *window) leads(state int32, wanted uint64) bool {
	return int(state) >= len(w.reach) || w.reach[state]&wanted != 0
}

func (w *window) bytes() int64 { return int64(cap(w.known))*4 + int64(cap(w.words)+cap(w.reach))*8 }
