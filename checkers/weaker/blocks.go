package weaker

// blocks are the versions of a register that nothing can come between. A version written
// once is held for one stretch of time, so all that see it stand together, and a
// compare-and-set from it, which ends the stretch, begins the next one: a chain of
// compare-and-sets is one block, within which the order is given in stages (after Gibbons
// and Korach, SIAM J. Comput. 1997; Cantin, Lipasti and Smith, TPDS 2005).
//
//	write 1 | read 1, read 1 | cas 1->2 | read 2      one block, four stages
type blocks struct {
	count int
	of    []int32 // by version
	place []int32 // by version: where in its block it stands
	taker []int32 // by version: the compare-and-set from it, or none
}

// stage is where in its block an operation stands.
func (b *blocks) stage(o op) int32 {
	if o.kind == read {
		return 2*b.place[o.from] + 1
	}
	return 2 * b.place[o.to]
}

// block is the one that an operation belongs to.
func (b *blocks) block(o op) int32 { return b.of[o.version()] }

// knot is a way in which compare-and-sets alone contradict each other: two from the same
// version, or a circle of them.
type knot struct {
	a, b  int32
	links []int32 // of a circle, from a's version back to it
}

// blocks finds the blocks. Block 0 is that of the initial version.
func (r *register) blocks() (*blocks, *knot) {
	n := len(r.values)
	b := &blocks{of: fill(n), place: make([]int32, n), taker: fill(n)}
	for i, o := range r.ops {
		if o.kind != cas {
			continue
		}
		if t := b.taker[o.from]; t != none {
			return nil, &knot{a: t, b: int32(i)}
		}
		b.taker[o.from] = int32(i)
	}
	for v := range int32(n) {
		if w := r.writer[v]; v != initial && (w == none || r.ops[w].kind == cas) {
			continue
		}
		place := int32(0)
		for u := v; ; {
			b.of[u], b.place[u] = int32(b.count), place
			t := b.taker[u]
			if t == none {
				break
			}
			u = r.ops[t].to
			place++
		}
		b.count++
	}
	for v, w := range r.writer {
		if w == none || b.of[v] != none {
			continue
		}
		k := &knot{a: w, b: none}
		for t := b.taker[v]; t != w; t = b.taker[r.ops[t].to] {
			k.links = append(k.links, t)
		}
		return nil, k
	}
	return b, nil
}
