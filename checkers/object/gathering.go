package object

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/monitor"
	"github.com/faultline-dev/faultline/harness/history"
)

// gathering splits a history into its objects, in the order of their first use.
type gathering struct {
	*checker
	h          *history.History
	operations []*Operation // by the number that their name has in the history
	roles      []func8      // a set's, by the same
	index      map[id]*subject
	last       *subject
	all        []*subject
	cut        bool    // the sweep ended before the history did, and may not have seen all sets
	match      []int32 // the history's completions, once asked for
	failed     error
}

// id is what tells objects apart.
type id struct {
	key   int64
	keyed bool
}

// objects are those of a history: settled, or with the operations that are left to judge.
func (c *checker) objects(h *history.History) ([]*subject, error) {
	g := newGathering(c, h)
	if c.kind.Name == set.Name {
		g.assign()
		g.sweep()
		g.follow()
		g.testify()
	}
	g.gather()
	return g.all, g.failed
}

func newGathering(c *checker, h *history.History) *gathering {
	return &gathering{checker: c, h: h, operations: c.kind.numbered(h), index: map[id]*subject{}}
}

// subject is the object that an event is about.
func (g *gathering) subject(e *history.Row) *subject {
	if s := g.last; s != nil && s.Key == e.Key && s.Keyed == e.Keyed {
		return s
	}
	k := id{e.Key, e.Keyed}
	s := g.index[k]
	if s == nil {
		s = g.begin(k)
		g.index[k], g.all = s, append(g.all, s)
	}
	g.last = s
	return s
}

// begin makes an object, which holds at first what it should.
func (g *gathering) begin(k id) *subject {
	s := &subject{Subject: checkers.Subject{H: g.h, Key: k.key, Keyed: k.keyed}, kind: &g.kind}
	if !g.Initial.IsNil() {
		if s.kind.first == nil {
			g.failed = fmt.Errorf("%s has no initial value", article(s.kind.Name))
		} else if why := s.kind.first(s, g.Initial); why != "" {
			g.failed = fmt.Errorf("the initial value of %s is %s, and %s %s", article(s.kind.Name), s.kind.Initial, g.Initial, why)
		}
		s.first = len(s.ops)
	}
	if s.kind.Name == set.Name {
		s.lives = &lives{}
		if !k.keyed { // as many elements as one may expect
			s.numbers.Grow(g.h.Len()/8 + 1)
			s.lives.elements = make([]monitor.Element, 0, g.h.Len()/8+1)
		}
		for _, o := range s.ops {
			s.lives.of(int32(o.do.A)).Add(-1, -1)
		}
	}
	return s
}

func (g *gathering) completions() []int32 {
	if g.match == nil {
		g.match = g.h.Completions()
	}
	return g.match
}

// gather collects the operations of the objects that are open still.
func (g *gathering) gather() {
	if len(g.all) > 0 && !slices.ContainsFunc(g.all, func(s *subject) bool { return s.stand == open }) {
		return
	}
	match := g.completions()
	in := &call{}
	var e history.Row
	for i := range g.h.Len() {
		if g.h.ReadRow(i, &e); e.Type != history.Invoke || e.Process < 0 {
			continue
		}
		if s := g.subject(&e); s.stand == open {
			if !s.Keyed && s.ops == nil {
				s.ops = make([]op, 0, (g.h.Len()-i)/2+1)
			}
			g.take(s, in, i, &e, match[i])
		}
	}
	for _, s := range g.all {
		if s.stand == open {
			s.lives = nil
			s.settle()
			s.size = len(s.ops) - s.first
		}
	}
}

// take collects the operation that event i invokes and event at completes, if any does.
//
// What counts: everything that certainly happened, and what changes the object and may have.
// What certainly did not happen constrains nothing, nor does a question that nobody got an
// answer to.
func (g *gathering) take(s *subject, in *call, i int, e *history.Row, at int32) {
	if int(e.F) >= len(g.operations) || g.operations[e.F] == nil {
		s.Reject("operation %d is %q, and %s has %s", i, g.h.At(i).F, article(s.kind.Name), s.kind.has())
		return
	}
	in.ok, in.ret, in.out = false, pending, history.Nil
	if at >= 0 {
		switch g.h.TypeOf(int(at)) {
		case history.Fail:
			return
		case history.OK:
			in.ok, in.ret, in.out = true, at, g.h.Value(int(at))
		}
	}
	in.at, in.arg, in.process = i, g.h.ValueOf(i, e), int(e.Process)
	g.operations[e.F].gather(s, in)
}

// testify collects the operations on the elements of sets that are known to fail.
func (g *gathering) testify() {
	var all []*subject
	for _, s := range g.all {
		if s.stand == accused {
			s.culprit = s.numbers.Value(s.element)
			s.ops = slices.DeleteFunc(s.ops, func(o op) bool { return int32(o.do.A) != s.element })
			s.first = len(s.ops)
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return
	}
	apart := len(all) == 1 && all[0].culprit.Kind == history.KindInt // it is easily found
	var keys [1 << 12]bool                                           // by a glance at the key, whether it may be one of them
	glance := func(key int64) *bool { return &keys[uint64(key)%uint64(len(keys))] }
	for _, s := range all {
		*glance(s.Key) = true
	}
	in := &call{}
	var under history.ByProcess[int32] // one more than the invocation's index
	waiting := 0                       // for so many completions
	var e, invoked history.Row
	collect := func(i, at int32) {
		g.h.ReadRow(int(i), &invoked)
		s := g.subject(&invoked)
		n := len(s.ops)
		if g.take(s, in, int(i), &invoked, at); n < len(s.ops) && !s.blames(s.ops[n].do) {
			s.ops = s.ops[:n]
		}
		waiting--
	}
	for i := 0; i < g.h.Len(); i++ {
		if apart && waiting == 0 {
			if i = g.h.Next(i, all[0].culprit.A); i == g.h.Len() {
				break
			}
		}
		if g.h.ReadRow(i, &e); e.Process < 0 {
			continue
		}
		before := under.Of(int(e.Process))
		if *before > 0 {
			at := int32(i)
			if e.Type == history.Invoke {
				at = -1
			}
			collect(*before-1, at)
			*before = 0
		}
		if e.Type != history.Invoke || !*glance(e.Key) {
			continue
		}
		if s := g.subject(&e); s.stand == accused && s.concerns(g.h, i, &e) {
			*before = int32(i) + 1
			waiting++
		}
	}
	for before := range under.All() {
		if *before > 0 {
			collect(*before-1, -1)
		}
	}
	for _, s := range all {
		s.Fault = "" // what nobody understands came after it failed
		slices.SortFunc(s.ops[s.first:], func(a, b op) int { return cmp.Compare(a.call, b.call) })
		s.settle()
	}
}

// blames reports whether an operation turned out to be on the element that fails: whoever asked
// about that may have been told about another.
func (s *subject) blames(d Do) bool { return d.F != whole && int32(d.A) == s.element }

// concerns reports whether event i invokes an operation on the element that fails.
func (s *subject) concerns(h *history.History, i int, e *history.Row) bool {
	if e.Kind != s.culprit.Kind || e.Kind == history.KindInt && e.A != s.culprit.A {
		return false
	}
	return e.Kind == history.KindInt || h.Value(i) == s.culprit
}
