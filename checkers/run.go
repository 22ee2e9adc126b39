package checkers

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/faultline-dev/faultline/harness/history"
)

// Default bounds of one checker. A minute is what a person waits for without wondering;
// a gigabyte is what a laptop and a CI runner both have left.
const (
	DefaultTime   = time.Minute
	DefaultMemory = 1 << 30
)

// OrDefault fills in what the budget leaves open.
func (b Budget) OrDefault() Budget {
	if b.Time <= 0 {
		b.Time = DefaultTime
	}
	if b.Memory <= 0 {
		b.Memory = DefaultMemory
	}
	if b.Workers <= 0 {
		b.Workers = runtime.GOMAXPROCS(0)
	}
	return b
}

// All runs the checkers one after the other, each with the whole budget, and returns their
// results in the same order. One that panics answers unknown. They do not run side by side
// because the budgets of memory would add up, and because the heavy ones are parallel
// inside.
func All(ctx context.Context, h *history.History, budget Budget, cs ...Checker) []Result {
	results := make([]Result, 0, len(cs))
	for _, c := range cs {
		results = append(results, guarded(ctx, c, h, budget.OrDefault()))
	}
	return results
}

func guarded(ctx context.Context, c Checker, h *history.History, budget Budget) (result Result) {
	defer func() {
		if p := recover(); p != nil {
			result = Result{Checker: c.Name(), Valid: Unknown, Reason: fmt.Sprintf("the checker failed: %v", p)}
		}
	}()
	if err := ctx.Err(); err != nil {
		return Result{Checker: c.Name(), Valid: Unknown, Reason: "not run: " + err.Error()}
	}
	result = c.Check(ctx, h, budget)
	result.Checker = c.Name()
	for i := range result.Anomalies {
		if a := &result.Anomalies[i]; a.Key != nil && h.Named() {
			a.KeyName = h.KeyName(*a.Key)
		}
	}
	return result
}

// Verdict merges the results' verdicts.
func Verdict(results []Result) Validity {
	v := Valid
	for _, r := range results {
		v = Merge(v, r.Valid)
	}
	return v
}

// Compose makes one checker of several: their anomalies and figures in order, the gravest
// of their verdicts, and the reason of each that does not know.
func Compose(name string, cs ...Checker) Checker { return composed{name, cs} }

type composed struct {
	name string
	cs   []Checker
}

func (c composed) Name() string { return c.name }

func (c composed) Check(ctx context.Context, h *history.History, budget Budget) Result {
	out := Result{Checker: c.name}
	for _, r := range All(ctx, h, budget, c.cs...) {
		out.Valid = Merge(out.Valid, r.Valid)
		out.Anomalies = append(out.Anomalies, r.Anomalies...)
		out.Figures = append(out.Figures, r.Figures...)
		if r.Reason == "" {
			continue
		}
		if out.Reason != "" {
			out.Reason += "; "
		}
		out.Reason += r.Checker + ": " + r.Reason
	}
	return out
}
