// Package weaker measures registers against promises weaker than linearizability, so that
// a store which makes only such a promise is held to it, and one that breaks a promise is
// told by how much.
//
// The one idea: every value is written once, so a history says of each read which write it
// saw, and a model becomes a question about graphs: is there an order of versions, or of
// operations, in which this comes before that? Coherence and the session guarantees are
// decided exactly, in linear time (coherence.go, sessions.go); sequential consistency, which
// is NP-hard, by what is forced and then by search within a budget (sequential.go); and
// staleness is measured, in milliseconds and in versions (staleness.go).
// What is promised only of the end, once writes have stopped, is judged by what is read then
// (eventual.go, lost.go).
//
// Real time means nothing to the other models of this package: an order may place a read before
// the write of what it saw was invoked, if no process forbids it. A value that nobody wrote
// is an anomaly of each of them.
//
// Start with register (register.go), then coherence.go.
package weaker

import (
	"context"
	"fmt"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// maxAnomalies is how many are told about; the others are counted.
const maxAnomalies = 8

// perKey is a checker that judges each key by itself.
type perKey struct {
	name string
	// judge returns how the promise is broken on a key or, if it may be, why.
	judge func(*register, *tails) (found []checkers.Anomaly, doubt string)
}

func (c perKey) Name() string { return c.name }

func (c perKey) Check(ctx context.Context, h *history.History, budget checkers.Budget) checkers.Result {
	result := checkers.Result{Checker: c.name}
	budget = budget.OrDefault()
	if why := tooLarge(h, budget.Memory); why != "" {
		result.Doubt("the history", why)
		return result
	}
	ctx, cancel := context.WithTimeout(ctx, budget.Time)
	defer cancel()
	all, processes := registers(h, history.Nil)
	t := newTails(processes)
	ops, invalid, doubtful, doubt := 0, 0, 0, ""
	for _, r := range all {
		r.afford(ctx, budget.Memory)
		if r.Fault != "" {
			result.Doubt(r.name(), r.Fault)
			continue
		}
		ops += len(r.ops)
		var found []checkers.Anomaly
		var why string
		if r.phantom != none {
			found = []checkers.Anomaly{r.phantomAnomaly()}
		} else {
			found, why = c.judge(r, t)
		}
		if r.Fault != "" && len(found) == 0 { // it turned out to be too much
			result.Doubt(r.name(), r.Fault)
			continue
		}
		if len(found) > 0 {
			invalid++
			result.Valid = checkers.Invalid
			result.Anomalies = append(result.Anomalies, found[:min(len(found), maxAnomalies-len(result.Anomalies))]...)
			continue
		}
		if why != "" {
			if doubtful++; doubt == "" {
				doubt = fmt.Sprintf("on %s, %s", r.name(), why)
			}
		}
	}
	result.Count("keys", len(all), "")
	result.Count("operations", ops, "those that constrain the order")
	if invalid > 0 {
		result.Count("invalid keys", invalid, "")
	}
	if doubtful > 0 {
		result.Count("undecided keys", doubtful, "")
		if doubtful > 1 {
			doubt += fmt.Sprintf(" (and %d more keys like it)", doubtful-1)
		}
		result.Valid = checkers.Merge(result.Valid, checkers.Unknown)
		if result.Reason == "" {
			result.Reason = doubt
		}
	}
	return result
}

// What the exact checkers need at most for each event of a history, and for each operation
// of the key that they are at.
const (
	bytesPerEvent     = 48
	bytesPerOperation = 400
)

// tooLarge says that a history has no room in the memory given, or "".
func tooLarge(h *history.History, memory int64) string {
	return room(int64(h.Len())*bytesPerEvent, memory)
}

// afford rejects the register if there is no time or room to judge it.
func (r *register) afford(ctx context.Context, memory int64) {
	if ctx.Err() != nil {
		r.Reject("no time was left for it")
	}
	if why := room(int64(len(r.ops))*bytesPerOperation, memory); why != "" {
		r.Reject("%s", why)
	}
}

func room(need, memory int64) string {
	if need > memory {
		return fmt.Sprintf("it may need %d MB of memory, and %d MB were given", need>>20, memory>>20)
	}
	return ""
}
