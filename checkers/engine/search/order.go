package search

// order spells out the steps of a path: a legal order of the operations that had returned
// before event number limit, and of those besides that the path used. The pure and the blind
// ones that took effect silently are put where they did. States are those that have not forgotten any.
func (p *problem) order(st *states, path []step, limit int) []int32 {
	w := newWindow(p, st)
	// Who takes the part of an operation that never returns: those of a class in the order
	// in which they were called.
	ready := make([][]int32, len(p.classes))
	steps := make([]bool, len(p.classOf)) // operations with a step of their own
	for _, s := range path {
		if s.op >= 0 {
			steps[s.op] = true
		}
	}
	var order []int32
	state := st.init
	c := make([]uint64, p.layout.size)
	setState(c, state)
	place := func(op int32) {
		order = append(order, op)
		if next := st.after(state, p.classOf[op]); next != none {
			state = next
		}
	}
	pure := func() {
		for slot, op := range w.op {
			if op == none || c[1+slot/64]>>(slot%64)&1 != 0 || !p.classes[p.classOf[op]].pure {
				continue
			}
			if st.after(state, p.classOf[op]) != none {
				c[1+slot/64] |= 1 << (slot % 64)
				place(op)
			}
		}
	}
	at := 0
	for n := 0; n < len(p.events) && (n < limit || at < len(path)); n++ {
		e := p.events[n]
		if !e.ret {
			w.call(e)
			if e.slot == none {
				ready[p.classOf[e.op]] = append(ready[p.classOf[e.op]], e.op)
			}
			pure()
			continue
		}
		for ; at < len(path) && path[at].event == int32(n); at++ {
			op := path[at].op
			if op < 0 {
				op, ready[^op] = ready[^op][0], ready[^op][1:]
			}
			if p.classes[p.classOf[op]].blind {
				for slot, other := range w.op {
					if other == none || steps[other] || c[1+slot/64]>>(slot%64)&1 != 0 || !p.classes[p.classOf[other]].blind {
						continue
					}
					c[1+slot/64] |= 1 << (slot % 64)
					place(other)
				}
			}
			place(op)
			pure()
		}
		w.ret(e)
		c[1+e.slot/64] &^= 1 << (e.slot % 64)
	}
	return order
}
