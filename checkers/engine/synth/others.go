package synth

import (
	"math/rand/v2"

	"github.com/faultline-dev/faultline/harness/history"
)

const (
	// LostIncrement is a read of less than what was acknowledged before.
	LostIncrement = "lost-increment"
	// HeldTwice is a grant of a mutex that another process holds for certain.
	HeldTwice = "held-twice"
)

// counter counts up by one, in half of the operations; the others read.
type counter struct {
	g     *generator
	sum   int64
	acked int64 // of clients that go on to hear of it
}

func (n *counter) ask(c *client, crash bool) {
	if c.f = "read"; crash || n.g.r.IntN(2) == 0 {
		c.f, c.arg = "add", history.Int(1)
	}
}

func (n *counter) apply(o *call, c *client) {
	o.typ, o.out = history.OK, o.arg
	if o.f == "read" {
		o.out = history.Int(n.sum)
		return
	}
	n.sum++
	if c != nil {
		n.acked++
	}
}

func (*counter) happens(_ *call, r *rand.Rand) bool { return r.IntN(2) == 0 }

func lostIncrement(g *generator, c *client, on *instance) {
	n := on.object.(*counter)
	g.alone(c, on, "add", history.Int(1), nil)
	g.alone(c, on, "read", history.Nil, func(o *call) { o.out = history.Int(n.acked - 1) })
}

// mutex is a lock that its owner gives back; who finds it held is told so. A crashed acquire
// never takes effect, and a crashed release does in the end, or the rest would be failures.
type mutex struct {
	g    *generator
	held int // by this process, or -1
}

func (m *mutex) ask(c *client, _ bool) {
	if c.f = "acquire"; c.own == 1 {
		c.f = "release"
	}
}

func (m *mutex) apply(o *call, c *client) {
	o.typ, o.out = history.OK, history.Nil
	switch {
	case o.f == "release":
		m.held = -1
	case m.held >= 0:
		o.typ, o.err = history.Fail, "held"
		return
	default:
		m.held = c.process
	}
	if c != nil {
		c.own = 1 - c.own
	}
}

func (*mutex) happens(o *call, _ *rand.Rand) bool { return o.f == "release" }

func heldTwice(g *generator, c *client, on *instance) {
	m := on.object.(*mutex)
	for i := range g.clients {
		if h := &g.clients[i]; h.process == m.held {
			g.alone(h, on, "release", history.Nil, nil)
		}
	}
	first, second := client{process: g.process}, client{process: g.process + 1}
	g.process += 2
	m.held = -1 // a crashed release, if any was to come, has come
	g.alone(&first, on, "acquire", history.Nil, nil)
	m.held = -1
	g.alone(&second, on, "acquire", history.Nil, nil)
	g.alone(&second, on, "release", history.Nil, nil)
	g.alone(&first, on, "release", history.Nil, nil)
}
