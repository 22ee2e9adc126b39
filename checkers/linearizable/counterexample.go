package linearizable

import (
	"slices"
	"sort"
	"time"

	"github.com/faultline-dev/faultline/checkers/engine/minimal"
	"github.com/faultline-dev/faultline/checkers/engine/search"
)

// part is a set of a subject's operations as a register of its own.
type part struct {
	*subject
	index []int32 // by operation of the part: which one of the whole it is
}

// part takes operations out of the prefix up to event limit.
func (s *subject) part(keep []int32, limit int32) part {
	p := part{&subject{h: s.h, key: s.key, keyed: s.keyed}, keep}
	renumber := func(v int32) int32 { return p.number.Of(s.values[v]) }
	renumber(initial)
	for _, i := range keep {
		o := s.ops[i]
		if o.kind != write {
			o.from = renumber(o.from)
		}
		if o.mutates() {
			o.to = renumber(o.to)
		}
		if o.ret > limit {
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
	return c.search(p.subject, limit, time.Until(deadline)/8, search.Options{}).Verdict
}

// reduce finds the minimal counterexample within the prefix of a story, which fails,
// starting from what is known to contradict itself.
func (c *check) reduce(s *subject, t *story, witness []int32, deadline time.Time) {
	found := minimal.Find(minimal.Problem{
		Ops:     s.within(t.limit),
		Rule:    s.sources(t.limit),
		Witness: witness,
		Illegal: func(keep []int32) (bool, bool) {
			out := c.decidePart(s.part(keep, t.limit), t.limit, deadline)
			return out == illegal, out != stopped
		},
		Stop: func() bool { return c.late(deadline) },
	})
	t.proof, t.minimal = found.Ops, found.Minimal
}

// mostReducing bounds the time that is spent on one key's counterexample: what takes longer
// is hardly one to look at.
const mostReducing = 5 * time.Second

// unwieldy is with how many operations a counterexample tells nobody anything, if there was no
// time to cut it down any further: its sentence has to do. One that is minimal, a chain of so
// many compare-and-sets, is told whatever its size.
const unwieldy = 500

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
		r := c.search(p.subject, limit, time.Until(deadline), search.Options{})
		if r.Verdict != legal {
			return nil
		}
		order = p.effective(r.Order(), limit)
	}
	for k, i := range order {
		order[k] = p.index[i]
	}
	return order
}

// tell puts a counterexample into a sentence: that of the conflict or the pair of
// operations in it, if it is one, else that of the places that its last operation has not.
func (c *check) tell(s *subject, t *story, deadline time.Time) {
	t.stuck = s.returnedAt(t.limit)
	p := s.part(t.proof, t.limit)
	t.about = t.proof
	if len(t.proof) > unwieldy && !t.minimal {
		t.about, t.proof, t.minimal = []int32{t.stuck}, nil, false
	} else {
		t.alone = c.orderPart(p, t.limit-1, deadline)
	}
	if p.unique() {
		if found := p.zones(t.limit).conflict; found != nil {
			found = p.whole(*found)
			t.sentence = s.zoneSentence(found, t)
			if found.why == overtaken || found.why == torn {
				t.sentence += s.othersClause(p, found.late)
			}
			if t.proof == nil {
				found.links = found.links[:min(len(found.links), 1)] // the one that is told of
				t.about = found.roles()
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
		t.sentence += s.othersClause(p, t.stuck)
		return
	}
	s.placeSentence(p, stuck, t)
}
