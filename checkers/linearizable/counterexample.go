package linearizable

import (
	"slices"
	"sort"
	"time"

	"github.com/faultline-dev/faultline/checkers/engine/minimal"
)

// part is a set of a subject's operations as a register of its own.
type part struct {
	*subject
	index []int32 // by operation of the part: which one of the whole it is
}

// part takes operations out of the prefix that sources were prepared for.
func (q *sources) part(keep []int32) part {
	p := part{&subject{h: q.s.h, key: q.s.key, keyed: q.s.keyed}, keep}
	renumber := func(v int32) int32 { return p.number.of(q.s.values[v]) }
	renumber(initial)
	for _, i := range keep {
		o := q.s.ops[i]
		if o.kind != write {
			o.from = renumber(o.from)
		}
		if o.mutates() {
			o.to = renumber(o.to)
		}
		if o.ret > q.limit {
			o.ret = pending
		}
		p.ops = append(p.ops, o)
	}
	p.spell()
	return p
}

// whole returns the conflict of a part as one of the whole.
func (p part) whole(c conflict) *conflict {
	back := func(i int32) int32 {
		if i == none {
			return none
		}
		return p.index[i]
	}
	c.late, c.since, c.lower, c.upper = back(c.late), back(c.since), back(c.lower), back(c.upper)
	c.links = slices.Clone(c.links)
	for k := range c.links {
		c.links[k] = back(c.links[k])
	}
	return &c
}

// decidePart is the verdict on a part, within the time.
func (c *check) decidePart(p part, limit int32, deadline time.Time) outcome {
	if p.unique() {
		if p.contradiction(limit) != nil {
			return illegal
		}
		return legal
	}
	if _, found := p.firstDoomed(limit); found {
		return illegal
	}
	b, release := c.brake(time.Until(deadline) / 8)
	defer release()
	out, _ := p.search(limit, false, b)
	return out
}

// reduce finds the minimal counterexample of a story, starting from what is known to
// contradict itself, and tells the story by it.
func (c *check) reduce(s *subject, t *story, witness []int32, allowed time.Duration) {
	deadline := time.Now().Add(allowed)
	if c.deadline.Before(deadline) {
		deadline = c.deadline
	}
	q := s.sources(t.limit)
	found := minimal.Find(minimal.Problem{
		Ops:     s.within(t.limit),
		Rule:    q,
		Witness: witness,
		Illegal: func(keep []int32) (bool, bool) {
			out := c.decidePart(q.part(keep), t.limit, deadline)
			return out == illegal, out != stopped
		},
		Stop: func() bool { return c.ctx.Err() != nil || time.Now().After(deadline) },
	})
	if !found.Minimal && len(found.Ops) > unwieldy {
		t.proof = witness
		s.vagueSentence(t)
		return
	}
	t.proof, t.minimal = found.Ops, found.Minimal
	if !t.shortest { // but what proves it may have returned earlier
		t.limit = s.lastReturn(t.proof, t.limit)
		t.stuck = s.returnedAt(t.limit)
		q = s.sources(t.limit)
	}
	p := q.part(t.proof)
	t.alone = c.orderPart(p, t.limit-1, deadline)
	s.tell(p, t)
}

// unwieldy is with how many operations a counterexample that is not known to be minimal
// tells nobody anything.
const unwieldy = 200

// lastReturn is when the last of some operations returned, up to event limit.
func (s *subject) lastReturn(ops []int32, limit int32) int32 {
	var last int32
	for _, i := range ops {
		if r := s.ops[i].ret; r <= limit {
			last = max(last, r)
		}
	}
	return last
}

// orderPart returns a legal order of the prefix of a part, as operations of the whole; nil
// if there is none or no time to find it.
func (c *check) orderPart(p part, limit int32, deadline time.Time) []int32 {
	var order []int32
	if p.unique() {
		order = p.zones(limit).order
	} else {
		b, release := c.brake(time.Until(deadline))
		defer release()
		_, order = p.search(limit, true, b)
		order = p.effective(order, limit)
	}
	for k, i := range order {
		order[k] = p.index[i]
	}
	return order
}

// tell puts a counterexample into a sentence: that of the conflict or the pair of
// operations in it, if it is one, else that of the places that its last operation has not.
func (s *subject) tell(p part, t *story) {
	if p.unique() {
		if found := p.zones(t.limit).conflict; found != nil {
			t.sentence = s.zoneSentence(p.whole(*found), t)
			if found.why == overtaken || found.why == torn {
				t.sentence += s.othersClause(p.index[found.late], t)
			}
			return
		}
	}
	stuck := int32(sort.Search(len(p.index), func(k int) bool { return p.index[k] >= t.stuck }))
	if int(stuck) == len(p.index) || p.index[stuck] != t.stuck {
		s.vagueSentence(t)
		return
	}
	if pairs := p.pairs(t.limit); p.ops[stuck].kind != write && pairs.doomed(stuck) {
		s.pairSentence(p, pairs, stuck, t)
		t.sentence += s.othersClause(t.stuck, t)
		return
	}
	s.placeSentence(p, stuck, t)
}
