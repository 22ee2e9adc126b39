// Package list checks that append-only lists are linearizable, or sequential: clients append elements,
// each of them once, and read the whole.
//
// The one idea: reads give the order away. Of a list that only grows at its end, every read
// is a beginning of every longer one, so the longest read is the order of all elements that
// anybody saw; a read of n elements stands behind the n-th and before the next, and an
// acknowledged element that nobody saw behind all reads. That is the only order there can
// be, so what is left is to hold it against real time: nothing may stand before something
// that had ended when it began. No search, and a sort is all it costs.
//
// For sequential consistency the same order is held against that of each process instead,
// over all lists at once (sequential.go).
//
// Start with Checker.
package list

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// Checker returns a checker of lists, one for each key, with append (of an integer) and
// read (a list of integers, or nothing where there is none yet).
func Checker() checkers.Checker { return checker{} }

type checker struct{}

func (checker) Name() string { return "list" }

// maxAnomalies is how many keys are told about; the others are counted.
const maxAnomalies = 8

func (c checker) Check(ctx context.Context, h *history.History, budget checkers.Budget) checkers.Result {
	budget = budget.OrDefault()
	ctx, cancel := context.WithTimeout(ctx, budget.Time)
	defer cancel()
	result := checkers.Result{Checker: c.Name()}
	subjects := gather(h, budget.Memory)
	appends, reads, unread, invalid := 0, 0, 0, 0
	for _, s := range subjects {
		if s.Fault == "" && ctx.Err() != nil {
			s.Fault = "no time was left for it"
		}
		if s.Fault != "" {
			result.Doubt(s.name(), s.Fault)
			continue
		}
		found := s.judge()
		appends, reads = appends+len(s.elements), reads+len(s.reads)
		for _, el := range s.elements {
			if el.acked != none && !el.seen {
				unread++
			}
		}
		if found == nil {
			continue
		}
		result.Valid = checkers.Invalid
		if invalid++; invalid <= maxAnomalies {
			result.Anomalies = append(result.Anomalies, *found)
		}
	}
	result.Count("keys", len(subjects), "")
	result.Count("elements", appends, "that may have been appended, or were read")
	result.Count("elements never read", unread, "though acknowledged")
	result.Count("reads", reads, "")
	if invalid > 0 {
		result.Count("invalid keys", invalid, "")
	}
	return result
}

const (
	none  = -1
	never = math.MaxInt // later than any event
)

// element is the life of one. Events are indices in the history, or none.
type element struct {
	value    int64
	appended int // the invocation of an append that may have happened
	acked    int
	refused  int // an append of it that certainly failed
	seen     bool
}

// read is a successful one: its elements by their numbers.
type read struct {
	call, ret int
	elements  []int32
}

// subject is one list.
type subject struct {
	checkers.Subject
	elements []element
	number   map[int64]int32
	reads    []read
	room     *int64 // bytes that all reads may still take
	untimed  bool   // real time means nothing
}

func (s *subject) element(v int64) (*element, int32) {
	n, found := s.number[v]
	if !found {
		n = int32(len(s.elements))
		s.number[v] = n
		s.elements = append(s.elements, element{value: v, appended: none, acked: none, refused: none})
	}
	return &s.elements[n], n
}

// gather splits a history into its lists, in order of first use.
func gather(h *history.History, memory int64) []*subject {
	begin := func(of checkers.Subject) *subject {
		return &subject{Subject: of, number: map[int64]int32{}, room: &memory}
	}
	return checkers.Gather(h, begin, func(s *subject, i int, e history.Op, match []int32) {
		if s.Fault != "" {
			return
		}
		switch e.F {
		case "append":
			s.append(i, e, match)
		case "read":
			s.read(i, e, match)
		default:
			s.Reject("operation %d is %q, which a list does not have", i, e.F)
		}
	})
}

func (s *subject) append(i int, e history.Op, match []int32) {
	if e.Type != history.Invoke {
		if at := match[i]; e.Type == history.OK && at >= 0 {
			el, _ := s.element(s.H.At(int(at)).Value.A)
			el.acked = i
		}
		return
	}
	if e.Value.Kind != history.KindInt {
		s.Reject("operation %d appends %s, which is no integer", i, e.Value)
		return
	}
	el, _ := s.element(e.Value.A)
	switch end := match[i]; {
	case end >= 0 && s.H.At(int(end)).Type == history.Fail:
		el.refused = i
	case el.appended != none:
		s.Reject("element %d is appended twice, by operations %d and %d, so nobody can tell them apart", el.value, el.appended, i)
	default:
		el.appended = i
	}
}

func (s *subject) read(i int, e history.Op, match []int32) {
	if e.Type != history.OK || match[i] < 0 {
		return
	}
	if e.Value.Kind != history.KindList && !e.Value.IsNil() {
		s.Reject("operation %d read %s, which is no list of integers", i, e.Value)
		return
	}
	if *s.room -= 4 * int64(len(e.Value.S)); *s.room < 0 {
		s.Reject("the reads are too long for the memory given")
		return
	}
	values := e.Value.Ints()
	r := read{call: int(match[i]), ret: i, elements: make([]int32, 0, len(values))}
	for _, v := range values {
		el, n := s.element(v)
		el.seen = true
		r.elements = append(r.elements, n)
	}
	s.reads = append(s.reads, r)
}

// judge finds what is wrong with the list, or nil.
func (s *subject) judge() *checkers.Anomaly {
	if a := s.unordered(); a != nil {
		return a
	}
	return s.misplaced()
}

// unordered finds what the reads alone are proof of, and puts them in order of their length.
func (s *subject) unordered() *checkers.Anomaly {
	slices.SortStableFunc(s.reads, func(a, b read) int {
		if c := cmp.Compare(len(a.elements), len(b.elements)); c != 0 {
			return c
		}
		return cmp.Compare(a.call, b.call)
	})
	if a := s.phantom(); a != nil {
		return a
	}
	if a := s.doubled(); a != nil {
		return a
	}
	return s.forked()
}

func (s *subject) name() string {
	if !s.Keyed {
		return "the list"
	}
	return "key " + s.KeyName()
}
