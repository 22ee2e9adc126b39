package search

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
	wanted, aimed := ^uint64(0), goal == none || w.p.off&aim != 0
	for _, n := range w.active {
		k := &w.p.classes[n]
		if stale && k.blind {
			continue
		}
		next := w.st.after(state, n)
		if next == none {
			continue
		}
		same := next == state && !(k.blind && w.hides(done))
		// Without use: it may only be tried where it has to happen now.
		idle := false
		if !aimed {
			wanted, aimed = w.wanted(c), true
		}
		if wanted != ^uint64(0) && goal != none && w.p.off&aim == 0 {
			idle = !w.leads(next, wanted)
		}
		var first, free bool // one was found; it may be left out
		for _, slot := range w.open[n] {
			bit := uint64(1) << (slot % 64)
			owed := done[slot/64]&bit == 0
			if used[slot/64]&bit != 0 || same && !owed && slot != goal || idle && (k.blind || !owed) && slot != goal {
				continue
			}
			if !first || owed {
				to = append(to, move{n, next, slot})
			}
			first, free = true, !owed
			if w.p.off&symmetry == 0 && !free {
				break
			}
		}
		if same || idle || first && w.p.off&symmetry == 0 {
			continue
		}
		if w.called[n] > 0 && (w.now < k.since || c[k.word]>>k.shift&k.mask < uint64(w.called[n])) {
			to = append(to, move{n, next, none})
		}
	}
	return to
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
	gained := false
	pure, _ := w.legal(stateOf(c))
	for i, word := range pure {
		word &= w.pure[i]
		gained = gained || word&^c[1+i] != 0
		c[1+i] |= word
	}
	return gained
}

func usedOneIf(pending bool) uint64 {
	if pending {
		return usedOne
	}
	return 0
}
