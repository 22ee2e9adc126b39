package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/availability"
	"github.com/faultline-dev/faultline/checkers/nodes"
	"github.com/faultline-dev/faultline/checkers/perf"
	"github.com/faultline-dev/faultline/checkers/stats"
	"github.com/faultline-dev/faultline/checkers/vacuity"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/store"
	"github.com/faultline-dev/faultline/workloads"
)

// Question is what a history is to be judged by: enough to judge it again later, or to
// judge a history that came from elsewhere.
type Question struct {
	Workload workloads.Workload
	Options  cluster.Options // the workload's
	Model    model.Model
	Omitted  []string
	Nemeses  []string // those that had to bite
	Extra    []checkers.Checker
	Budget   checkers.Budget
	// Alone leaves out what only makes sense for a run of ours: what nodes and nemeses did, and
	// whether all was tried that the workload is for.
	Alone bool
}

// Judge runs the checkers over a history.
func Judge(ctx context.Context, h *history.History, q Question) []checkers.Result {
	load := q.Workload.Build(workloads.Config{Options: q.Options, Concurrency: 1, Model: q.Model, Omit: q.Omitted})
	all := slices.Clone(load.Checkers)
	all = append(all, q.Extra...)
	if !q.Alone {
		all = append(all, nodes.Deaths())
	}
	kinds, nemeses := load.Kinds, q.Nemeses
	if q.Alone {
		nemeses = nil
	}
	// What only counts and measures needs little memory, so it goes on beside the rest.
	measured := make(chan []checkers.Result, 1)
	go func() {
		measured <- checkers.All(ctx, h, q.Budget,
			vacuity.Checker(vacuity.Options{Kinds: kinds, Nemeses: nemeses, Any: q.Alone}),
			stats.Checker(), perf.Checker(), availability.Checker())
	}()
	return append(checkers.All(ctx, h, q.Budget, all...), <-measured...)
}

// question is what the run's history is to be judged by.
func (r *run) question() Question {
	return Question{
		Workload: r.Workload, Options: r.WorkloadOptions, Model: r.Model, Omitted: r.omitted,
		Nemeses: r.Nemeses, Extra: r.Extra, Budget: r.Budget,
	}
}

// judge judges the run and writes down what it found. failure is why the harness failed.
func (r *run) judge(failure error) (*Outcome, error) {
	h := r.tape.history()
	results := Judge(context.WithoutCancel(r.ctx), h, r.question())
	res := Summarise(h, results, r.Config)
	res.Expected, res.Promise = "open", ""
	if p, ok := Promised(r.Target, r.TargetOptions, r.Workload.Data, r.Model, r.Nemeses); ok {
		res.Expected, res.Promise = "valid", p.Quote
		res.Finding = res.Valid == checkers.Invalid
	}
	if r.nem != nil {
		for _, s := range r.nem.Summaries() {
			res.Nemeses = append(res.Nemeses, store.NemesisSummary(s))
		}
	}
	if failure != nil {
		res.Crash = failure.Error()
		res.Valid = checkers.Merge(res.Valid, checkers.Unknown)
		res.Summary = "the harness failed: " + firstLine(res.Crash)
	}
	out := &Outcome{History: h, Results: res}
	if r.Run == nil {
		return out, nil
	}
	r.Config.Omitted = r.omitted
	return out, errors.Join(r.Run.WriteConfig(r.Config), r.Run.WriteResults(res))
}

// Promised returns the target's promise from which follows that a run against the model
// under these nemeses is valid, if there is one.
func Promised(t cluster.Target, o cluster.Options, data string, m model.Model, nemeses []string) (cluster.Promise, bool) {
	if t.Promises == nil {
		return cluster.Promise{}, false
	}
	for _, p := range t.Promises(o) {
		if p.Data != data || !p.Model.Implies(m) {
			continue
		}
		covered := p.Nemeses == nil || !slices.ContainsFunc(nemeses, func(n string) bool { return !slices.Contains(p.Nemeses, n) })
		if covered {
			return p, true
		}
	}
	return cluster.Promise{}, false
}

// Summarise puts checkers' results together into those of the run.
func Summarise(h *history.History, results []checkers.Result, c store.Config) *store.Results {
	res := &store.Results{
		Schema: store.Schema, Valid: checkers.Verdict(results), Expected: "open",
		Seed: c.Seed, Reproduce: c.Reproduce, Config: c, Counts: count(h), Checkers: results,
	}
	res.Summary = summary(res)
	return res
}

// summary is the verdict in a sentence.
func summary(res *store.Results) string {
	switch res.Valid {
	case checkers.Invalid:
		if a, ok := res.FirstAnomaly(); ok {
			return fmt.Sprintf("%s: %s", a.Name, a.Sentence)
		}
	case checkers.Unknown:
		for _, c := range res.Checkers {
			if c.Valid == checkers.Unknown {
				return fmt.Sprintf("%s does not know: %s", c.Checker, c.Reason)
			}
		}
	}
	return fmt.Sprintf("%d of %d operations succeeded and nothing was found wrong", res.Counts.OK, res.Counts.Invoked)
}

func count(h *history.History) store.Counts {
	var n store.Counts
	for i := range h.Len() {
		op := h.At(i)
		if op.Process == history.Nemesis {
			continue
		}
		switch op.Type {
		case history.Invoke:
			n.Invoked++
		case history.OK:
			n.OK++
		case history.Fail:
			n.Fail++
		case history.Info:
			n.Info++
		}
	}
	for _, e := range h.Telemetry() {
		if e.Kind == history.EventLost {
			n.Lost++
		}
	}
	n.Leaders = leaderChanges(h)
	return n
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
