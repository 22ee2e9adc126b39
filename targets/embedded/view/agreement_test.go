package view

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/harness/sim"
)

// council is what the test sees of a cluster that does nothing but agree on views.
type council struct {
	t       *testing.T
	adopted map[uint64]View
	last    uint64
	mended  map[node.ID]uint64 // the view in which each node's disk was last brought up to date
	broken  []string
}

// member is one of its nodes. In half of the views that it is in it is brought up to date.
type member struct {
	Agreement
	council *council
	cfg     Config
	env     node.Env
}

func (m *member) Start(env node.Env) {
	m.env = env
	m.Agreement.Start(env, m, m.cfg)
}

func (m *member) Receive(from node.ID, x node.Message) { m.Agreement.Receive(from, x) }
func (m *member) Request(node.RequestID, node.Message) {}
func (m *member) UpToDate() uint64                     { return m.council.mended[m.env.ID()] }
func (m *member) Serve(Waiter)                         {}

func (m *member) Adopted() {
	c, v := m.council, *m.Current()
	if known, ok := c.adopted[v.Number]; ok && !reflect.DeepEqual(known, v) {
		c.complain("%s adopted view %s, others view %s", m.env.ID(), &v, &known)
	}
	c.adopted[v.Number] = v
	c.last = max(c.last, v.Number)
	switch {
	case !m.Acting(v.Number):
	case v.First() == m.env.ID():
		if since := v.Members[0].Since; since == v.Number || m.UpToDate() < since {
			c.complain("the first of view %s has been a member since %d and was last brought up to date in %d", &v, since, m.UpToDate())
		}
		c.mended[m.env.ID()] = v.Number
	case m.env.Rand().IntN(2) == 0:
		c.mended[m.env.ID()] = v.Number
	}
}

func (c *council) complain(format string, args ...any) {
	c.broken = append(c.broken, fmt.Sprintf(format, args...))
}

// run makes one, and runs it through cuts and crashes.
func (c *council) run(seed uint64, cfg Config) {
	c.adopted, c.mended = map[uint64]View{}, map[node.ID]uint64{}
	ids := []node.ID{"n1", "n2", "n3", "n4", "n5"}
	w := sim.New(sim.Config{Seed: seed, Nodes: ids, System: node.System{New: func() node.Node { return &member{council: c, cfg: cfg} }}})
	r := rand.New(rand.NewPCG(seed, 0))
	w.Run(func() {
		for range 60 {
			for _, id := range ids {
				if err := w.Start(id); err != nil {
					c.t.Fatal(err)
				}
			}
			sides := make([]int, len(ids))
			for i := range sides {
				sides[i] = r.IntN(2)
			}
			side := func(id node.ID) int { return sides[id[1]-'1'] }
			w.Cut(func(from, to node.ID) bool { return side(from) != side(to) })
			for range r.IntN(3) {
				w.Kill(ids[r.IntN(len(ids))])
			}
			if err := w.Sleep(context.Background(), time.Duration(r.IntN(1500))*time.Millisecond); err != nil {
				c.t.Fatal(err)
			}
		}
		w.Uncut()
		for _, id := range ids {
			if err := w.Start(id); err != nil {
				c.t.Fatal(err)
			}
		}
		if err := w.Sleep(context.Background(), 3*time.Second); err != nil {
			c.t.Fatal(err)
		}
	})
}

// Through cuts and crashes there is one view of each number, its first member lacks
// nothing, and afterwards a whole view stands.
func TestOneViewOfEachNumber(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := &council{t: t}
			c.run(seed, Config{Size: 3})
			for _, what := range c.broken {
				t.Error(what)
			}
			if v := c.adopted[c.last]; c.last < 10 || len(v.Members) != 3 {
				t.Errorf("the last of %d views is %s", c.last, &v)
			}
		})
	}
}

// Each planted mistake breaks that.
func TestMistakesShow(t *testing.T) {
	for name, cfg := range map[string]Config{"forgetful": {Size: 3, Forgetful: true}, "anybody": {Size: 3, Anybody: true}} {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed <= 20; seed++ {
				c := &council{t: t}
				if c.run(seed, cfg); len(c.broken) > 0 {
					t.Logf("seed %d: %s", seed, c.broken[0])
					return
				}
			}
			t.Error("nothing was broken in 20 runs")
		})
	}
}
