package synth

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/faultline-dev/faultline/harness/history"
)

const (
	// LostIncrement is a read of less than what was acknowledged before.
	LostIncrement = "lost-increment"
	// HeldTwice is a grant of a mutex that another process holds for certain.
	HeldTwice = "held-twice"
	// OldToken is a grant whose token is that of the grant before.
	OldToken = "old-token"
	// TornRead is a read of what two writes, one after the other, wrote to different registers.
	TornRead = "torn-read"
)

// counter counts up by one, in half of the operations; the others read.
type counter struct {
	g     *generator
	sum   int64
	acked int64 // of clients that go on to hear of it
	told  bool  // some increments return the sum, and where values repeat they are of any amount
}

func (n *counter) ask(c *client, crash bool) {
	if c.f = "read"; !crash && n.g.r.IntN(2) == 0 {
		return
	}
	c.f, c.arg = "increment", history.Int(1)
	if !n.told {
		return
	}
	if n.g.Values > 0 {
		c.arg = history.Int(1 + n.g.r.Int64N(int64(n.g.Values)))
	}
	switch k := n.g.r.IntN(3); {
	case k == 0:
		c.f = "add-and-get"
	case k == 1 && n.g.Values > 0:
		c.f = "decrement"
	}
}

func (n *counter) apply(o *call, c *client) {
	o.typ, o.out = history.OK, o.arg
	switch o.f {
	case "increment", "add-and-get":
		n.sum += o.arg.A
	case "decrement":
		n.sum -= o.arg.A
	}
	if o.f == "read" || o.f == "add-and-get" {
		o.out = history.Int(n.sum)
	}
	if o.f != "read" && c != nil {
		n.acked++
	}
}

func (*counter) happens(_ *call, r *rand.Rand) bool { return r.IntN(2) == 0 }

func lostIncrement(g *generator, c *client, on *instance) {
	n := on.object.(*counter)
	g.alone(c, on, "increment", history.Int(1), nil)
	g.alone(c, on, "read", history.Nil, func(o *call) { o.out = history.Int(n.acked - 1) })
}

// mutex is a lock that its owner gives back; who finds it held is told so. A crashed release
// takes effect in the end, or the rest would be failures. So would it be if a crashed acquire
// did, which one of a small history may.
type mutex struct {
	g      *generator
	held   int // by this process, by nobody, or by somebody who is gone
	fenced bool
	token  int64
}

const (
	nobody = -1
	gone   = -2
	small  = 20 // operations
)

func (m *mutex) ask(c *client, _ bool) {
	if c.f = "acquire"; c.own == 1 {
		c.f = "release"
	}
}

func (m *mutex) apply(o *call, c *client) {
	o.typ, o.out = history.OK, history.Nil
	switch {
	case o.f == "release":
		m.held = nobody
	case m.held != nobody:
		o.typ, o.err = history.Fail, "held"
		return
	default:
		if m.held = gone; c != nil {
			m.held = c.process
		}
		if m.token++; m.fenced {
			o.out = history.Int(m.token)
		}
	}
	if c != nil {
		c.own = 1 - c.own
	}
}

func (m *mutex) happens(o *call, r *rand.Rand) bool {
	return o.f == "release" || m.g.Operations < small && r.IntN(2) == 0
}

func heldTwice(g *generator, c *client, on *instance) {
	m, first := on.object.(*mutex), freed(g, on)
	second := client{process: g.process}
	g.process++
	g.alone(&first, on, "acquire", history.Nil, nil)
	m.held = nobody
	g.alone(&second, on, "acquire", history.Nil, nil)
	g.alone(&second, on, "release", history.Nil, nil)
	g.alone(&first, on, "release", history.Nil, nil)
}

// oldToken has a lock granted twice in turn, with one token.
func oldToken(g *generator, c *client, on *instance) {
	m, next := on.object.(*mutex), freed(g, on)
	g.alone(&next, on, "acquire", history.Nil, nil)
	g.alone(&next, on, "release", history.Nil, nil)
	m.token--
	g.alone(&next, on, "acquire", history.Nil, nil)
	g.alone(&next, on, "release", history.Nil, nil)
}

// freed makes sure that nobody holds the mutex any more, and returns somebody new.
func freed(g *generator, on *instance) client {
	m := on.object.(*mutex)
	for i := range g.clients {
		if h := &g.clients[i]; h.process == m.held {
			g.alone(h, on, "release", history.Nil, nil)
		}
	}
	m.held = nobody // a crashed release, if any was to come, has come
	g.process++
	return client{process: g.process - 1}
}

// registers are a few, read and written together.
type registers struct {
	g    *generator
	held [few]int64 // 0: absent
	next int64
}

const few = 3

func (x *registers) value() int64 {
	if x.g.Values > 0 {
		return 1 + x.g.r.Int64N(int64(x.g.Values))
	}
	x.next++
	return x.next
}

func (x *registers) ask(c *client, crash bool) {
	first := 0
	if crash {
		first = 1
	}
	reg := func() int { return x.g.r.IntN(few) }
	switch first + x.g.r.IntN(3-first) {
	case 0:
		c.f = "read"
	case 1:
		c.f, c.arg = "write", history.EDN(fmt.Sprintf("{%d %d}", reg(), x.value()))
	default:
		c.f, c.arg = "txn", history.EDN(fmt.Sprintf("[[:r %d nil] [:w %d %d] [:r %d nil]]", reg(), reg(), x.value(), reg()))
	}
}

func (x *registers) apply(o *call, _ *client) {
	o.typ = history.OK
	o.out, _ = carryOut(&x.held, o.f, o.arg)
}

func (*registers) happens(_ *call, r *rand.Rand) bool { return r.IntN(2) == 0 }

// carryOut does an operation on registers, and returns what it returns.
func carryOut(held *[few]int64, f string, arg history.Value) (result history.Value, ok bool) {
	text := func(n int64) string {
		if n == 0 {
			return "nil"
		}
		return fmt.Sprint(n)
	}
	var parts []string
	if f == "read" {
		for i, n := range held {
			parts = append(parts, fmt.Sprintf("%d %s", i, text(n)))
		}
		return history.EDN("{" + strings.Join(parts, " ") + "}"), true
	}
	all, ok := arg.Items()
	if f == "write" {
		for i := 0; i+1 < len(all); i += 2 {
			held[all[i].A] = all[i+1].A
		}
		return arg, ok
	}
	for _, e := range all {
		step, isStep := e.Items()
		if !isStep || len(step) != 3 {
			return history.Nil, false
		}
		if step[0].S == ":w" {
			held[step[1].A] = step[2].A
		}
		parts = append(parts, fmt.Sprintf("[%s %d %s]", step[0].S, step[1].A, text(held[step[1].A])))
	}
	return history.EDN("[" + strings.Join(parts, " ") + "]"), ok
}

// tornRead writes two registers twice, what nobody else writes, and reads a half of each.
func tornRead(g *generator, c *client, on *instance) {
	x := on.object.(*registers)
	x.next += 2
	a, b := int64(g.Values)+x.next-1, int64(g.Values)+x.next
	for _, v := range []int64{a, b} {
		g.alone(c, on, "write", history.EDN(fmt.Sprintf("{0 %d 1 %d}", v, v)), nil)
	}
	g.alone(c, on, "read", history.Nil, func(o *call) { o.out = history.EDN(fmt.Sprintf("{0 %d 1 %d}", a, b)) })
}
