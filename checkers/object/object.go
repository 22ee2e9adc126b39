// Package object judges histories of objects by their name: queues, sets, mutexes and so on,
// as anyone's test may have recorded them. It decides whether each object of a history is
// linearizable: whether its operations took effect one at a time, each at some moment between
// its invocation and its completion (Herlihy and Wing, TOPLAS 1990).
//
// The one idea: a type is a table row. It says under which names its operations go, how they
// are gathered from a history, and what they do to a state (a sequential specification). From
// these the general search (checkers/engine/search) can decide any history, given time. Where
// a type has a monitor (checkers/engine/monitor) and a history's elements are unique, that
// decides instead, in the time of a sort; and where operations on different parts of an
// object do not care about one another - elements of a set, registers of a multi-register -
// each part is decided by itself, for linearizability is local. A set, unless it is read as a
// whole, is decided that way while the events are gone through, without gathering any operation,
// by a monitor of each element (sweep.go) or by words (follow.go, checkers/engine/words).
//
// Start with All, the registry, and New.
package object

import (
	"context"
	"fmt"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/search"
	"github.com/faultline-dev/faultline/checkers/engine/words"
	"github.com/faultline-dev/faultline/harness/history"
)

// Options of the check.
type Options struct {
	// Initial is what the object holds at first; nil: nothing. What it is of each type, the
	// type says.
	Initial history.Value
	// Special are checkers that know more of some histories of a type: they are asked first,
	// and where they do not know this package decides.
	Special []Special
	// Elementwise asks of a read of a whole set only that each element was there, or was not,
	// at some moment of the read, not that all of it was so at one moment. What is invalid then
	// is invalid; what is valid may not be linearizable where reads overlap changes. To decide
	// the rest takes a search, which may take too long.
	Elementwise bool
	// Anomalies is how many failing objects are told about, the others are counted. 0 means 8.
	Anomalies int
}

// Special is a checker for histories of a type that hold these operations only, under their
// first names, and start with nothing in the object.
type Special struct {
	Type       string
	Operations []string
	Checker    checkers.Checker
}

// New returns a checker of objects of a type, one for each key.
func New(t Type, o Options) checkers.Checker {
	if o.Anomalies <= 0 {
		o.Anomalies = 8
	}
	if o.Elementwise {
		t.apart = nil
	}
	return &checker{t, o}
}

type checker struct {
	kind Type
	Options
}

func (c *checker) Name() string { return c.kind.Name }

// finding is what came out for one object.
type finding struct {
	verdict checkers.Validity
	reason  string // why unknown
	story   *story // why invalid
	engine  string
	took    time.Duration
	telling time.Duration // of that, for the story
}

// fail is the verdict invalid, of which a story is told.
func (f *finding) fail(tell func() *story) {
	began := time.Now()
	f.verdict, f.story = checkers.Invalid, tell()
	f.telling = time.Since(began)
}

func (c *checker) Check(ctx context.Context, h *history.History, budget checkers.Budget) checkers.Result {
	budget = budget.OrDefault()
	begin := time.Now()
	ctx, cancel := context.WithDeadline(ctx, begin.Add(budget.Time))
	defer cancel()
	for _, s := range c.Special {
		if s.Type != c.kind.Name || !c.Initial.IsNil() || !only(h, s.Operations) {
			continue
		}
		if r := s.Checker.Check(ctx, h, budget); r.Valid != checkers.Unknown {
			return r
		}
	}
	subjects, err := c.objects(h)
	if err != nil {
		return checkers.Result{Checker: c.Name(), Valid: checkers.Unknown, Reason: err.Error()}
	}
	j := &judgement{deadline: begin.Add(budget.Time), budget: budget, subjects: subjects, findings: make([]finding, len(subjects))}
	j.all(ctx)
	return c.report(subjects, j.findings, begin)
}

// only reports whether the clients' operations are all among these, and return no truth values,
// which say more of an operation than that it happened.
func only(h *history.History, names []string) bool {
	var known []bool // by number
	for _, name := range names {
		if n, ok := h.Number(name); ok {
			known = enter(known, n, true)
		}
	}
	var e history.Row
	for i := range h.Len() {
		if h.ReadRow(i, &e); e.Process < 0 {
			continue
		}
		if int(e.F) >= len(known) || !known[e.F] {
			return false
		}
		if e.Kind == history.KindEDN {
			if _, truth := boolean(h.Value(i)); truth {
				return false
			}
		}
	}
	return true
}

// report puts the findings into a result.
func (c *checker) report(subjects []*subject, findings []finding, begin time.Time) checkers.Result {
	result := checkers.Result{Checker: c.Name()}
	ops, unknown, invalid := 0, 0, 0
	engines := map[string]int{}
	var slowest, telling time.Duration
	for i, f := range findings {
		s := subjects[i]
		ops += s.size
		slowest, telling = max(slowest, f.took), telling+f.telling
		if f.engine != "" {
			engines[f.engine]++
		}
		result.Valid = checkers.Merge(result.Valid, f.verdict)
		switch f.verdict {
		case checkers.Unknown:
			if unknown++; result.Reason == "" {
				result.Reason = s.name() + ": " + f.reason
			}
		case checkers.Invalid:
			if invalid++; invalid <= c.Anomalies {
				told := time.Now()
				result.Anomalies = append(result.Anomalies, f.story.anomaly(s))
				telling += time.Since(told)
			}
		}
	}
	if unknown > 1 {
		result.Reason += fmt.Sprintf(" (and %d more like it)", unknown-1)
	}
	result.Count("objects", len(subjects), "")
	result.Count("operations", ops, "those that constrain the order")
	if invalid > 0 {
		result.Count("invalid objects", invalid, "")
	}
	if unknown > 0 {
		result.Count("undecided objects", unknown, "")
	}
	for _, engine := range []string{byMonitor, byWords, byParts, bySearch} {
		if engines[engine] > 0 {
			result.Count("decided by "+engine, engines[engine], engineNotes[engine])
		}
	}
	result.Spent(time.Since(begin), telling, "object", slowest)
	return result
}

// The engines.
const (
	byMonitor = "monitor"
	byWords   = "words"
	byParts   = "parts"
	bySearch  = "search"
)

var engineNotes = map[string]string{
	byMonitor: "in about the time of a sort, by a monitor; those of sets and containers are after Lee and Mathur 2025",
	byWords:   "each element decided by itself, by " + words.Engine,
	byParts:   "each element or register decided by itself, by a monitor or " + search.Methods,
	bySearch:  "an order had to be searched for, by " + search.Methods,
}
