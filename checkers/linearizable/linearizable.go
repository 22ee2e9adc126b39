// Package linearizable checks that each register of a history behaved as if its operations
// had taken effect one at a time, each at some moment between its invocation and its
// completion (Herlihy and Wing, TOPLAS 1990).
//
// The one idea: pick the engine by what the history allows. A key whose values are written
// once each - which is what our workloads take care to do - is decided exactly, crashes and
// all: in one sweep over the events (sweep.go), and where that finds a contradiction, from the
// few operations on the values of it (convict.go), or in the time of a sort from all
// (zones.go). One of few values is followed by all its configurations at once (follow.go), any
// other is searched, within a budget (search.go, checkers/engine/search). Keys are
// independent: a composition of registers is linearizable just if each of them is.
//
// When a key fails, the shortest failing prefix of the history is looked for, because the
// operation that ends it is one that nobody can place, and the story is told around it,
// by the fewest operations that fail by themselves (counterexample.go, explain.go, detail.go).
// Start with Register. An object that is no register, but that somebody has told porcupine
// about, is checked by it (porcupine.go).
package linearizable

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/search"
	"github.com/faultline-dev/faultline/checkers/engine/words"
	"github.com/faultline-dev/faultline/harness/history"
)

// Options of the check. The zero value is right for our own workloads.
type Options struct {
	// Initial is the value of every register at first; absent by default.
	Initial history.Value
	// Anomalies is how many failing keys are told about, each with its picture; the others
	// are counted. 0 means 8.
	Anomalies int
}

// Register returns a checker of registers with read, write and cas (compare-and-set) with
// the default options.
//
// A write's and a cas's value is that of the invocation, an integer and a pair; a read's
// that of its completion, nil where the register was absent. A cas that failed with error
// "mismatch..." and an integer as its completion's value is a read of that integer, and
// one with error checkers.MismatchAbsent a read of nil.
func Register() checkers.Checker { return New(Options{}) }

// New is Register with options.
func New(o Options) checkers.Checker {
	if o.Anomalies <= 0 {
		o.Anomalies = 8
	}
	return register{o}
}

type register struct{ Options }

func (register) Name() string { return "linearizable" }

// finding is what came out for one key.
type finding struct {
	verdict checkers.Validity
	reason  string   // why unknown
	story   *story   // why invalid
	about   *subject // the register as the story tells of it, if not all of it is told of
	zones   bool
	took    time.Duration
	telling time.Duration // of that, for the story
}

// fail is the verdict invalid, of which a story is told.
func (f *finding) fail(tell func() *story) {
	began := time.Now()
	f.verdict, f.story = checkers.Invalid, tell()
	f.telling = time.Since(began)
}

func (r register) Check(ctx context.Context, h *history.History, budget checkers.Budget) checkers.Result {
	budget = budget.OrDefault()
	begin := time.Now()
	ctx, cancel := context.WithDeadline(ctx, begin.Add(budget.Time))
	defer cancel()
	g := newGathering(h, r.Initial)
	open := func() bool { return slices.ContainsFunc(g.all, func(s *subject) bool { return !s.settled }) }
	if g.sweep(all); !g.accused() && open() {
		if g.follow(); open() {
			g.gather()
		}
	}
	subjects := g.all
	c := &check{g: g, ctx: ctx, deadline: begin.Add(budget.Time), workers: max(1, min(budget.Workers, len(subjects)))}
	c.memory = budget.Memory / int64(c.workers)
	return r.report(h, subjects, c.judge(subjects), begin)
}

// check is one run of the checker: what its workers share.
type check struct {
	g        *gathering
	ctx      context.Context
	deadline time.Time
	workers  int
	memory   int64 // for one search: as many go on at once as there are workers
}

// judge decides every key. Cheap ones go first: a key that eats its whole slice of the
// time then costs the others none of theirs.
func (c *check) judge(subjects []*subject) []finding {
	findings := make([]finding, len(subjects))
	work := make([]int, len(subjects))
	for i, s := range subjects {
		accused := c.g.accused()
		if !s.settled && !accused {
			s.prune()
			s.size = len(s.ops)
		}
		findings[i].zones = s.settled || accused || s.unique()
		work[i] = i
	}
	cost := func(i int) int {
		if findings[i].zones {
			return 0
		}
		return subjects[i].size
	}
	slices.SortStableFunc(work, func(a, b int) int { return cmp.Compare(cost(a), cost(b)) })

	if len(work) == 1 { // which needs nobody beside
		c.guarded(subjects[0], &findings[0], time.Until(c.deadline))
		return findings
	}
	var wg sync.WaitGroup
	next := make(chan int)
	for range c.workers {
		wg.Go(func() {
			for at := range next {
				rounds := (len(work)-at-1)/c.workers + 1
				slice := time.Until(c.deadline) / time.Duration(rounds)
				c.guarded(subjects[work[at]], &findings[work[at]], slice)
			}
		})
	}
	for at := range work {
		next <- at
	}
	close(next)
	wg.Wait()
	return findings
}

func (c *check) guarded(s *subject, f *finding, slice time.Duration) {
	defer func() {
		if p := recover(); p != nil {
			f.verdict, f.reason = checkers.Unknown, fmt.Sprintf("the checker failed: %v", p)
		}
	}()
	begin := time.Now()
	c.decide(s, f, slice)
	f.took = time.Since(begin)
}

// all is later than any event, and earlier than pending.
const all = math.MaxInt32 - 1

// decide judges one key and, where it fails, finds out why.
func (c *check) decide(s *subject, f *finding, slice time.Duration) {
	switch {
	case s.settled:
	case s.fault != "":
		f.verdict, f.reason = checkers.Unknown, s.fault
	case c.ctx.Err() != nil:
		f.verdict, f.reason = checkers.Unknown, "no time was left for it"
	case c.g.accused() && c.convict(s, f, slice/4):
	case s.failed > 0:
		f.fail(func() *story {
			if f.zones { // which tell more
				if found := s.contradiction(all); found != nil {
					return c.blame(s, found, slice/4)
				}
			}
			return c.retrace(s, slice/2)
		})
	case f.zones:
		if found := s.contradiction(all); found != nil {
			f.fail(func() *story { return c.blame(s, found, slice/4) })
		}
	default:
		begin := time.Now()
		r := c.search(s, all, slice, search.Options{Hasty: true})
		limit, doomed := int32(all), false
		if r.Verdict == stopped {
			slice -= time.Since(begin)
			limit, doomed = s.firstDoomed(all)
			r = c.search(s, min(limit, all), slice, search.Options{Patient: true})
		}
		switch {
		case r.Verdict == illegal:
			f.fail(func() *story { return c.explain(s, "search", r.At, r.Order(), slice/2) })
		case doomed:
			f.fail(func() *story { return c.excuse(s, limit, slice/2) })
		case r.Verdict == stopped:
			f.verdict, f.reason = checkers.Unknown, unsettled(r, slice)
		}
	}
}

// report puts the findings into a result.
func (r register) report(h *history.History, subjects []*subject, findings []finding, begin time.Time) checkers.Result {
	result := checkers.Result{Checker: r.Name()}
	ops, unknown, invalid, zoned, searched, followed := 0, 0, 0, 0, 0, 0
	var slowest, telling time.Duration
	for i, f := range findings {
		s := subjects[i]
		ops += s.size
		slowest, telling = max(slowest, f.took), telling+f.telling
		switch {
		case s.byWords || s.failed > 0 && !f.zones:
			followed++
		case !f.zones:
			searched++
		case f.verdict != checkers.Unknown:
			zoned++
		}
		result.Valid = checkers.Merge(result.Valid, f.verdict)
		switch f.verdict {
		case checkers.Unknown:
			if unknown++; result.Reason == "" {
				result.Reason = s.name() + ": " + f.reason
			}
		case checkers.Invalid:
			if invalid++; invalid <= r.Anomalies {
				told := time.Now()
				result.Anomalies = append(result.Anomalies, f.story.anomaly(cmp.Or(f.about, s)))
				telling += time.Since(told)
			}
		}
	}
	if unknown > 1 {
		result.Reason += fmt.Sprintf(" (and %d more keys like it)", unknown-1)
	}
	result.Count("keys", len(subjects), "")
	result.Count("operations", ops, "those that constrain the order")
	if invalid > 0 {
		result.Count("invalid keys", invalid, "")
	}
	if unknown > 0 {
		result.Count("undecided keys", unknown, "")
	}
	if zoned > 0 {
		result.Count("decided by zones", zoned, "keys whose values are written once each: by zones (Gibbons and Korach 1997)")
	}
	if followed > 0 {
		result.Count("decided by words", followed, "keys of few values, some of them written twice: by "+words.Engine)
	}
	if searched > 0 {
		result.Count("searched keys", searched, "some value is written twice, so an order had to be searched for, by "+search.Methods)
	}
	result.Spent(time.Since(begin), telling, "key", slowest)
	return result
}

func (s *subject) name() string {
	if !s.keyed {
		return "the register"
	}
	return "key " + s.h.KeyName(s.key)
}
