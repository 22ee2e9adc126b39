package synth

import (
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/faultline-dev/faultline/harness/history"
)

// set is a set: half of the operations ask for an element, the others add new ones and
// remove them.
type set struct {
	g     *generator
	in    map[int64]bool
	next  int64
	whole bool // it is read as a whole, too
	grows bool // nothing but that, and nothing is removed
}

var no, yes = history.EDN("false"), history.EDN("true")

func truth(b bool) history.Value {
	if b {
		return yes
	}
	return no
}

func (s *set) ask(c *client, crash bool) {
	first := 0
	if crash {
		first = 2
	}
	switch k := first + s.g.r.IntN(4-first); {
	case k < 2 && s.whole && (s.grows || k == 0):
		c.f = "read"
	case k < 2:
		c.f, c.arg = "contains", history.Int(s.some())
	case k == 2 && !s.grows:
		c.f, c.arg = "remove", history.Int(s.some())
	default:
		s.next++
		v := s.next
		if s.g.Values > 0 {
			v = s.g.r.Int64N(int64(s.g.Values))
		}
		c.f, c.arg = "add", history.Int(v)
	}
}

// some is an element, one of the latest rather.
func (s *set) some() int64 {
	if s.g.Values > 0 {
		return s.g.r.Int64N(int64(s.g.Values))
	}
	return max(1, s.next-s.g.r.Int64N(64))
}

func (s *set) apply(o *call, _ *client) {
	if o.typ = history.OK; o.f == "read" {
		o.out = history.List(slices.Sorted(maps.Keys(s.in)))
		return
	}
	in := s.in[o.arg.A]
	o.out = truth(in)
	switch o.f {
	case "add":
		s.in[o.arg.A], o.out = true, truth(!in)
	case "remove":
		delete(s.in, o.arg.A)
	}
	if s.grows {
		o.out = o.arg
	}
}

func (*set) happens(_ *call, r *rand.Rand) bool { return r.IntN(2) == 0 }

// lostElement adds one that nobody else knows of, and has it missed.
func lostElement(g *generator, c *client, on *instance) {
	s := on.object.(*set)
	s.next += 2 // some may have asked for the first element before there was one
	v := history.Int(int64(g.Values) + s.next)
	g.alone(c, on, "add", v, nil)
	g.alone(c, on, "contains", v, func(o *call) { o.out = no })
}

// list is appended to, and read whole.
type list struct {
	g     *generator
	items []int64
	next  int64
}

func (l *list) ask(c *client, crash bool) {
	if c.f = "read"; !crash && l.g.r.IntN(2) == 0 {
		return
	}
	l.next++
	c.f, c.arg = "append", history.Int(l.next)
	if l.g.Values > 0 {
		c.arg = history.Int(l.g.r.Int64N(int64(l.g.Values)))
	}
}

func (l *list) apply(o *call, _ *client) {
	if o.typ, o.out = history.OK, o.arg; o.f == "read" {
		o.out = history.List(l.items)
		return
	}
	l.items = append(l.items, o.arg.A)
}

func (*list) happens(_ *call, r *rand.Rand) bool { return r.IntN(2) == 0 }

// lostAppend appends what nobody else appends, and has it missed.
func lostAppend(g *generator, c *client, on *instance) {
	l := on.object.(*list)
	l.next++
	g.alone(c, on, "append", history.Int(int64(g.Values)+l.next), nil)
	before := slices.Clone(l.items[:len(l.items)-1])
	g.alone(c, on, "read", history.Nil, func(o *call) { o.out = history.List(before) })
}
