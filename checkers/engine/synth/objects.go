package synth

import (
	"math/rand/v2"
	"slices"

	"github.com/faultline-dev/faultline/harness/history"
)

// object is a sequential object and what clients ask of it.
type object interface {
	// ask fills in the client's next operation; one that will crash is a mutation.
	ask(c *client, crash bool)
	// apply has an operation take effect and fills in how it ends; c is nil when the client
	// is gone.
	apply(o *call, c *client)
	// happens decides whether a crashed operation ever takes effect.
	happens(o *call, r *rand.Rand) bool
}

// kind is a sort of object, or of a use that is made of one.
type kind struct {
	name       string
	of         string // the type of object that it is a use of; "": that of its name
	make       func(g *generator) object
	model      *Model
	violations []violation
}

// violation is a contradiction, planted while only crashed operations are under way.
type violation struct {
	name  string
	plant func(g *generator, c *client, on *instance)
}

func find(name string) (kind, bool) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		return kind{}, false
	}
	return kinds[i], true
}

var kinds = []kind{
	{"register", "", func(g *generator) object { return &register{g: g} }, &registerModel, []violation{{StaleRead, staleRead}}},
	{"cas-register", "", func(g *generator) object { return &register{g: g, cas: true} }, &registerModel,
		[]violation{{StaleRead, staleRead}, {TakenTwice, takenTwice}}},
	{"multi-register", "", func(g *generator) object { return &registers{g: g} }, &registersModel, []violation{{TornRead, tornRead}}},
	{"set", "", func(g *generator) object { return &set{g: g, in: map[int64]bool{}} }, &setModel, []violation{{LostElement, lostElement}}},
	{"set-read-whole", "set", func(g *generator) object { return &set{g: g, in: map[int64]bool{}, whole: true} }, &wholeSetModel,
		[]violation{{LostElement, lostElement}}},
	{"grow-only-set", "set", func(g *generator) object { return &set{g: g, in: map[int64]bool{}, whole: true, grows: true} }, &wholeSetModel,
		[]violation{{FromNowhere, fromNowhere}}},
	{"list", "", func(g *generator) object { return &list{g: g} }, &listModel, []violation{{LostElement, lostAppend}}},
	{"queue", "", func(g *generator) object { return &container{g: g, put: "enqueue", take: "dequeue"} }, &queueModel,
		[]violation{{OutOfOrder, outOfOrder}}},
	{"bag", "", func(g *generator) object { return &container{g: g, put: "enqueue", take: "dequeue", order: anyOf} }, &bagModel,
		[]violation{{FromNowhere, fromNowhere}}},
	{"stack", "", func(g *generator) object { return &container{g: g, put: "push", take: "pop", order: lastIn} }, &stackModel,
		[]violation{{OutOfOrder, outOfOrder}}},
	{"priority-queue", "", func(g *generator) object {
		return &container{g: g, put: "insert", take: "delete-min", order: smallest}
	}, &priorityModel, []violation{{OutOfOrder, outOfOrder}}},
	{"counter", "", func(g *generator) object { return &counter{g: g} }, &counterModel, []violation{{LostIncrement, lostIncrement}}},
	{"counter-told", "counter", func(g *generator) object { return &counter{g: g, told: true} }, &counterModel, []violation{{FromNowhere, fromNowhere}}},
	{"mutex", "", func(g *generator) object { return &mutex{g: g, held: nobody} }, &mutexModel, []violation{{HeldTwice, heldTwice}}},
	{"fenced-lock", "", func(g *generator) object { return &mutex{g: g, held: nobody, fenced: true} }, &fencedModel,
		[]violation{{HeldTwice, heldTwice}, {OldToken, oldToken}}},
}

// The violations.
const (
	// StaleRead is a read of a value that has been overwritten for certain.
	StaleRead = "stale-read"
	// TakenTwice are two compare-and-sets that both succeed on a value that was written once
	// since the last quiet moment. No two operations prove it by themselves.
	TakenTwice = "taken-twice"
)

// register is a register: read, write and, maybe, cas in equal parts.
type register struct {
	g    *generator
	cas  bool
	held history.Value
	next int64 // the next value, where each is written once
	old  history.Value
}

func (r *register) value(crash bool) int64 {
	switch n := r.g.Values; {
	case n == 0:
		r.next++
		return r.next
	case crash:
		return r.g.r.Int64N(int64(n) - 1)
	default:
		return r.g.r.Int64N(int64(n))
	}
}

func (r *register) ask(c *client, crash bool) {
	first, kinds := 0, 2
	if r.cas {
		kinds = 3
	}
	if crash {
		first = 1
	}
	switch first + r.g.r.IntN(kinds-first) {
	case 0:
		c.f = "read"
	case 1:
		c.f, c.arg = "write", history.Int(r.value(crash))
	default:
		from := c.own // what the client knows
		switch {
		case r.g.Values > 0:
			from = r.g.r.Int64N(int64(r.g.Values))
		case r.g.r.IntN(2) == 0:
			from = r.held.A
		}
		c.f, c.arg = "cas", history.Pair(from, r.value(crash))
	}
}

func (r *register) apply(o *call, c *client) {
	o.typ, o.out = history.OK, o.arg
	switch {
	case o.f == "read":
		o.out = r.held
		if c != nil {
			c.own = r.held.A
		}
		return
	case o.f == "write":
		r.held = o.arg
	case r.held == history.Int(o.arg.A):
		r.held = history.Int(o.arg.B)
	default:
		o.typ, o.err = history.Fail, "mismatch"
		if r.g.Observe && !r.held.IsNil() {
			o.out = r.held
		}
		return
	}
	// A value that a client wrote for certain, when half of the history was still to come.
	if c != nil && r.old.IsNil() && r.g.Values == 0 && r.g.issued >= r.g.Operations/2 {
		r.old = r.held
	}
}

func (*register) happens(_ *call, r *rand.Rand) bool { return r.IntN(2) == 0 }

// staleRead writes, overwrites and then reads what was overwritten, which no crashed
// operation can bring back. Where values are written once, it is one from long ago.
func staleRead(g *generator, c *client, on *instance) {
	r := on.object.(*register)
	stale, next := r.old, r.next+1
	if g.Values > 0 {
		stale, next = history.Int(int64(g.Values)-1), 0
	}
	if g.Values > 0 || stale.IsNil() {
		if stale.IsNil() {
			stale, next = history.Int(next), next+1
		}
		g.alone(c, on, "write", stale, nil)
	}
	g.alone(c, on, "write", history.Int(next), nil)
	g.alone(c, on, "read", history.Nil, func(o *call) { o.out = stale })
	r.next = max(r.next, next)
}

// takenTwice writes a value that no crashed operation writes, and has two clients replace
// it side by side, both with success.
func takenTwice(g *generator, c *client, on *instance) {
	r := on.object.(*register)
	at, a, b := int64(g.Values)-1, int64(0), int64(0)
	if g.Values == 0 {
		at, a, b, r.next = r.next+1, r.next+2, r.next+3, r.next+3
	}
	g.alone(c, on, "write", history.Int(at), nil)
	second := client{process: g.process, call: call{of: on, f: "cas", arg: history.Pair(at, b)}}
	g.process++
	g.event(&second, history.Invoke, second.arg, "")
	g.alone(c, on, "cas", history.Pair(at, a), nil)
	g.tick()
	g.event(&second, history.OK, second.arg, "")
}
