// Package stats counts the operations: how many of each kind, and how they completed.
//
// It judges nothing - package vacuity does, where a count of zero makes a verdict hollow -
// so its result is always valid. Start with Count.
package stats

import (
	"cmp"
	"context"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// Counts are operations by how they completed.
type Counts struct {
	Invoked int `json:"invoked"`
	OK      int `json:"ok"`
	Fail    int `json:"fail"`
	Info    int `json:"info"` // those that never completed included
}

// Rate is the share that succeeded.
func (c Counts) Rate() float64 {
	if c.Invoked == 0 {
		return 0
	}
	return float64(c.OK) / float64(c.Invoked)
}

// By are the counts of one kind of operation or of one process.
type By struct {
	F       string `json:"f,omitempty"`
	Process int    `json:"process,omitempty"`
	Counts
}

// Stats are the counts of a history: of all clients' operations, by kind in alphabetical
// order, and by process.
type Stats struct {
	All       Counts
	Kinds     []By
	Processes []By
}

// Count counts the operations of clients.
func Count(h *history.History) Stats {
	var s Stats
	kinds, processes := map[string]*Counts{}, map[int]*Counts{}
	match := h.Completions()
	for i, end := range match {
		op := h.At(i)
		if op.Type != history.Invoke || op.Process < 0 {
			continue
		}
		if kinds[op.F] == nil {
			kinds[op.F] = &Counts{}
		}
		if processes[op.Process] == nil {
			processes[op.Process] = &Counts{}
		}
		how := history.Info
		if end >= 0 {
			how = h.At(int(end)).Type
		}
		for _, c := range []*Counts{&s.All, kinds[op.F], processes[op.Process]} {
			c.Invoked++
			switch how {
			case history.OK:
				c.OK++
			case history.Fail:
				c.Fail++
			default:
				c.Info++
			}
		}
	}
	for f, c := range kinds {
		s.Kinds = append(s.Kinds, By{F: f, Counts: *c})
	}
	for p, c := range processes {
		s.Processes = append(s.Processes, By{Process: p, Counts: *c})
	}
	slices.SortFunc(s.Kinds, func(a, b By) int { return cmp.Compare(a.F, b.F) })
	slices.SortFunc(s.Processes, func(a, b By) int { return cmp.Compare(a.Process, b.Process) })
	return s
}

// Checker returns the checker that reports the counts as figures.
func Checker() checkers.Checker { return checker{} }

type checker struct{}

func (checker) Name() string { return "stats" }

func (c checker) Check(_ context.Context, h *history.History, _ checkers.Budget) checkers.Result {
	s := Count(h)
	result := checkers.Result{Checker: c.Name()}
	figures := func(name string, c Counts) {
		result.Figures = append(result.Figures,
			checkers.Figure{Name: name + " ok", Value: float64(c.OK), Unit: "ops"},
			checkers.Figure{Name: name + " fail", Value: float64(c.Fail), Unit: "ops"},
			checkers.Figure{Name: name + " info", Value: float64(c.Info), Unit: "ops"},
			checkers.Figure{Name: name + " ok rate", Value: c.Rate(), Unit: "ratio"},
		)
	}
	figures("all", s.All)
	for _, k := range s.Kinds {
		figures(k.F, k.Counts)
	}
	result.Figures = append(result.Figures, checkers.Figure{Name: "processes", Value: float64(len(s.Processes)),
		Note: "a client whose operation ended in doubt goes on as a new process"})
	return result
}
