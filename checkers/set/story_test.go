package set

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// TestStories runs the histories in testdata. A line is an event: time in milliseconds,
// process, type, f and the element, or those read; or "TIME phase NAME".
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			h := &history.History{}
			for _, line := range strings.Split(d.Input, "\n") {
				fields := strings.Fields(line)
				var ns []int64
				for i, f := range fields {
					n, err := strconv.ParseInt(f, 10, 64)
					if err != nil && (i < 2 || i > 3) && f != "phase" {
						d.Fatalf(t, "%v in %q", err, line)
					}
					ns = append(ns, n)
				}
				if fields[1] == "phase" {
					h.Note(history.Event{Time: ns[0] * 1e6, Kind: history.EventPhase, Name: fields[2]})
					continue
				}
				op := history.Op{Time: ns[0] * 1e6, Process: int(ns[1]), F: fields[3]}
				for op.Type.String() != fields[2] {
					op.Type++
				}
				switch {
				case op.F == "add":
					op.Value = history.Int(ns[4])
				case op.Type == history.OK:
					op.Value = history.List(ns[4:])
				}
				h.Append(op)
			}
			r := Full(Options{Linearizable: d.HasArg("linearizable")}).Check(context.Background(), h, checkers.Budget{})
			var b strings.Builder
			fmt.Fprintln(&b, r.Valid)
			if r.Reason != "" {
				fmt.Fprintln(&b, r.Reason)
			}
			for _, a := range r.Anomalies {
				fmt.Fprintf(&b, "%s: %s\nevents %v\n", a.Name, a.Sentence, a.Ops)
			}
			if d.HasArg("figures") {
				for _, f := range r.Figures {
					fmt.Fprintf(&b, "%s: %v %s\n", f.Name, f.Value, f.Unit)
				}
			}
			return b.String()
		})
	})
}
