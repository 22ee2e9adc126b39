package linearizable

import (
	"context"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// hopeless is a key that no search gets through: crashed operations on few values, which may
// take effect in any order at any time, and at last a value that is read, replaced and
// read again though it was written once.
func hopeless(h *history.History, key int64) {
	add := func(op history.Op) {
		op.Key, op.Keyed, op.Time = key, true, int64(h.Len())
		h.Append(op)
	}
	r := rand.New(rand.NewSource(2))
	for p := range 120 {
		if p%2 == 0 {
			add(history.Op{Process: p, Type: history.Invoke, F: "cas", Value: history.Pair(r.Int63n(6), r.Int63n(6))})
		} else {
			add(history.Op{Process: p, Type: history.Invoke, F: "write", Value: history.Int(r.Int63n(6))})
		}
	}
	for range 40 {
		add(history.Op{Process: 1000, Type: history.Invoke, F: "read"})
		add(history.Op{Process: 1000, Type: history.OK, F: "read", Value: history.Int(r.Int63n(6))})
	}
	add(history.Op{Process: 2000, Type: history.Invoke, F: "write", Value: history.Int(98)})
	add(history.Op{Process: 2001, Type: history.Invoke, F: "write", Value: history.Int(99)})
	for _, v := range []int64{98, 99, 98} {
		add(history.Op{Process: 1000, Type: history.Invoke, F: "read"})
		add(history.Op{Process: 1000, Type: history.OK, F: "read", Value: history.Int(v)})
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
