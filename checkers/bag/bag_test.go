package bag

import (
	"context"
	"flag"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/stories"
	"github.com/faultline-dev/faultline/harness/history"
)

var histories = flag.Int("histories", 3000, "random histories of the tests with stores and oracles")

// TestStories runs the histories in testdata.
func TestStories(t *testing.T) {
	stories.Run(t, func(*datadriven.TestData) checkers.Checker { return New() })
}

// TestBudget holds that what there is no time or room for is unknown.
func TestBudget(t *testing.T) {
	h, err := stories.Parse("0 0 invoke add 1\n1 0 ok add 1\n4 phase final\n5 0 invoke read\n6 0 ok read [1]")
	if err != nil {
		t.Fatal(err)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if r := New().Check(context.Background(), h, checkers.Budget{}); r.Valid != checkers.Valid {
		t.Errorf("%+v", r)
	}
	if r := New().Check(context.Background(), h, checkers.Budget{Memory: 1}); r.Valid != checkers.Unknown || r.Reason == "" {
		t.Errorf("without memory: %+v", r)
	}
	if r := New().Check(done, h, checkers.Budget{}); r.Valid != checkers.Unknown || r.Reason == "" {
		t.Errorf("without time: %+v", r)
	}
}

// tag is one add of an element in an observed-remove set.
type tag struct {
	element int64
	n       int
}

// replica holds tags, and those that were removed.
type replica struct{ tags, removed map[tag]bool }

// store is a toy of observed-remove sets that take changes each by itself and tell each
// other later, maybe with a mistake.
type store struct {
	r        *rand.Rand
	replicas []replica
	mistake  string
}

func (s *store) merge(from, to int) {
	a, b := s.replicas[from], s.replicas[to]
	if s.mistake == "collect-early" && s.r.Intn(2) == 0 { // though others may not have heard of it
		for t := range a.removed {
			delete(a.tags, t)
		}
		clear(a.removed)
	}
	for t := range a.tags {
		b.tags[t] = true
	}
	for t := range a.removed {
		b.removed[t] = true
		if s.mistake == "drop-concurrent" { // a tombstone for all adds of the element
			for u := range b.tags {
				if u.element == t.element && u.n > t.n {
					b.removed[u] = true
				}
			}
		}
	}
}

func (s *store) read(at int) (elements []int64) {
	for t := range s.replicas[at].tags {
		if !s.replicas[at].removed[t] && !slices.Contains(elements, t.element) {
			elements = append(elements, t.element)
		}
	}
	slices.Sort(elements)
	return elements
}

// run makes the history of some clients of the store, their final reads with it.
func (s *store) run(ops, elements int) *history.History {
	h := &history.History{}
	const clients = 3
	type client struct {
		process int
		op      *history.Op
		done    bool
	}
	all := make([]*client, clients)
	for i := range all {
		all[i] = &client{process: i}
	}
	names, tags := clients, 0
	apply := func(at int, op *history.Op) {
		x := s.replicas[at]
		if op.F == "add" {
			tags++
			x.tags[tag{op.Value.A, tags}] = true
			return
		}
		for t := range x.tags {
			if t.element == op.Value.A {
				x.removed[t] = true
			}
		}
	}
	var late []*history.Op
	for busy, started := 0, 0; started < ops || busy > 0; {
		if s.r.Intn(3) == 0 {
			s.merge(s.r.Intn(len(s.replicas)), s.r.Intn(len(s.replicas)))
		}
		i := s.r.Intn(clients)
		c, at := all[i], i%len(s.replicas)
		switch {
		case c.op == nil && started < ops:
			started++
			busy++
			c.op, c.done = &history.Op{Time: int64(h.Len()), Process: c.process, F: "read"}, false
			if k := s.r.Intn(5); k < 4 {
				c.op.F, c.op.Value = []string{"add", "add", "remove", "remove"}[k], history.Int(1+s.r.Int63n(int64(elements)))
			}
			h.Append(*c.op)
		case c.op == nil:
		case c.op.F != "read" && !c.done && s.r.Intn(8) == 0:
			end := *c.op
			if end.Type = history.Info; s.r.Intn(2) == 0 {
				late = append(late, c.op)
			}
			h.Append(end)
			c.process, c.op = names, nil
			busy--
			names++
		case !c.done:
			if c.done = true; c.op.F == "read" {
				c.op.Value = history.List(s.read(at))
			} else {
				apply(at, c.op)
			}
		default:
			c.op.Time, c.op.Type = int64(h.Len()), history.OK
			h.Append(*c.op)
			c.op = nil
			busy--
		}
	}
	agree := func() {
		for range 2 {
			for from := range s.replicas {
				for to := range s.replicas {
					s.merge(from, to)
				}
			}
		}
	}
	if s.mistake != "never-agree" {
		agree()
	}
	h.Note(history.Event{Time: int64(h.Len()), Kind: history.EventPhase, Name: "final"})
	for i := range 2 * clients {
		if len(late) > 0 && s.r.Intn(3) == 0 {
			apply(s.r.Intn(len(s.replicas)), late[0])
			late = late[1:]
		}
		if i == clients && s.mistake != "never-agree" {
			agree()
		}
		op := history.Op{Time: int64(h.Len()), Process: all[i%clients].process, F: "read"}
		h.Append(op)
		op.Type, op.Value = history.OK, history.List(s.read(i%clients%len(s.replicas)))
		h.Append(op)
	}
	return h
}

func dump(h *history.History) string {
	var b strings.Builder
	for i := range h.Len() {
		fmt.Fprintln(&b, h.At(i))
	}
	return b.String()
}

// TestStores: an observed-remove set is never accused, and ones with a mistake are.
func TestStores(t *testing.T) {
	for _, c := range []struct{ mistake, anomaly string }{
		{"", ""},
		{"drop-concurrent", "lost-element"},
		{"collect-early", "resurrected"},
		{"never-agree", "divergence"},
	} {
		t.Run(c.mistake, func(t *testing.T) {
			caught := 0
			for seed := range *histories {
				r := rand.New(rand.NewSource(int64(seed)))
				s := store{r: r, mistake: c.mistake, replicas: make([]replica, 1+r.Intn(3))}
				for i := range s.replicas {
					s.replicas[i] = replica{map[tag]bool{}, map[tag]bool{}}
				}
				h := s.run(4+r.Intn(20), 1+r.Intn(5))
				got := New().Check(context.Background(), h, checkers.Budget{})
				if got.Valid == checkers.Unknown || c.anomaly == "" && got.Valid == checkers.Invalid {
					t.Fatalf("seed %d: %+v\n%s", seed, got, dump(h))
				}
				if slices.ContainsFunc(got.Anomalies, func(a checkers.Anomaly) bool { return a.Name == c.anomaly }) {
					caught++
				}
			}
			if c.anomaly != "" && caught < *histories/50 {
				t.Errorf("%s was found in %d of %d histories only", c.anomaly, caught, *histories)
			}
		})
	}
}
