package checkers_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/availability"
	"github.com/faultline-dev/faultline/checkers/nodes"
	"github.com/faultline-dev/faultline/checkers/perf"
	"github.com/faultline-dev/faultline/checkers/stats"
	"github.com/faultline-dev/faultline/checkers/vacuity"
	"github.com/faultline-dev/faultline/harness/history"
)

// TestStories runs the histories in testdata through the checkers that measure. A line is
// an event, "TIME(ms) process type f [error]", or telemetry, "TIME(ms) kind node name n text".
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			h := &history.History{}
			for _, line := range strings.Split(d.Input, "\n") {
				record(t, d, h, line)
			}
			var kinds, nemeses []string
			if d.HasArg("kinds") {
				d.ScanArgs(t, "kinds", &kinds)
			}
			if d.HasArg("nemeses") {
				d.ScanArgs(t, "nemeses", &nemeses)
			}
			c := map[string]checkers.Checker{
				"stats": stats.Checker(), "perf": perf.Checker(), "availability": availability.Checker(), "nodes": nodes.Deaths(),
				"vacuity": vacuity.Checker(vacuity.Options{Kinds: split(kinds), Nemeses: split(nemeses)}),
			}[d.Cmd]
			r := c.Check(context.Background(), h, checkers.Budget{})
			var b strings.Builder
			fmt.Fprintln(&b, r.Valid, r.Reason)
			for _, a := range r.Anomalies {
				fmt.Fprintf(&b, "%s: %s\n", a.Name, a.Sentence)
			}
			for _, f := range r.Figures {
				fmt.Fprintf(&b, "%s = %.4g %s (%s)\n", f.Name, f.Value, f.Unit, f.Note)
			}
			return b.String()
		})
	})
}

func split(args []string) []string {
	var out []string
	for _, a := range args {
		out = append(out, strings.Split(a, ",")...)
	}
	return out
}

var kinds = []history.EventKind{
	history.EventLeader, history.EventNodeUp, history.EventNodeDown, history.EventFaultStart,
	history.EventFaultEnd, history.EventAssign, history.EventPhase,
}

func record(t *testing.T, d *datadriven.TestData, h *history.History, line string) {
	f := strings.SplitN(line, " ", 6)
	ms, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil || len(f) < 4 {
		d.Fatalf(t, "not an event: %q", line)
	}
	if i := slices.IndexFunc(kinds, func(k history.EventKind) bool { return k.String() == f[1] }); i >= 0 {
		e := history.Event{Time: ms * 1e6, Kind: kinds[i], Node: f[2], Name: f[3]}
		if len(f) > 4 {
			e.N, _ = strconv.ParseInt(f[4], 10, 64)
		}
		if len(f) > 5 {
			e.Text = f[5]
		}
		h.Note(e)
		return
	}
	op := history.Op{Time: ms * 1e6, F: f[3]}
	op.Process, _ = strconv.Atoi(f[1])
	for op.Type.String() != f[2] {
		op.Type++
	}
	if len(f) > 4 {
		op.Error = f[4]
	}
	h.Append(op)
}

// stub is a checker that says what it is told to, or panics.
type stub struct {
	name   string
	result checkers.Result
	panics bool
}

func (s stub) Name() string { return s.name }

func (s stub) Check(context.Context, *history.History, checkers.Budget) checkers.Result {
	if s.panics {
		panic("on purpose")
	}
	return s.result
}

func TestAll(t *testing.T) {
	cs := []checkers.Checker{
		stub{name: "b", result: checkers.Result{Valid: checkers.Valid, Figures: []checkers.Figure{{Name: "x"}}}},
		stub{name: "a", panics: true},
		stub{name: "c", result: checkers.Result{Valid: checkers.Invalid, Anomalies: []checkers.Anomaly{{Name: "bad"}}}},
	}
	rs := checkers.All(context.Background(), &history.History{}, checkers.Budget{}, cs...)
	if len(rs) != 3 || rs[0].Checker != "b" || rs[1].Valid != checkers.Unknown || !strings.Contains(rs[1].Reason, "on purpose") {
		t.Fatalf("%+v", rs)
	}
	if v := checkers.Verdict(rs[:2]); v != checkers.Unknown {
		t.Errorf("valid and unknown is %v", v)
	}
	if v := checkers.Verdict(rs); v != checkers.Invalid {
		t.Errorf("all three are %v", v)
	}
	one := checkers.Compose("all", cs...).Check(context.Background(), &history.History{}, checkers.Budget{})
	if one.Valid != checkers.Invalid || len(one.Anomalies) != 1 || len(one.Figures) != 1 || !strings.HasPrefix(one.Reason, "a: ") {
		t.Errorf("%+v", one)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r := checkers.All(ctx, &history.History{}, checkers.Budget{}, cs[0])[0]; r.Valid != checkers.Unknown {
		t.Errorf("a cancelled check says %v", r.Valid)
	}
}
