// Package synth makes histories that checkers are measured and tested with: from a seed, of
// any size, with crashed clients, linearizable by construction, or with one violation that
// is illegal by construction.
//
// The one idea: clients that issue back to back, and whose operations take exponential
// times, have no memory. Whatever happened, the next to move is any of them with equal
// chance, so a history is made by drawing clients, in constant time an event, however many
// there are. A real sequential object stands behind them, to which each operation is
// applied at one moment between its invocation and its completion.
//
// Start with Spec and its Make; Small is for differential tests, and Order decides what it
// makes by trying every order.
package synth

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/harness/history"
)

// Spec says what history to make. The same spec makes the same history.
type Spec struct {
	Object     string `json:"object"`     // one of Objects
	Operations int    `json:"operations"` // about so many; a violation adds a few
	Clients    int    `json:"clients"`    // that issue side by side
	// Crashed operations are mutations, spread evenly: they end as info or never end, their
	// client goes on as another process, and half of them take effect, some time later.
	Crashed int `json:"crashed,omitempty"`
	// Keys are independent objects. Clients work in groups of ten at most, each on a key of
	// its own until that has had its share of the operations; 0 means one without a key.
	Keys int `json:"keys,omitempty"`
	// Values that are written, where they repeat; the last of them is never written by a
	// crashed operation. 0 means that each value is written once.
	Values int `json:"values,omitempty"`
	// Observe has compare-and-sets that fail tell the value that they saw.
	Observe bool   `json:"observe,omitempty"`
	Seed    uint64 `json:"seed"`
	// Violation is planted when nine tenths of the operations are done, after a quiet moment
	// in which nothing but crashed operations is under way: the name of one the object has.
	Violation string `json:"violation,omitempty"`
	// Pause is the chance that a client stays idle for a while after an operation.
	Pause float64 `json:"pause,omitempty"`
}

func (s Spec) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s operations=%d clients=%d crashed=%d", s.Object, s.Operations, s.Clients, s.Crashed)
	if s.Keys > 0 {
		fmt.Fprintf(&b, " keys=%d", s.Keys)
	}
	if s.Values > 0 {
		fmt.Fprintf(&b, " values=%d", s.Values)
	}
	if s.Observe {
		b.WriteString(" observe")
	}
	if s.Violation != "" {
		fmt.Fprintf(&b, " violation=%s", s.Violation)
	}
	fmt.Fprintf(&b, " seed=%d", s.Seed)
	return b.String()
}

// Objects are what histories can be made of.
func Objects() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// Violations are those that can be planted in histories of an object.
func Violations(object string) []string {
	k, _ := find(object)
	names := make([]string, len(k.violations))
	for i, v := range k.violations {
		names[i] = v.name
	}
	return names
}

// TypeOf is the type of object that histories are of, by the name that checkers know.
func TypeOf(object string) string {
	if k, _ := find(object); k.of != "" {
		return k.of
	}
	return object
}

// ModelOf is an object as the oracles know it, or nil.
func ModelOf(object string) *Model {
	k, _ := find(object)
	return k.model
}

// Make makes the history.
func (s Spec) Make() (*history.History, error) {
	k, ok := find(s.Object)
	if !ok {
		return nil, fmt.Errorf("there are no histories of %q; there are of: %s", s.Object, strings.Join(Objects(), ", "))
	}
	if s.Operations < 0 || s.Operations > 1e9 || s.Clients < 1 || s.Clients > 1e6 || s.Crashed < 0 || s.Crashed > s.Operations || s.Keys < 0 || s.Keys > 1e7 || s.Values < 0 || s.Values == 1 {
		return nil, fmt.Errorf("no history can be like that: %s", s)
	}
	g := &generator{Spec: s, kind: k, r: rand.New(rand.NewPCG(s.Seed, 0x5eed)), h: &history.History{}}
	if s.Violation != "" {
		i := slices.IndexFunc(k.violations, func(v violation) bool { return v.name == s.Violation })
		if i < 0 {
			return nil, fmt.Errorf("histories of %s have no violation %q; they have: %s", s.Object, s.Violation, strings.Join(Violations(s.Object), ", "))
		}
		g.violate = k.violations[i].plant
	}
	g.run()
	return g.h, nil
}

// phase is where a client stands.
type phase uint8

const (
	idle    phase = iota
	called        // its operation has been invoked
	applied       // and has taken effect
	doomed        // its operation will crash
)

// call is an operation under way, and what comes of it.
type call struct {
	of   *instance
	f    string
	arg  history.Value
	typ  history.Type
	out  history.Value
	err  string
	hold bool // it cannot take effect yet
}

// instance is an object with its key.
type instance struct {
	object
	key   int64
	keyed bool
}

// client is one that issues operations.
type client struct {
	call
	process int
	group   int
	phase   phase
	own     int64 // what the object remembers of the client
}

// generator is one history in the making.
type generator struct {
	Spec
	kind    kind
	r       *rand.Rand
	h       *history.History
	clients []client
	groups  []group
	lost    []call // crashed operations that are still to take effect
	keys    int    // instances made
	process int    // the next new process
	issued  int
	crashed int
	busy    int
	now     float64
	quiet   bool // nothing is invoked, for a violation to come
	violate func(g *generator, c *client, on *instance)
}

// group is some clients that share an instance.
type group struct {
	on   *instance
	left int // operations until it takes the next one
}

// groupSize is how many clients share a key.
const groupSize = 10

func (g *generator) run() {
	g.clients = make([]client, g.Clients)
	size := g.Clients
	if g.Keys > 0 {
		size = min(size, groupSize)
	}
	g.groups = make([]group, min((g.Clients+size-1)/size, max(1, g.Keys)))
	for i := range g.clients {
		g.clients[i] = client{process: i, group: i / size % len(g.groups)}
	}
	g.process = g.Clients
	plant := g.Operations * 9 / 10
	// A crashed operation waits longer than the others, as those that nobody waits for do.
	const patience = 4
	for g.issued < g.Operations || g.busy > 0 {
		if g.violate != nil && g.issued >= plant {
			if g.quiet = true; g.busy == 0 {
				g.violate(g, &g.clients[0], g.instance(0))
				g.violate, g.quiet = nil, false
			}
		}
		g.tick()
		if k := g.r.IntN(patience*len(g.clients) + len(g.lost)); k < patience*len(g.clients) {
			g.move(&g.clients[k/patience])
		} else {
			k -= patience * len(g.clients)
			c := g.lost[k]
			if c.of.apply(&c, nil); !c.hold {
				g.lost[k] = g.lost[len(g.lost)-1]
				g.lost = g.lost[:len(g.lost)-1]
			}
		}
	}
	if g.violate != nil { // of the shortest histories
		g.violate(g, &g.clients[0], g.instance(0))
	}
}

// tick lets time pass: a client moves once in a millisecond on average.
func (g *generator) tick() { g.now += g.r.ExpFloat64() * 1e6 / float64(len(g.clients)) }

// move lets a client do what comes next.
func (g *generator) move(c *client) {
	switch c.phase {
	case idle:
		g.issue(c)
	case called:
		if c.of.apply(&c.call, c); !c.hold {
			c.phase = applied
		}
	case applied:
		g.end(c)
		if g.Pause == 0 || g.r.Float64() >= g.Pause {
			g.issue(c)
		}
	case doomed:
		if g.r.IntN(2) == 0 {
			c.typ, c.out, c.err = history.Info, c.arg, "timeout"
			g.event(c, c.typ, c.out, c.err)
		}
		if c.of.happens(&c.call, g.r) {
			g.lost = append(g.lost, c.call)
		}
		c.process, c.phase, c.own = g.process, idle, 0
		g.process++
		g.busy--
		g.issue(c)
	}
}

// issue invokes the client's next operation, unless the history is to end or to pause.
func (g *generator) issue(c *client) {
	if g.quiet || g.issued >= g.Operations {
		return
	}
	on := g.instance(c.group)
	crash := g.Crashed > 0 && g.issued >= (g.crashed+1)*g.Operations/(g.Crashed+1)
	c.call = call{of: on}
	on.ask(c, crash)
	g.groups[c.group].left--
	g.issued++
	g.busy++
	c.phase = called
	if crash {
		c.phase = doomed
		g.crashed++
	}
	g.event(c, history.Invoke, c.arg, "")
}

// end completes the client's operation.
func (g *generator) end(c *client) {
	g.event(c, c.typ, c.out, c.err)
	c.phase = idle
	g.busy--
}

func (g *generator) event(c *client, t history.Type, v history.Value, err string) {
	g.h.Append(history.Op{Time: int64(g.now), Process: c.process, Type: t, F: c.f, Key: c.of.key, Keyed: c.of.keyed, Value: v, Error: err})
}

// instance is what a group works on.
func (g *generator) instance(n int) *instance {
	at := &g.groups[n]
	if at.on == nil || at.left <= 0 && g.keys < g.Keys {
		at.on = &instance{object: g.kind.make(g), key: int64(g.keys), keyed: g.Keys > 0}
		at.left = g.Operations / max(1, g.Keys)
		g.keys++
	}
	return at.on
}

// alone does one operation while nothing else is under way. What the client is told is the
// truth unless lie changes it.
func (g *generator) alone(c *client, on *instance, f string, arg history.Value, lie func(*call)) {
	c.call = call{of: on, f: f, arg: arg}
	g.tick()
	g.event(c, history.Invoke, arg, "")
	on.apply(&c.call, c)
	if lie != nil {
		lie(&c.call)
	}
	g.tick()
	g.event(c, c.typ, c.out, c.err)
}
