// Package vacuity tells whether a run proves anything.
//
// A run in which no write succeeded, or whose faults never bit, finds nothing because it
// looked at nothing. Such a run must never pass as valid: it is unknown, with the reason.
// Start with Checker.
package vacuity

import (
	"context"
	"fmt"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// Options say what the run was for.
type Options struct {
	Kinds   []string // the operations of which at least one has to have succeeded
	Nemeses []string // those of which at least one fault has to have bitten
	// Any is for histories of which nobody knows what they were for: some operation has to
	// have succeeded, whatever it was, and what was never tried is not missed.
	Any bool
}

// Checker returns the checker.
func Checker(o Options) checkers.Checker { return checker{o} }

type checker struct{ Options }

func (checker) Name() string { return "vacuity" }

func (c checker) Check(_ context.Context, h *history.History, _ checkers.Budget) checkers.Result {
	result := checkers.Result{Checker: c.Name()}
	invoked, succeeded := map[string]int{}, map[string]int{}
	for i := range h.Len() {
		switch op := h.At(i); {
		case op.Process < 0:
		case op.Type == history.Invoke:
			invoked[op.F]++
		case op.Type == history.OK:
			succeeded[op.F]++
		}
	}
	faults, bit := map[string]int{}, map[string]int{}
	for _, f := range checkers.Faults(h) {
		faults[f.Nemesis]++
		if f.End >= 0 && f.Bit > 0 {
			bit[f.Nemesis]++
		}
	}
	var reasons []string
	if c.Any && len(succeeded) == 0 {
		reasons = append(reasons, "not one operation succeeded")
	}
	for _, f := range c.Kinds {
		switch {
		case invoked[f] == 0 && c.Any:
			continue
		case invoked[f] == 0:
			reasons = append(reasons, fmt.Sprintf("no %s was ever tried", f))
		case succeeded[f] == 0:
			reasons = append(reasons, fmt.Sprintf("of %s none succeeded", plural(invoked[f], f+" operation")))
		}
		result.Figures = append(result.Figures, checkers.Figure{Name: f + " succeeded", Value: float64(succeeded[f]), Unit: "ops"})
	}
	for _, n := range c.Nemeses {
		switch {
		case faults[n] == 0:
			reasons = append(reasons, fmt.Sprintf("nemesis %s was asked for, but no fault of it took hold", n))
		case bit[n] == 0:
			reasons = append(reasons, fmt.Sprintf("of %s of nemesis %s none bit", plural(faults[n], "fault"), n))
		}
		result.Figures = append(result.Figures, checkers.Figure{Name: n + " faults that bit", Value: float64(bit[n]),
			Note: fmt.Sprintf("of %d", faults[n])})
	}
	if len(reasons) > 0 {
		result.Valid, result.Reason = checkers.Unknown, strings.Join(reasons, "; ")
	}
	return result
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
