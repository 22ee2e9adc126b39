package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/linearizable"
)

// TestAxes tells in testdata where the pictures put things.
func TestAxes(t *testing.T) {
	datadriven.RunTest(t, "testdata/axes", func(t *testing.T, d *datadriven.TestData) string {
		var b strings.Builder
		switch d.Cmd {
		case "ticks":
			c := clock{duration(t, d, "from"), duration(t, d, "to")}
			for _, tick := range c.ticks() {
				fmt.Fprintf(&b, "%s at %s\n", tick.Label, tick.At)
			}
		case "span":
			c := clock{duration(t, d, "from"), duration(t, d, "to")}
			s := c.span(duration(t, d, "start"), duration(t, d, "end"), "", "")
			fmt.Fprintf(&b, "x %s, width %s\n", s.X, s.W)
		case "stretch":
			var ops []linearizable.Bar
			var labels []string
			for line := range strings.Lines(d.Input) {
				var o linearizable.Bar
				var label string
				if _, err := fmt.Sscan(line, &label, &o.Start, &o.End); err != nil {
					t.Fatalf("%s: %v", d.Pos, err)
				}
				ops, labels = append(ops, o), append(labels, label)
			}
			s := stretch(ops, labels)
			for i, label := range labels {
				fmt.Fprintf(&b, "%s from %s to %s\n", label, s.from[i], s.to[i])
			}
			if d.HasArg("fault") {
				var from, to int64
				d.ScanArgs(t, "fault", &from, &to)
				if shade, shown := s.shade(checkers.Fault{Start: from, End: to}); shown {
					fmt.Fprintf(&b, "fault from %s to %s\n", shade.X, shade.X+shade.W)
				} else {
					b.WriteString("fault not shown\n")
				}
			}
		default:
			t.Fatalf("%s: no command %s", d.Pos, d.Cmd)
		}
		return b.String()
	})
}

func duration(t *testing.T, d *datadriven.TestData, name string) int64 {
	t.Helper()
	var s string
	d.ScanArgs(t, name, &s)
	if s == "never" {
		return -1
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		t.Fatalf("%s: %v", d.Pos, err)
	}
	return int64(v)
}
