package object

import (
	"context"
	"flag"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

var histories = flag.Int("histories", 600, "random histories of each type's differential test")

// TestAgainstBruteForce compares every type with a trial of all orders.
func TestAgainstBruteForce(t *testing.T) {
	for _, kind := range All {
		if kind.Elsewhere {
			continue
		}
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			counts := map[string]int{}
			for seed := range *histories {
				r := rand.New(rand.NewSource(int64(seed)))
				h := random(r, kind.Name)
				want := linearizable(objects[kind.Name].make(), trials(h))
				got := New(kind, Options{}).Check(context.Background(), h, checkers.Budget{Time: time.Minute, Workers: 1})
				if got.Valid == checkers.Unknown {
					if kind.Name != "bag" || !strings.Contains(got.Reason, "never returned") {
						t.Fatalf("seed %d: unknown: %s\n%s", seed, got.Reason, dump(h))
					}
					counts["unknown"]++
					continue
				}
				if (got.Valid == checkers.Valid) != want {
					t.Fatalf("seed %d: %v, but all orders say legal: %v\n%+v\n%s", seed, got.Valid, want, got.Anomalies, dump(h))
				}
				counts[got.Valid.String()]++
				for _, f := range got.Figures {
					if engine, ok := strings.CutPrefix(f.Name, "decided by "); ok {
						counts[engine+" "+got.Valid.String()]++
					}
				}
				for _, a := range got.Anomalies {
					if a.Sentence == "" || len(a.Ops) == 0 {
						t.Fatalf("seed %d: no proof: %+v\n%s", seed, a, dump(h))
					}
				}
			}
			t.Log(counts)
			if counts["valid"] < *histories/16 || counts["invalid"] < *histories/16 {
				t.Errorf("too few of a kind to mean anything: %v", counts)
			}
		})
	}
}

func dump(h *history.History) string {
	var b strings.Builder
	for i := range h.Len() {
		b.WriteString(h.At(i).String() + "\n")
	}
	return b.String()
}

// random makes a small history: clients carry out operations on one object, each of which
// takes effect somewhere between its events. Some clients crash, and of every other history
// some results are spoilt.
func random(r *rand.Rand, kind string) *history.History {
	o := objects[kind]
	x := o.make()
	h := &history.History{}
	type client struct {
		process int
		op      history.Op
		busy    bool
		done    bool
		out     history.Value
		ok      bool
		holds   bool
	}
	clients := make([]client, 1+r.Intn(4))
	for i := range clients {
		clients[i].process = i
	}
	processes, serial := len(clients), int64(1)
	if r.Intn(2) == 0 {
		serial = 1000
	}
	crash, spoil := float64(r.Intn(2))*0.2, r.Intn(2) == 0
	for left := 2 + r.Intn(7); ; {
		c := &clients[r.Intn(len(clients))]
		switch {
		case !c.busy && left > 0:
			f, arg := "acquire", history.Nil
			if o.next != nil {
				f, arg = o.next(r, serial)
			} else if c.holds {
				f = "release"
			}
			serial++
			left--
			c.op = history.Op{Process: c.process, Type: history.Invoke, F: f, Value: arg}
			c.busy, c.done = true, false
			h.Append(c.op)
		case c.busy && !c.done:
			c.done = true
			if s, bag := x.(*sequence); bag && s.kind == "bag" && c.op.F == "dequeue" && len(s.items) > 0 {
				after := fits(x, trial{f: "dequeue", pending: true})
				at := r.Intn(len(after))
				c.out, c.ok, x = s.items[at], true, after[at]
				break
			}
			y := x.clone()
			if c.out, c.ok = y.do(c.process, c.op.F, c.op.Value); c.ok {
				x = y
			}
		case c.busy:
			c.busy = false
			done := c.op
			done.Type, done.Value = history.OK, c.out
			switch {
			case r.Float64() < crash:
				done.Type, done.Value = history.Info, history.Nil
				c.process, c.holds = processes, false
				processes++
			case spoil && r.Intn(3) == 0:
				done.Value = spoilt(r, done.Value)
				c.holds = c.op.F == "acquire"
			case !c.ok:
				done.Type = history.Fail
				c.holds = false
			default:
				c.holds = c.op.F == "acquire"
			}
			if (c.op.F == "add" || c.op.F == "remove") && r.Intn(2) == 0 {
				done.Value = history.Nil
			}
			if done.Type != history.Info || r.Intn(2) == 0 {
				h.Append(done)
			}
		case left == 0:
			idle := true
			for _, c := range clients {
				idle = idle && !c.busy
			}
			if idle {
				return h
			}
		}
	}
}

// spoilt is another result of the same kind.
func spoilt(r *rand.Rand, v history.Value) history.Value {
	switch {
	case v.Kind == history.KindInt:
		return history.Int(v.A + r.Int63n(3) - 1)
	case v.Kind == history.KindList:
		ns := v.Ints()
		if len(ns) > 0 {
			return history.List(ns[1:])
		}
		return history.List([]int64{1})
	case v == truth(true):
		return truth(false)
	case v == truth(false):
		return truth(true)
	case v.Kind == history.KindEDN:
		return history.EDN(strings.Replace(v.S, " nil", " 1", 1))
	}
	return v
}
