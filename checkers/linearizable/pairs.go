package linearizable

import (
	"slices"
	"sort"
)

// pairs find operations that a search need not be asked about, whatever else happened and
// however often values were written: an operation that saw v is doomed if nobody had
// begun to write v when it returned, or if every such write was overwritten before the
// operation began - some mutation to another value was called after the last of those
// writes had returned, and had itself returned.
type pairs struct {
	s *subject
	// By value, its writers; last[k] returned last among those of the same value up to
	// writers.ops[k].
	writers byValue
	last    []int32
	// The mutations that certainly happened, by return; top[k] are among the first k+1 the
	// one called last, and the one called last to another value than that one's.
	done []int32
	top  [][2]int32
}

// pairs prepares for the prefix up to event limit.
func (s *subject) pairs(limit int32) *pairs {
	p := &pairs{s: s, writers: s.byValue(func(o op) bool { return o.mutates() && o.call <= limit })}
	p.last = make([]int32, len(p.writers.ops))
	for k, i := range p.writers.ops {
		o := s.ops[i]
		if p.last[k] = i; int32(k) > p.writers.starts[o.to] && s.ops[p.last[k-1]].ret > o.ret {
			p.last[k] = p.last[k-1]
		}
	}
	top := [2]int32{none, none}
	for _, i := range s.returned(limit) {
		if !s.ops[i].mutates() {
			continue
		}
		switch {
		case top[0] == none || s.ops[i].call > s.ops[top[0]].call:
			if top[0] != none && s.ops[i].to != s.ops[top[0]].to {
				top[1] = top[0]
			}
			top[0] = i
		case s.ops[i].to != s.ops[top[0]].to && (top[1] == none || s.ops[i].call > s.ops[top[1]].call):
			top[1] = i
		}
		p.done, p.top = append(p.done, i), append(p.top, top)
	}
	return p
}

// byValue are mutations by the value that they wrote, in order of their calls.
type byValue struct {
	starts []int32 // those of v stand from starts[v] on
	ops    []int32
}

func (b *byValue) of(v int32) []int32 { return b.ops[b.starts[v]:b.starts[v+1]] }

func (s *subject) byValue(chosen func(op) bool) byValue {
	b := byValue{starts: make([]int32, s.number.Len()+1)}
	for _, o := range s.ops {
		if chosen(o) {
			b.starts[o.to+1]++
		}
	}
	for v := range s.number.Len() {
		b.starts[v+1] += b.starts[v]
	}
	b.ops = make([]int32, b.starts[s.number.Len()])
	next := slices.Clone(b.starts)
	for i, o := range s.ops {
		if chosen(o) {
			b.ops[next[o.to]] = int32(i)
			next[o.to]++
		}
	}
	return b
}

// source is the write of the value that operation i saw which returned last, of those
// called before i returned; none if there is none but, maybe, the initial one.
func (p *pairs) source(i int32) int32 {
	o := p.s.ops[i]
	w := p.writers.of(o.from)
	k := sort.Search(len(w), func(k int) bool { return p.s.ops[w[k]].call > o.ret })
	if k > 0 && w[k-1] == i { // a compare-and-set of v to v is no source of its own
		k--
	}
	if k == 0 {
		return none
	}
	return p.last[int(p.writers.starts[o.from])+k-1]
}

// overwriter is the mutation to another value than operation i saw that was called last,
// of those that returned before i was called.
func (p *pairs) overwriter(i int32) int32 {
	o := p.s.ops[i]
	k := sort.Search(len(p.done), func(k int) bool { return p.s.ops[p.done[k]].ret > o.call })
	if k == 0 {
		return none
	}
	if top := p.top[k-1]; top[0] != none && p.s.ops[top[0]].to == o.from {
		return top[1]
	} else {
		return top[0]
	}
}

// doomed reports whether operation i, a read or compare-and-set, can have no place.
func (p *pairs) doomed(i int32) bool {
	o := p.s.ops[i]
	if o.ret == pending {
		return false
	}
	overwritten := int32(-1) // when the value was last written, at the latest
	switch source := p.source(i); {
	case source != none:
		overwritten = p.s.ops[source].ret
	case o.from != initial:
		return true
	}
	w := p.overwriter(i)
	return w != none && p.s.ops[w].call > overwritten
}

// firstDoomed returns the completion of the doomed operation that returned first.
func (s *subject) firstDoomed(limit int32) (event int32, found bool) {
	p := s.pairs(limit)
	event = pending
	for i, o := range s.ops {
		if o.kind != write && o.ret < event && p.doomed(int32(i)) {
			event = o.ret
		}
	}
	return event, event != pending
}
