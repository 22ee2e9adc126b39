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
	epoch  uint32    // of the pure operations that are open
	legal  []uint32  // the epoch in which a state's mask of legal ones was made
	words  []uint64  // these masks
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
		if w.called[c]++; w.called[c] == 1 && len(w.open[c]) == 0 {
			w.active = append(w.active, c)
		}
		return
	}
	w.op[e.slot] = e.op
	w.mask(c)[e.slot/64] |= 1 << (e.slot % 64)
	if w.p.classes[c].pure {
		w.epoch++
		return
	}
	if len(w.open[c]) == 0 && w.called[c] == 0 {
		w.active = append(w.active, c)
	}
	at, _ := slices.BinarySearchFunc(w.open[c], w.p.retOf[e.op], func(slot, ret int32) int {
		return int(w.p.retOf[w.op[slot]]) - int(ret)
	})
	w.open[c] = slices.Insert(w.open[c], at, e.slot)
}

func (w *window) ret(e event) {
	c := w.p.classOf[e.op]
	w.mask(c)[e.slot/64] &^= 1 << (e.slot % 64)
	w.op[e.slot] = none
	if w.p.classes[c].pure {
		return
	}
	w.open[c] = slices.Delete(w.open[c], 0, 1) // what returns first stands first
	if len(w.open[c]) == 0 && w.called[c] == 0 {
		at := slices.Index(w.active, c)
		w.active = slices.Delete(w.active, at, at+1)
	}
}

// gain is the mask of the open pure operations that are legal in a state.
func (w *window) gain(state int32) []uint64 {
	m := w.p.layout.m
	for int(state) >= len(w.legal) {
		w.legal, w.words = append(w.legal, 0), append(w.words, make([]uint64, m)...)
	}
	mask := w.words[int(state)*m : (int(state)+1)*m]
	if w.legal[state] == w.epoch {
		return mask
	}
	w.legal[state] = w.epoch
	for i, word := range w.pure {
		mask[i] = 0
		for rest := word; rest != 0; rest &= rest - 1 {
			bit := rest & -rest
			slot := int32(i*64 + bits.TrailingZeros64(bit))
			if w.st.after(state, w.class(slot)) != none {
				mask[i] |= bit
			}
		}
	}
	return mask
}

func (w *window) bytes() int64 { return int64(cap(w.legal))*4 + int64(cap(w.words))*8 }
