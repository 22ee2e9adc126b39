package unique

import (
	"context"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/stories"
	"github.com/faultline-dev/faultline/harness/history"
)

// TestStories runs the histories in testdata.
func TestStories(t *testing.T) {
	stories.Run(t, func(*datadriven.TestData) checkers.Checker { return New() })
}

// TestProperties holds the checker against a comparison of all pairs of acknowledgements:
// the verdict, and that what an anomaly names is one by itself.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, open := &history.History{}, map[int]bool{}
		type id struct {
			key   int64
			keyed bool
			value history.Value
		}
		var granted []id
		keys := map[int]int64{}
		for range rapid.IntRange(0, 30).Draw(t, "events") {
			p := rapid.IntRange(0, 3).Draw(t, "process")
			e := history.Op{Time: int64(h.Len()), Process: p, F: "generate", Keyed: true}
			if !open[p] {
				open[p], keys[p] = true, rapid.Int64Range(0, 1).Draw(t, "key")
				e.Key = keys[p]
				h.Append(e)
				continue
			}
			open[p], e.Key = false, keys[p]
			e.Type = rapid.SampledFrom([]history.Type{history.OK, history.OK, history.OK, history.Fail, history.Info}).Draw(t, "type")
			if e.Type != history.Info || rapid.Bool().Draw(t, "told") {
				e.Value = history.Int(rapid.Int64Range(0, 12).Draw(t, "id"))
			}
			h.Append(e)
			if e.Type == history.OK {
				granted = append(granted, id{e.Key, e.Keyed, e.Value})
			}
		}
		want := checkers.Valid
		for i, a := range granted {
			for _, b := range granted[:i] {
				if a == b {
					want = checkers.Invalid
				}
			}
		}
		r := New().Check(context.Background(), h, checkers.Budget{})
		if r.Valid != want {
			t.Fatalf("%v, want %v: %+v", r.Valid, want, r)
		}
		for _, a := range r.Anomalies {
			part := &history.History{}
			for _, e := range a.Ops {
				part.Append(h.At(e))
			}
			if alone := New().Check(context.Background(), part, checkers.Budget{}); alone.Valid != checkers.Invalid {
				t.Fatalf("%q is not proven by %v", a.Sentence, a.Ops)
			}
		}
	})
}

// TestBudget holds that what there is no time or room for is unknown.
func TestBudget(t *testing.T) {
	h, err := stories.Parse("0 0 invoke generate\n1 0 ok generate 7")
	if err != nil {
		t.Fatal(err)
	}
	if r := New().Check(context.Background(), h, checkers.Budget{Memory: 1}); r.Valid != checkers.Unknown || r.Reason == "" {
		t.Errorf("without memory: %+v", r)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if r := New().Check(done, h, checkers.Budget{}); r.Valid != checkers.Unknown || r.Reason == "" {
		t.Errorf("without time: %+v", r)
	}
}
