package linearizable

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
// process, type, f, value ("3", "1 2" for a pair, "nil") and maybe an error.
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var o Options
			keyed := d.HasArg("keyed")
			if d.HasArg("initial") {
				var n int
				d.ScanArgs(t, "initial", &n)
				o.Initial = history.Int(int64(n))
			}
			h := &history.History{}
			for _, line := range strings.Split(d.Input, "\n") {
				h.Append(parse(t, d, line, keyed))
			}
			r := New(o).Check(context.Background(), h, checkers.Budget{})
			return tell(r, d.HasArg("picture"))
		})
	})
}

func parse(t *testing.T, d *datadriven.TestData, line string, keyed bool) history.Op {
	line, problem, _ := strings.Cut(line, " # ")
	fields := strings.Fields(line)
	if len(fields) < 4 {
		d.Fatalf(t, "not an event: %q", line)
	}
	number := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			d.Fatalf(t, "%v in %q", err, line)
		}
		return n
	}
	op := history.Op{Time: number(fields[0]) * 1e6, Process: int(number(fields[1])), F: fields[3], Error: problem}
	for op.Type.String() != fields[2] {
		op.Type++
	}
	rest := fields[4:]
	if keyed {
		op.Keyed, op.Key, rest = true, number(rest[0]), rest[1:]
	}
	switch {
	case len(rest) == 2:
		op.Value = history.Pair(number(rest[0]), number(rest[1]))
	case len(rest) == 1 && rest[0] != "nil":
		op.Value = history.Int(number(rest[0]))
	}
	return op
}

func tell(r checkers.Result, picture bool) string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Valid)
	if r.Reason != "" {
		fmt.Fprintln(&b, r.Reason)
	}
	for _, a := range r.Anomalies {
		fmt.Fprintf(&b, "%s\nevents %v\n", a.Sentence, a.Ops)
		if !picture {
			continue
		}
		detail := a.Detail.(Detail)
		for i, bar := range detail.Ops {
			mark := " "
			if i == detail.Stuck {
				mark = "!"
			}
			fmt.Fprintf(&b, "%s %d: process %d %s %s, %d to %d, leaves %q\n", mark, i, bar.Process, bar.F, bar.Value, bar.Start/1e6, bar.End/1e6, bar.After)
		}
		fmt.Fprintf(&b, "by %s, order %v from %q, of %d completed\n", detail.Engine, detail.Order, detail.Before, detail.Completed)
	}
	return b.String()
}
