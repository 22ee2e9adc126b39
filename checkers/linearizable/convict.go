package linearizable

import (
	"cmp"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// A register that a sweep found a contradiction in is illegal, whatever else happened. Why can
// be told from few of its operations, so that the others are not gathered: those on the values
// that contradict each other, which say with which event the register fails, and those on the
// values that somebody had to do with shortly before. A block is in it whole, so the line that
// these blocks stand in is the same as among all of them; and that nothing had failed before,
// another sweep tells.

// accused reports whether there is one register, and a contradiction is known in it.
func (g *gathering) accused() bool {
	return len(g.all) == 1 && g.all[0].line != nil && len(g.all[0].line.roots) > 0
}

// mostAccused is how often the first failure is looked for before a failure.
const mostAccused = 4

// mostFew is how many operations are few: a chain of compare-and-sets may hold all there are.
const mostFew = 1 << 16

// convict tells why the accused register fails. If it cannot it gathers all operations, for
// others to tell.
func (c *check) convict(s *subject, f *finding, allowed time.Duration) bool {
	began := time.Now() // the verdict is there
	deadline := began.Add(min(allowed, mostReducing))
	roots := s.line.roots
	for range mostAccused {
		chosen := s.blocks(roots)
		few := c.g.confine(s, chosen, s.known(chosen, c.g.taking().match))
		if len(few.ops) > mostFew || few.contradiction(all) == nil {
			break
		}
		limit := int32(sort.Search(s.h.Len(), func(event int) bool { return few.contradiction(int32(event)) != nil }))
		before := newGathering(s.h, c.g.start)
		var wg sync.WaitGroup
		wg.Go(func() { before.sweep(limit - 1) })
		few = c.g.confine(s, s.blocks(append(c.g.lately(s, limit), roots...)), int32(s.h.Len()-1))
		c.g.count(s, few, limit)
		wg.Wait()
		earlier := before.all[0]
		if earlier.settled {
			f.verdict, f.story, f.about = checkers.Invalid, c.retell(few, limit, deadline), few
			f.telling = time.Since(began)
			return true
		}
		if !before.accused() {
			break
		}
		roots = nil
		for _, v := range earlier.line.roots {
			roots = append(roots, s.number.Of(earlier.number.Value(v)))
		}
	}
	s.line, s.ops = nil, nil
	c.g.gather()
	s.prune()
	s.size = len(s.ops)
	f.zones = s.unique()
	return false
}

// retell tells why a register fails with event limit, and not before.
func (c *check) retell(s *subject, limit int32, deadline time.Time) *story {
	s.spell()
	t := &story{engine: "zones", limit: limit, shortest: true, order: s.zones(limit - 1).order}
	c.reduce(s, t, s.contradiction(limit).roles(), deadline)
	c.tell(s, t, deadline)
	return t
}

// blocks returns which values are in the blocks of some values.
func (s *subject) blocks(values []int32) (chosen []bool) {
	s.line.stage(int32(s.number.Len() - 1))
	chosen = make([]bool, s.number.Len())
	for _, v := range values {
		if chosen[v] {
			continue
		}
		chosen[v] = true
		if root := s.line.root(v); root != none {
			for u := root; u != none; u = s.line.stages[u].next {
				chosen[u] = true
			}
		}
	}
	return chosen
}

// lately returns the values that the last operations up to event limit had to do with, so
// many that a picture can be made of them.
func (g *gathering) lately(s *subject, limit int32) (values []int32) {
	t := g.taking()
	for i, completed := int(limit), 0; i >= 0 && completed <= around; i-- {
		e, call := g.h.Row(i), i
		if e.Type != history.Invoke {
			if call = int(t.match[i]); e.Process < 0 || call < 0 {
				continue
			}
			e = g.h.Row(call)
		}
		if e.Process < 0 {
			continue
		}
		var o op
		if t.operation(s, call, &e, &o) {
			if values = append(values, o.leaves()); o.kind == cas {
				values = append(values, o.from)
			}
			if call != i && o.ret != pending {
				completed++
			}
		}
	}
	return values
}

// known is the event by which all that was known of the chosen values when the sweep ended had
// happened.
func (s *subject) known(chosen []bool, match []int32) (event int32) {
	for v, st := range s.line.stages {
		if !chosen[v] {
			continue
		}
		for _, e := range [...]int32{st.ret, st.first} {
			if e != pending {
				event = max(event, e)
			}
		}
		if st.last != none {
			event = max(event, match[st.last])
		}
	}
	return event
}

// confine gathers the operations on the chosen values alone, as a register of their own: who
// wrote them, and who saw them up to event limit, which is never before they were written.
func (g *gathering) confine(s *subject, chosen []bool, limit int32) *subject {
	t := g.taking()
	var e history.Row
	since := limit
	s.ops = s.ops[:0]
	for v, st := range s.line.stages {
		if !chosen[v] {
			continue
		}
		if since = min(since, max(0, st.call)); st.call != none {
			g.h.ReadRow(int(st.call), &e)
			t.take(s, int(st.call), &e)
		}
	}
	for i := since; i <= limit; i++ {
		if g.h.TypeOf(int(i)) == history.Invoke || t.match[i] < 0 {
			continue
		}
		if g.h.ReadRow(int(t.match[i]), &e); e.Process < 0 {
			continue
		}
		var o op
		if t.operation(s, int(t.match[i]), &e, &o) && o.kind == read && chosen[o.from] {
			s.ops = append(s.ops, o)
		}
	}
	slices.SortFunc(s.ops, func(a, b op) int { return cmp.Compare(a.call, b.call) })
	few := &subject{h: s.h, key: s.key, keyed: s.keyed}
	number := map[int32]int32{}
	renumber := func(v int32) int32 {
		n, found := number[v]
		if !found {
			n = few.number.Of(s.number.Value(v))
			number[v] = n
		}
		return n
	}
	renumber(initial)
	for _, o := range s.ops {
		if o.kind != write {
			o.from = renumber(o.from)
		}
		if o.mutates() {
			o.to = renumber(o.to)
		}
		few.ops = append(few.ops, o)
	}
	few.prune()
	return few
}

// count has few know how many operations it does without up to event limit.
func (g *gathering) count(s, few *subject, limit int32) {
	t := g.taking()
	var e history.Row
	called, completed := s.size, s.line.returned
	for i := int(limit) + 1; i < g.h.Len(); i++ {
		call := i
		if g.h.TypeOf(i) != history.Invoke {
			if call = int(t.match[i]); call < 0 {
				continue
			}
		}
		if g.h.ReadRow(call, &e); e.Process < 0 {
			continue
		}
		var o op
		if t.operation(s, call, &e, &o) {
			st := s.line.stages[o.leaves()]
			switch {
			case call != i && o.ret != pending:
				completed--
			case call == i && (o.ret != pending || st.seen()):
				called--
			}
		}
	}
	for _, o := range few.ops {
		if o.call <= limit {
			called--
		}
		if o.ret <= limit {
			completed--
		}
	}
	few.absent.called, few.absent.completed = called, completed
}
