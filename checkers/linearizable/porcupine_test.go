package linearizable

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// tally is an object that only its user knows: it counts, and tells the count so far.
var tally = porcupine.Model{
	Init: func() any { return int64(0) },
	Step: func(state, input, output any) (bool, any) {
		n, done := state.(int64), output.(history.Op)
		if input.(history.Op).F == "read" {
			return done.Type != history.OK || done.Value == history.Int(n), n
		}
		return true, n + 1
	},
}

// count is a history of one process that adds thrice and reads what it expects; many others
// add all the while.
func count(read int64, others int) *history.History {
	h := &history.History{}
	add := func(op history.Op) {
		op.Time = int64(h.Len())
		h.Append(op)
	}
	for p := range others {
		add(history.Op{Process: 10 + p, Type: history.Invoke, F: "add"})
	}
	for range 3 {
		add(history.Op{Process: 1, Type: history.Invoke, F: "add"})
		add(history.Op{Process: 1, Type: history.OK, F: "add"})
	}
	add(history.Op{Process: 2, Type: history.Invoke, F: "add"})
	add(history.Op{Process: 2, Type: history.Fail, F: "add"})
	add(history.Op{Process: 1, Type: history.Invoke, F: "read"})
	add(history.Op{Process: 1, Type: history.OK, F: "read", Value: history.Int(read)})
	for p := range others {
		add(history.Op{Process: 10 + p, Type: history.OK, F: "add"})
	}
	return h
}

func TestPorcupine(t *testing.T) {
	broken := tally
	broken.Step = func(_, _, _ any) (bool, any) { panic("no idea") }
	for _, c := range []struct {
		name   string
		model  porcupine.Model
		h      *history.History
		budget checkers.Budget
		want   checkers.Validity
		text   string
	}{
		{"valid", tally, count(3, 0), checkers.Budget{}, checkers.Valid, ""},
		{"valid beside others", tally, count(5, 4), checkers.Budget{}, checkers.Valid, ""},
		{"invalid", tally, count(4, 0), checkers.Budget{}, checkers.Invalid, "the 4 operations have no legal order; the longest that was found holds 3 of them"},
		{"time", tally, count(-1, 40), checkers.Budget{Time: 100 * time.Millisecond}, checkers.Unknown, "its time was over"},
		{"memory", tally, count(-1, 40), checkers.Budget{Memory: 16 << 20}, checkers.Unknown, "its memory was used up"},
		{"panic", broken, count(3, 0), checkers.Budget{}, checkers.Unknown, "the model failed: no idea"},
		{"nothing", porcupine.Model{}, count(3, 0), checkers.Budget{}, checkers.Unknown, "no step function"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Porcupine("tally", c.model, nil).Check(context.Background(), c.h, c.budget)
			told := r.Reason
			for _, a := range r.Anomalies {
				told += a.Sentence
			}
			if r.Checker != "tally" || r.Valid != c.want || !strings.Contains(told, c.text) {
				t.Errorf("%v: %q", r.Valid, told)
			}
		})
	}
}
