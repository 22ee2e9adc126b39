package linearizable

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// hopeless is a key that no search gets through: compare-and-sets between each two of 7
// values, all at the same time. A legal order would be a way over a graph that takes each
// edge once; since two edges are missing there is none, which a search finds only by trying
// all ways.
func hopeless(h *history.History, key int64) {
	add := func(op history.Op) {
		op.Key, op.Keyed, op.Time = key, true, int64(h.Len())
		h.Append(op)
	}
	start := history.Op{Process: 0, Type: history.Invoke, F: "write", Value: history.Int(0)}
	add(start)
	start.Type = history.OK
	add(start)
	var all []history.Op
	for from := range int64(7) {
		for to := range int64(7) {
			if from != to && (from != 1 || to != 2) && (from != 3 || to != 4) {
				all = append(all, history.Op{Process: len(all) + 1, F: "cas", Value: history.Pair(from, to)})
			}
		}
	}
	for _, kind := range []history.Type{history.Invoke, history.OK} {
		for _, op := range all {
			op.Type = kind
			add(op)
		}
	}
}

func TestBudget(t *testing.T) {
	for _, c := range []struct {
		name   string
		budget checkers.Budget
		reason string
	}{
		{"time", checkers.Budget{Time: 200 * time.Millisecond}, "no legal order was found, nor ruled out, within"},
		{"memory", checkers.Budget{Memory: 1 << 19}, "used up its memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &history.History{}
			hopeless(h, 1)
			h.Append(history.Op{Process: 5000, Type: history.Invoke, F: "read", Key: 2, Keyed: true})
			h.Append(history.Op{Process: 5000, Type: history.OK, F: "read", Key: 2, Keyed: true, Value: history.Int(1)})
			r := Register().Check(context.Background(), h, c.budget)
			if !strings.Contains(r.Reason, "key 1: ") || !strings.Contains(r.Reason, c.reason) {
				t.Errorf("reason %q", r.Reason)
			}
			if r.Valid != checkers.Invalid || len(r.Anomalies) != 1 || *r.Anomalies[0].Key != 2 {
				t.Errorf("the other key was not judged: %+v", r)
			}
		})
	}
}

// TestDoomed: what a pair of operations proves needs no search, however many crashed.
func TestDoomed(t *testing.T) {
	h := &history.History{}
	hopeless(h, 1)
	h.Append(history.Op{Process: 1000, Type: history.Invoke, F: "read", Key: 1, Keyed: true})
	h.Append(history.Op{Process: 1000, Type: history.OK, F: "read", Key: 1, Keyed: true, Value: history.Int(100)})
	r := Register().Check(context.Background(), h, checkers.Budget{Time: time.Second})
	if r.Valid != checkers.Invalid || !strings.Contains(r.Anomalies[0].Sentence, "read 100 at 0.000 s, which nobody had written") {
		t.Errorf("%+v", r)
	}
}

// TestInterrupted: Ctrl-C ends a search, too.
func TestInterrupted(t *testing.T) {
	h := &history.History{}
	hopeless(h, 1)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if r := Register().Check(ctx, h, checkers.Budget{}); r.Valid != checkers.Unknown || !strings.Contains(r.Reason, "interrupted") {
		t.Errorf("%v: %s", r.Valid, r.Reason)
	}
}
