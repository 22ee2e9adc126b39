package lock

import (
	"context"
	"flag"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

var histories = flag.Int("histories", 6000, "random histories of the differential test")

// generate runs clients against a lock that may be lost, then maybe spoils some tokens.
func generate(r *rand.Rand) *history.History {
	h := &history.History{}
	type client struct {
		process int
		op      *history.Op
		done    bool
		holds   bool
		ended   history.Op
	}
	clients := make([]*client, 1+r.Intn(3))
	for i := range clients {
		clients[i] = &client{process: i}
	}
	holder, token, started, ops, names := none, int64(0), 0, 2+r.Intn(10), len(clients)
	leases := r.Intn(2) == 0
	for {
		c := clients[r.Intn(len(clients))]
		switch {
		case c.op == nil && started < ops:
			started++
			c.op = &history.Op{Time: int64(h.Len()), Process: c.process, Type: history.Invoke, F: "acquire"}
			if c.holds {
				c.op.F = "release"
			}
			c.done = false
			h.Append(*c.op)
		case c.op == nil:
			if !slices.ContainsFunc(clients, func(c *client) bool { return c.op != nil }) {
				return spoil(r, h)
			}
		case !c.done && r.Intn(8) == 0: // in doubt
			end := *c.op
			end.Type = history.Info
			if r.Intn(2) == 0 && c.op.F == "release" && holder == c.process {
				holder = none
			}
			h.Append(end)
			c.op, c.holds, c.process = nil, false, names
			names++
		case !c.done:
			c.done, c.ended = true, *c.op
			c.ended.Type = history.OK
			if leases && r.Intn(4) == 0 {
				holder = none
			}
			switch {
			case c.op.F == "acquire" && holder == none:
				token += 1 + r.Int63n(2)
				holder, c.holds, c.ended.Value = c.process, true, history.Int(token)
			case c.op.F == "acquire":
				c.ended.Type = history.Fail
			case holder == c.process:
				holder, c.holds = none, false
			default:
				c.ended.Type, c.holds = history.Fail, false
			}
		default:
			c.ended.Time = int64(h.Len())
			h.Append(c.ended)
			c.op = nil
		}
	}
}

func spoil(r *rand.Rand, h *history.History) *history.History {
	out := &history.History{}
	for i := range h.Len() {
		op := h.At(i)
		if op.Type == history.OK && op.F == "acquire" && r.Intn(8) == 0 {
			op.Value = history.Int(max(1, op.Value.A+r.Int63n(4)-2))
		}
		out.Append(op)
	}
	return out
}

type input struct {
	acquire bool
	process int
}

// exclusive asks porcupine whether there is an order of the grants and releases in which
// nobody takes the lock of another: a release that was refused or is in doubt may have
// taken place at any time from its invocation on.
func exclusive(h *history.History) bool {
	var ops []porcupine.Operation
	for i := range h.Len() {
		e := h.At(i)
		if e.Type != history.Invoke {
			continue
		}
		o := porcupine.Operation{Call: int64(i), Return: 1 << 40, Input: input{e.F == "acquire", e.Process}}
		granted := false
		for j := i + 1; j < h.Len(); j++ {
			if c := h.At(j); c.Process == e.Process {
				if c.Type == history.OK {
					granted, o.Return = true, int64(j)
				}
				break
			}
		}
		if e.F == "release" || granted {
			ops = append(ops, o)
		}
	}
	return porcupine.CheckOperations(porcupine.Model{
		Init: func() any { return none },
		Step: func(state, in, _ any) (bool, any) {
			i, holder := in.(input), state.(int)
			if i.acquire {
				return holder == none, i.process
			}
			return holder == i.process, none
		},
	}, ops)
}

// rising compares the tokens of all grants two by two.
func rising(h *history.History) bool {
	type granted struct {
		call, ret int
		token     int64
	}
	var all []granted
	for i := range h.Len() {
		if e := h.At(i); e.Type == history.OK && e.F == "acquire" {
			call := i - 1
			for h.At(call).Process != e.Process {
				call--
			}
			all = append(all, granted{call, i, e.Value.A})
		}
	}
	for i, a := range all {
		for k, b := range all {
			if i != k && a.token == b.token || a.ret < b.call && a.token >= b.token {
				return false
			}
		}
	}
	return true
}

func TestAgainstOracles(t *testing.T) {
	counts := map[string]int{}
	for seed := range *histories {
		h := generate(rand.New(rand.NewSource(int64(seed))))
		has := func(o Options, name string) bool {
			r := New(o).Check(context.Background(), h, checkers.Budget{})
			return slices.ContainsFunc(r.Anomalies, func(a checkers.Anomaly) bool { return a.Name == name })
		}
		double, regression := has(Options{}, "double-grant"), has(Options{}, "token-regression")
		if double == exclusive(h) || regression == rising(h) ||
			has(Options{Overlaps: true}, "double-grant") || has(Options{Overlaps: true}, "token-regression") != regression {
			var text strings.Builder
			for i := range h.Len() {
				fmt.Fprintln(&text, h.At(i))
			}
			t.Fatalf("seed %d: double grant %v, exclusive %v; regression %v, rising %v:\n%s", seed, double, exclusive(h), regression, rising(h), &text)
		}
		counts[fmt.Sprint("double ", double)]++
		counts[fmt.Sprint("regression ", regression)]++
	}
	t.Log(counts)
	for _, name := range []string{"double true", "double false", "regression true", "regression false"} {
		if counts[name] < *histories/30 {
			t.Errorf("too few of %s to mean anything: %v", name, counts)
		}
	}
}
