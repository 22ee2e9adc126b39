// Package stories lets checkers be tested by histories that a person can read: files under
// testdata that hold events and the verdict expected of them.
//
// A line is an event, "TIME(ms) process type f value", or "TIME phase NAME". A value is an
// integer, a list such as [1 2 3], or left out; f may name a key: send/2.
package stories

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

// Run runs all stories under testdata. checker makes the checker that a story's first line
// asks for.
func Run(t *testing.T, checker func(d *datadriven.TestData) checkers.Checker) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			h, err := Parse(d.Input)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			return Describe(checker(d).Check(context.Background(), h, checkers.Budget{}), d.HasArg("figures"))
		})
	})
}

// Describe writes a result as stories expect it.
func Describe(r checkers.Result, figures bool) string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Valid)
	if r.Reason != "" {
		fmt.Fprintln(&b, r.Reason)
	}
	for _, a := range r.Anomalies {
		fmt.Fprintf(&b, "%s: %s\nevents %v\n", a.Name, a.Sentence, a.Ops)
	}
	if figures {
		for _, f := range r.Figures {
			fmt.Fprintf(&b, "%s: %v %s\n", f.Name, f.Value, f.Unit)
		}
	}
	return b.String()
}

// Parse reads a history.
func Parse(text string) (*history.History, error) {
	h := &history.History{}
	for _, line := range strings.Split(text, "\n") {
		if err := event(h, strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("%w in %q", err, line)
		}
	}
	return h, nil
}

func event(h *history.History, line string) error {
	f := strings.SplitN(line, " ", 5)
	ms, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil || len(f) < 3 {
		return fmt.Errorf("no event")
	}
	if f[1] == "phase" {
		h.Note(history.Event{Time: ms * 1e6, Kind: history.EventPhase, Name: f[2]})
		return nil
	}
	if len(f) < 4 {
		return fmt.Errorf("no event")
	}
	op := history.Op{Time: ms * 1e6}
	if op.Process, err = strconv.Atoi(f[1]); err != nil {
		return err
	}
	for op.Type.String() != f[2] {
		if op.Type++; op.Type > history.Info {
			return fmt.Errorf("no type of event")
		}
	}
	var key string
	if op.F, key, op.Keyed = strings.Cut(f[3], "/"); op.Keyed {
		if op.Key, err = strconv.ParseInt(key, 10, 64); err != nil {
			return err
		}
	}
	if len(f) == 5 {
		op.Value, err = value(f[4])
	}
	h.Append(op)
	return err
}

func value(text string) (history.Value, error) {
	inner, isList := strings.CutPrefix(text, "[")
	var ns []int64
	for _, field := range strings.Fields(strings.TrimSuffix(inner, "]")) {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return history.Nil, err
		}
		ns = append(ns, n)
	}
	switch {
	case isList:
		return history.List(ns), nil
	case len(ns) == 1:
		return history.Int(ns[0]), nil
	}
	return history.Nil, fmt.Errorf("no value")
}
