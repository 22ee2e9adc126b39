package weaker

import (
	"context"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/stories"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

// TestStories runs the histories in testdata against the model that a story begins with, or
// measures staleness. A read of nothing is one without a value.
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			h, err := stories.Parse(d.Input)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			all := For(model.Model(d.Cmd))
			r := all[len(all)-1].Check(context.Background(), pairs(h), checkers.Budget{})
			text := stories.Describe(r, d.HasArg("figures"))
			if r.Measure != "" {
				text += r.Measure + "\n"
			}
			return text
		})
	})
}

// pairs makes pairs of the lists of two that stories have for compare-and-sets.
func pairs(h *history.History) *history.History {
	out := &history.History{}
	for i := range h.Len() {
		op := h.At(i)
		if ns := op.Value.Ints(); len(ns) == 2 && strings.HasPrefix(op.F, "cas") {
			op.Value = history.Pair(ns[0], ns[1])
		}
		out.Append(op)
	}
	for _, e := range h.Telemetry() {
		out.Note(e)
	}
	return out
}

// TestBudget holds that what there is no time or room for is unknown.
func TestBudget(t *testing.T) {
	h, err := stories.Parse("0 0 invoke write/1 1\n1 0 ok write/1 1\n2 0 invoke read/1\n3 0 ok read/1 1\n4 phase final\n5 0 invoke read/1\n6 0 ok read/1 1")
	if err != nil {
		t.Fatal(err)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for _, m := range model.All {
		for _, c := range For(m) {
			if r := c.Check(context.Background(), h, checkers.Budget{}); r.Valid != checkers.Valid {
				t.Errorf("%s: %v", c.Name(), r)
			}
			if r := c.Check(context.Background(), h, checkers.Budget{Memory: 1}); r.Valid != checkers.Unknown || r.Reason == "" {
				t.Errorf("%s without memory: %v", c.Name(), r)
			}
			if r := c.Check(done, h, checkers.Budget{}); r.Valid != checkers.Unknown || r.Reason == "" {
				t.Errorf("%s without time: %v", c.Name(), r)
			}
		}
	}
}
