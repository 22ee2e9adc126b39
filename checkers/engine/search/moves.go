package search

import "math/bits"

// move is an operation that may take effect next in a configuration.
type move struct {
	class, state int32 // the state after it
	slot         int32 // none: one of those that never return
}

// moves lists the operations worth trying in configuration c on the way to the return of
// slot goal (none: of nothing in particular).
//
// Left out are:
//
//   - Pure operations. They took effect as soon as they were legal: whoever places one later
//     in the same state, or in another one, may as well place it here.
//
//   - Operations that may be left out and leave the state as it is. A blind one that does may
//     be of use all the same: another one that has to take effect yet can be placed, unseen,
//     before it.
//
//   - A blind operation right after another one, if nothing came of the first: no pure
//     operation took effect. The first could be left out and placed, unseen, before the second.
//
//   - All but the first of each class to return. Say x and y are of the same class and x
//     returns first. A legal order in which y is used next, and x later or never, is one in
//     which x is used next and y where x was. The exception is an x that may be left out when
//     y must not be: then both are tried. Operations that never return come last and may be
//     left out, so they are tried only when no other of their class is available.
func (w *window) moves(c []uint64, goal int32, to []move) []move {
	m := w.p.layout.m
	state, stale := stateOf(c), c[0]&fresh != 0
	done, used := c[1:1+m], c[1+m:1+2*m]
	hides := w.hides(done)
	wanted := ^uint64(0)
	if goal != none && w.p.off&aim == 0 && !w.aimless {
		wanted = w.wanted(c)
	}
	// useless: there is nothing to gain by it, unless it has to happen.
	useless := func(k *class, next int32) (same, idle bool) {
		return next == state && !(k.blind && hides), wanted != ^uint64(0) && !w.leads(next, wanted)
	}
	w.round++
	free := false // some may be left out
	for i := range m {
		for rest := (w.blind[i] | w.hard[i]) &^ used[i]; rest != 0; rest &= rest - 1 {
			slot := int32(i*64 + bits.TrailingZeros64(rest))
			n := w.class(slot)
			k := &w.p.classes[n]
			if stale && k.blind {
				continue
			}
			next := w.st.after(state, n)
			if next == none {
				continue
			}
			owed := done[i]&rest&-rest == 0
			if slot != goal && (k.blind || !owed) {
				if same, idle := useless(k, next); same && !owed || idle {
					continue
				}
			}
			to = w.offer(to, move{n, next, slot}, owed)
			free = free || !owed
		}
	}
	if free && w.p.off&symmetry == 0 {
		to = w.timely(to)
	}
	for _, n := range w.lost {
		k := &w.p.classes[n]
		if stale && k.blind || w.first[n].round == w.round && w.p.off&symmetry == 0 {
			continue
		}
		next := w.st.after(state, n)
		if next == none {
			continue
		}
		if same, idle := useless(k, next); same || idle {
			continue
		}
		if w.now < k.since || c[k.word]>>k.shift&k.mask < uint64(w.called[n]) {
			to = append(to, move{n, next, none})
		}
	}
	return to
}

// first is which of the moves of a class is by the operation that returns first, of those
// that have to take effect and of those that may be left out.
type first struct {
	round      uint32 // of moves in which this was found out
	owed, free earliest
}

type earliest struct{ at, ret int32 } // at none: there is none

// offer adds a move, in the place of one of its class that returns later.
func (w *window) offer(to []move, v move, owed bool) []move {
	if w.p.off&symmetry != 0 {
		return append(to, v)
	}
	f := &w.first[v.class]
	if f.round != w.round {
		*f = first{w.round, earliest{none, Pending}, earliest{none, Pending}}
	}
	e := &f.free
	if owed {
		e = &f.owed
	}
	ret := w.p.retOf[w.op[v.slot]]
	switch {
	case e.at == none:
		*e = earliest{int32(len(to)), ret}
		to = append(to, v)
	case ret < e.ret:
		e.ret, to[e.at] = ret, v
	}
	return to
}

// timely takes out the moves of operations that may be left out before which one of the same
// class returns that has to take effect.
func (w *window) timely(to []move) []move {
	kept := to[:0]
	for i, v := range to {
		if f := &w.first[v.class]; int(f.free.at) != i || f.free.ret < f.owed.ret {
			kept = append(kept, v)
		}
	}
	return kept
}

// hides reports whether a blind operation has another to hide that must take effect yet.
func (w *window) hides(done []uint64) bool {
	for i, word := range w.blind {
		if word&^done[i] != 0 {
			return true
		}
	}
	return false
}

// make puts into to the configuration after a move from c.
func (w *window) make(to, c []uint64, v move) {
	l := &w.p.layout
	copy(to, c)
	to[0] += usedOneIf(v.slot == none)
	setState(to, v.state)
	k := &w.p.classes[v.class]
	if v.slot == none {
		if w.now >= k.since {
			to[k.word] += 1 << k.shift
		}
	} else {
		bit := uint64(1) << (v.slot % 64)
		to[1+v.slot/64] |= bit
		to[1+int32(l.m)+v.slot/64] |= bit
		if !k.blind {
			to[0] &^= fresh // it had to happen
		}
	}
	if k.blind {
		for i, word := range w.blind {
			to[1+i] |= word
		}
	}
	switch {
	case w.settle(to):
		to[0] &^= fresh
	case k.blind || v.slot == none:
		to[0] |= fresh
	}
}

// settle lets the pure operations take effect that are legal, and reports whether there
// were any.
func (w *window) settle(c []uint64) bool {
	gained, state := false, stateOf(c)
	for i, word := range w.pure {
		for rest := word &^ c[1+i]; rest != 0; rest &= rest - 1 {
			if w.st.after(state, w.class(int32(i*64+bits.TrailingZeros64(rest)))) != none {
				c[1+i] |= rest & -rest
				gained = true
			}
		}
	}
	return gained
}

func usedOneIf(pending bool) uint64 {
	if pending {
		return usedOne
	}
	return 0
}
