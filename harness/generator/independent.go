package generator

// KeySeq is a sequence of keys.
type KeySeq struct{ next, end int64 }

// Keys are all keys from first on.
func Keys(first int64) KeySeq { return KeySeq{first, 1<<63 - 1} }

// KeyRange are n keys from first on.
func KeyRange(first, n int64) KeySeq { return KeySeq{first, first + n} }

// independent works on many keys side by side.
type independent struct {
	Twin[independent]
	perKey  func(key int64) Generator
	n       int // threads a key
	keys    KeySeq
	groups  []*group    // a successor that changes one has its own
	sets    []ThreadSet // the groups' threads, shared by all successors
	of      []int32     // thread+1 -> its group
	scratch *scratch
	turn    int // the thread to look at first
}

// group is some threads that share a key.
type group struct {
	Twin[group]
	g    Generator
	key  int64
	done bool
}

// with returns the group with its generator gone on.
func (g *group) with(next Generator) *group {
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	n.g = next
	return n
}

// Independent divides its threads into groups of n (the last one may be smaller). Each
// group works through the generator of a key of its own and, when that is done, goes on
// to the next key. Operations are keyed; a key's generator learns of its own events only.
func Independent(n int, keys KeySeq, perKey func(key int64) Generator) Generator {
	return &independent{perKey: perKey, n: max(n, 1), keys: keys, scratch: &scratch{}}
}

func (g *independent) succ() *independent {
	var spare []*group
	if other := g.Twin.other; other != nil {
		spare = other.groups
	}
	n, own := Succeed(g, &g.Twin)
	*n = *g
	n.Twin = own
	n.groups = append(spare[:0], g.groups...)
	return n
}

// deal forms the groups.
func (g *independent) deal(ctx *Context) *independent {
	d := *g
	d.Twin = Twin[independent]{}
	d.of = make([]int32, 64*len(ctx.threads.words))
	i := 0
	ctx.threads.Each(func(t int) bool {
		if i%d.n == 0 {
			d.sets = append(d.sets, ThreadSet{})
			d.groups = append(d.groups, d.nextKey())
		}
		d.of[t+1] = int32(len(d.sets) - 1)
		d.sets[len(d.sets)-1].add(t)
		i++
		return true
	})
	return &d
}

// nextKey takes a key.
func (g *independent) nextKey() *group {
	if g.keys.next >= g.keys.end {
		return &group{done: true}
	}
	key := g.keys.next
	g.keys.next++
	return &group{g: g.perKey(key), key: key}
}

func (g *independent) Op(ctx *Context) (Op, Status, Generator) {
	if g.sets == nil {
		g = g.deal(ctx)
	}
	n := g.succ()
	best, at, soon := Op{}, -1, int64(0)
	var next Generator
	// From each group with a free thread, beginning where the last operation did not come
	// from, until one is due now.
	for thread, k := g.turn, 0; k < len(g.sets); k++ {
		if thread = ctx.free.first(thread); thread == AnyThread {
			if thread = ctx.free.first(NemesisThread); thread == AnyThread {
				break
			}
		}
		i := int(g.of[thread+1])
		op, status, succ := n.ask(ctx, i)
		if status == Ready && (at < 0 || sooner(ctx, op, best)) {
			best, at, next = op, i, succ
		}
		if status == Pending {
			soon = hint(soon, op.Time)
		}
		if at >= 0 && best.Time <= ctx.Time {
			break
		}
		thread = g.sets[i].last() + 1
	}
	if at < 0 {
		if n.allDone() {
			return Op{}, Done, n
		}
		return Op{Time: soon}, Pending, n
	}
	n.groups[at] = n.groups[at].with(next)
	n.turn = best.Thread + 1
	return best, Ready, n
}

// ask asks a group, and takes it to its next key for as long as its key is done.
func (g *independent) ask(ctx *Context, i int) (Op, Status, Generator) {
	for !g.groups[i].done {
		gr := g.groups[i]
		inner := g.scratch.narrow(ctx, &g.sets[i])
		op, status, next := gr.g.Op(inner)
		if status == Done {
			g.groups[i] = g.nextKey()
			continue
		}
		if status == Ready && !inner.resolve(&op) {
			return Op{}, Pending, gr.g
		}
		op.Key, op.Keyed = gr.key, true
		return op, status, next
	}
	return Op{}, Done, nil
}

func (g *independent) allDone() bool {
	for i := range g.groups {
		if !g.groups[i].done {
			return false
		}
	}
	return true
}

func (g *independent) Update(ctx *Context, ev *Event) Generator {
	if ev.Thread+1 >= len(g.of) || !ev.Op.Keyed {
		return g
	}
	i := g.of[ev.Thread+1]
	gr := g.groups[i]
	if gr.done || gr.key != ev.Op.Key {
		return g // of a key that the group has left
	}
	next := gr.g.Update(ctx, ev)
	if next == gr.g {
		return g
	}
	n := g.succ()
	n.groups[i] = gr.with(next)
	return n
}

// last is the last thread of the set.
func (s *ThreadSet) last() int {
	last := AnyThread
	for t := s.first(NemesisThread); t != AnyThread; t = s.first(t + 1) {
		last = t
	}
	return last
}
