package weaker

import (
	"context"
	"math/rand"
	"slices"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

// store is a toy of replicas that take writes each by itself and agree later, for histories
// of what is promised of the end. It keeps its versions with what they had seen.
type store struct {
	r        *rand.Rand
	replicas [][]version1
	siblings bool  // versions that did not know of each other stay side by side; else the last one wins
	skew     int64 // of the clocks of replicas, at most
	drops    bool  // siblings: of two that did not know of each other one is dropped
	clock    int64
}

// version1 is a write: its value, its time, and the values that it overwrites.
type version1 struct {
	value int64
	time  int64
	seen  map[int64]bool
}

// merge takes a version into a replica.
func (s *store) merge(at int, v version1) {
	for _, other := range s.replicas[at] {
		if other.value == v.value || other.seen[v.value] || !s.siblings && other.time > v.time {
			return
		}
	}
	s.replicas[at] = slices.DeleteFunc(s.replicas[at], func(o version1) bool {
		return !s.siblings || v.seen[o.value] || s.drops
	})
	s.replicas[at] = append(s.replicas[at], v)
}

// context is what a client of a replica sees there: the versions, and all that they overwrote.
func (s *store) context(at int) map[int64]bool {
	seen := map[int64]bool{}
	for _, v := range s.replicas[at] {
		seen[v.value] = true
		for o := range v.seen {
			seen[o] = true
		}
	}
	return seen
}

// run makes the history of some clients of the store, their final reads with it.
func (s *store) run(ops int) *history.History {
	h := &history.History{}
	const clients = 3
	type client struct {
		process, at int
		op          *history.Op
		done        bool
		knows       map[int64]bool
	}
	all := make([]*client, clients)
	for i := range all {
		all[i] = &client{process: i, at: i % len(s.replicas), knows: map[int64]bool{}}
	}
	var late []version1
	names, started, next := clients, 0, int64(1)
	skews := make([]int64, len(s.replicas))
	for i := range skews {
		skews[i] = s.r.Int63n(s.skew + 1)
	}
	write := func(c *client, value int64) version1 {
		s.clock++
		v := version1{value: value, time: s.clock*10 + skews[c.at], seen: c.knows}
		if !s.siblings && s.skew == 0 {
			// The time is that at which it takes effect.
			v.time = s.clock * 10
		}
		return v
	}
	for busy := 0; started < ops || busy > 0; {
		if s.r.Intn(3) == 0 { // a replica hears of another's versions
			from, to := s.r.Intn(len(s.replicas)), s.r.Intn(len(s.replicas))
			for _, v := range slices.Clone(s.replicas[from]) {
				s.merge(to, v)
			}
		}
		c := all[s.r.Intn(clients)]
		switch {
		case c.op == nil && started < ops:
			started++
			busy++
			c.op, c.done = &history.Op{Time: int64(h.Len()), Process: c.process, F: "read"}, false
			if s.r.Intn(5) < 3 {
				c.op.F, c.op.Value = "write", history.Int(next)
				next++
			}
			h.Append(*c.op)
		case c.op == nil:
		case c.op.F == "write" && !c.done && s.r.Intn(6) == 0:
			end := *c.op
			if end.Type = history.Info; s.r.Intn(2) == 0 {
				v := write(c, c.op.Value.A)
				v.time = 0
				late = append(late, v)
			}
			h.Append(end)
			c.process, c.op, c.knows = names, nil, map[int64]bool{}
			busy--
			names++
		case !c.done:
			c.done = true
			if c.op.F == "write" {
				v := write(c, c.op.Value.A)
				s.merge(c.at, v)
				c.knows = map[int64]bool{v.value: true}
				for o := range v.seen {
					c.knows[o] = true
				}
				break
			}
			for o := range s.context(c.at) {
				c.knows[o] = true
			}
			if len(s.replicas[c.at]) > 0 {
				c.op.Value = history.Int(s.replicas[c.at][0].value)
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
					for _, v := range slices.Clone(s.replicas[from]) {
						s.merge(to, v)
					}
				}
			}
		}
	}
	agree()
	h.Note(history.Event{Time: int64(h.Len()), Kind: history.EventPhase, Name: "final"})
	for i := range 2 * clients {
		c := all[i%clients]
		if len(late) > 0 && s.r.Intn(3) == 0 { // it takes effect after all, somewhere first
			s.clock++
			late[0].time = s.clock * 10
			s.merge(s.r.Intn(len(s.replicas)), late[0])
			late = late[1:]
		}
		if i == clients {
			agree()
		}
		op := history.Op{Time: int64(h.Len()), Process: c.process, F: "read"}
		if s.siblings {
			op.F = "siblings"
		}
		h.Append(op)
		var values []int64
		for _, v := range s.replicas[c.at] {
			values = append(values, v.value)
		}
		op.Type = history.OK
		switch {
		case s.siblings:
			op.Value = history.List(values)
		case len(values) > 0:
			op.Value = history.Int(values[0])
		}
		h.Append(op)
	}
	return h
}

// TestStores: stores that keep what is promised of the end are never accused, and stores
// that do not are caught.
func TestStores(t *testing.T) {
	for _, c := range []struct {
		name    string
		store   store
		anomaly string // "": none in any history
	}{
		{"the last write wins, by good clocks", store{}, ""},
		{"the last write wins, by skewed clocks", store{skew: 100}, "lost-write"},
		{"siblings", store{siblings: true}, ""},
		{"siblings that drop what they do not know", store{siblings: true, drops: true}, "lost-write"},
	} {
		t.Run(c.name, func(t *testing.T) {
			caught := 0
			for seed := range *histories {
				s := c.store
				s.r = rand.New(rand.NewSource(int64(seed)))
				s.replicas = make([][]version1, 1+s.r.Intn(3))
				h := s.run(2 + s.r.Intn(14))
				r := Eventual(model.NoLostWrite).Check(context.Background(), h, checkers.Budget{})
				if r.Valid == checkers.Unknown || c.anomaly == "" && r.Valid == checkers.Invalid {
					t.Fatalf("seed %d: %+v\n%s", seed, r, dump(h))
				}
				if loose := Eventual(model.Eventual).Check(context.Background(), h, checkers.Budget{}); loose.Valid != checkers.Valid {
					t.Fatalf("seed %d: the replicas agree: %+v\n%s", seed, loose, dump(h))
				}
				for _, a := range r.Anomalies {
					if a.Name == c.anomaly {
						caught++
					}
				}
			}
			if c.anomaly != "" && caught < *histories/20 {
				t.Errorf("%s was found in %d of %d histories only", c.anomaly, caught, *histories)
			}
		})
	}
}
