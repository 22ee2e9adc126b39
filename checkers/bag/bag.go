// Package bag checks sets whose elements are added and removed, and added again, by what is
// left of them once writes have stopped and the cluster has healed.
//
// The one idea: a remove removes the adds that it has observed, and no others (the
// observed-remove set of Shapiro and others: A comprehensive study of Convergent and
// Commutative Replicated Data Types. INRIA RR-7506, 2011, section 3.3.5). Stores that order
// all operations do no less. What a remove had observed clients can tell in two cases, and
// these are judged:
//
//   - An add that began when every remove of the element had been acknowledged was observed
//     by none of them, so the element must be there; else it is a *lost element*. This is
//     where an add is lost that was concurrent with a remove inside the system.
//   - An add that the remover itself had made, or whose element it had read while there was
//     no other add of it, was observed. If every add of an element was, by removes that were
//     acknowledged, the element must be gone; else it is *resurrected*.
//
// Of an add and a remove that overlap either may win, as the remove may have observed the
// add or not. A remove in doubt may take effect late, so that nothing is lost; so may an add
// in doubt, so that nothing is resurrected, unless it was observed.
//
// Any two final reads must agree on each element, or they *diverge*; but for elements with a
// remove in doubt, or with an add in doubt that nobody had seen before.
//
// Start with New.
package bag

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// New returns a checker of sets, one for each key, with add and remove (of an integer) and
// read (a list of integers).
//
// It judges the reads of the phase named "final". A store may mend its replicas when it is
// read: where processes read twice in that phase, only reads count that began when the first
// of them began its second one. A history without a final phase does not say that anybody
// waited for the replicas to agree; what is to be said of it is not known.
func New() checkers.Checker { return checker{} }

type checker struct{}

func (checker) Name() string { return "bag" }

func (c checker) Check(ctx context.Context, h *history.History, budget checkers.Budget) checkers.Result {
	budget = budget.OrDefault()
	ctx, cancel := context.WithTimeout(ctx, budget.Time)
	defer cancel()
	result := checkers.Result{Checker: c.Name()}
	if _, known := checkers.FinalPhase(h); !known {
		result.Doubt("the history", "it has no final phase, so it does not say whether anybody waited for the replicas to agree")
		return result
	}
	var total tally
	for _, s := range gather(h, budget.Memory) {
		if s.Fault == "" && ctx.Err() != nil {
			s.Fault = "no time was left for it"
		}
		if s.Fault == "" {
			s.pickFinals()
			if len(s.finals) == 0 && len(s.elements) > 0 {
				s.Reject("no final read succeeded, so nobody knows what became of the elements")
			}
		}
		if s.Fault != "" {
			result.Doubt(s.name(), s.Fault)
			continue
		}
		result.Anomalies = append(result.Anomalies, s.anomalies(&total)...)
	}
	if len(result.Anomalies) > 0 {
		result.Valid = checkers.Invalid
	}
	total.tell(&result)
	return result
}

const (
	none  = -1
	later = math.MaxInt // than any event
)

// change is an add or a remove that may have happened; ret is later where it is in doubt.
type change struct {
	call, ret int
	process   int
}

// element is the life of one. Events are indices in the history, or none.
type element struct {
	value         int64
	adds, removes []change // by invocation
	refused       int      // an add of it that certainly failed
	seen          int      // the completion of the first read that saw it, later if there is none
	doubled       int      // a read that saw it twice: its completion
}

// read is one that succeeded: its elements in order, each once.
type read struct {
	call, ret int
	process   int
	elements  []int64
}

func (r read) has(v int64) bool {
	_, found := slices.BinarySearch(r.elements, v)
	return found
}

// subject is one set.
type subject struct {
	checkers.Subject
	elements []*element
	of       map[int64]*element
	reads    []read         // by completion
	by       map[int][]read // and by process
	finals   []read         // those that count
	began    int            // when the first of them began
	ended    int            // the last completion of a change that is not in doubt
	room     *int64         // bytes that all sets may still take
}

// gather splits a history into its sets, in order of first use.
func gather(h *history.History, memory int64) []*subject {
	begin := func(of checkers.Subject) *subject {
		return &subject{Subject: of, of: map[int64]*element{}, by: map[int][]read{}, ended: none, room: &memory}
	}
	return checkers.Gather(h, begin, func(s *subject, i int, e history.Op, match []int32) {
		switch {
		case s.Fault != "":
		case e.F == "add" || e.F == "remove":
			s.change(i, e, match)
		case e.F == "read":
			s.read(i, e, match)
		default:
			s.Reject("operation %d is %q, which such a set does not have", i, e.F)
		}
	})
}

// What an element and a change of one take at most.
const (
	elementBytes = 250
	changeBytes  = 50
)

func (s *subject) element(v int64) *element {
	el := s.of[v]
	if el == nil {
		el = &element{value: v, refused: none, seen: later, doubled: none}
		s.of[v], s.elements = el, append(s.elements, el)
		s.afford(elementBytes)
	}
	return el
}

func (s *subject) afford(bytes int64) {
	if *s.room -= bytes; *s.room < 0 {
		s.Reject("it is too much for the memory given")
	}
}

func (s *subject) change(i int, e history.Op, match []int32) {
	if e.Type != history.Invoke {
		if e.Type != history.Info {
			s.ended = i
		}
		return
	}
	if e.Value.Kind != history.KindInt {
		s.Reject("operation %d is %s of %s, which is no integer", i, e.F, e.Value)
		return
	}
	c := change{call: i, ret: later, process: e.Process}
	el := s.element(e.Value.A)
	if end := match[i]; end >= 0 {
		switch s.H.At(int(end)).Type {
		case history.OK:
			c.ret = int(end)
		case history.Fail:
			if e.F == "add" {
				el.refused = i
			}
			return
		}
	}
	s.afford(changeBytes)
	if e.F == "add" {
		el.adds = append(el.adds, c)
	} else {
		el.removes = append(el.removes, c)
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
	// A packed element is a byte at least, a number eight, and it stands in two lists.
	s.afford(16 * int64(len(e.Value.S)))
	if s.Fault != "" {
		return
	}
	r := read{call: int(match[i]), ret: i, process: e.Process, elements: e.Value.Ints()}
	slices.Sort(r.elements)
	for k, v := range r.elements {
		el := s.element(v)
		el.seen = min(el.seen, i)
		if k > 0 && r.elements[k-1] == v && el.doubled == none {
			el.doubled = i
		}
	}
	r.elements = slices.Compact(r.elements)
	s.reads = append(s.reads, r)
	s.by[r.process] = append(s.by[r.process], r)
}

// pickFinals picks the final reads that count.
func (s *subject) pickFinals() {
	s.finals = checkers.LastReads(&s.Subject, s.reads, s.ended, func(r read) (call, process int) { return r.call, r.process })
	s.began = later
	for _, r := range s.finals {
		s.began = min(s.began, r.call)
	}
}

// stays returns an acknowledged add that no remove can have observed, or nil.
func (el *element) stays() *change {
	last := none // the last moment at which a remove may have looked
	for _, r := range el.removes {
		last = max(last, r.ret)
	}
	for i, a := range el.adds {
		if a.ret != later && a.call > last {
			return &el.adds[i]
		}
	}
	return nil
}

// gone says whether every add of the element was observed by an acknowledged remove; it
// returns the last of these.
func (s *subject) gone(el *element) (*change, bool) {
	var last *change
	for _, a := range el.adds {
		i := slices.IndexFunc(el.removes, func(r change) bool { return r.ret != later && s.observed(el, a, r) })
		if i < 0 {
			return nil, false
		}
		if last == nil || last.call < el.removes[i].call {
			last = &el.removes[i]
		}
	}
	return last, last != nil
}

// observed says whether a remove had certainly observed an add: its process had made it, or
// had read the element while there was no other add that it could come from.
func (s *subject) observed(el *element, a, r change) bool {
	if a.process == r.process && a.ret < r.call {
		return true
	}
	return slices.ContainsFunc(s.by[r.process], func(seen read) bool {
		if seen.ret > r.call || !seen.has(el.value) || a.call > seen.ret {
			return false
		}
		others := 0
		for _, b := range el.adds {
			if b.call < seen.ret {
				others++
			}
		}
		return others == 1
	})
}

// settled says whether the element cannot change any more.
func (s *subject) settled(el *element) bool {
	if slices.ContainsFunc(el.removes, func(r change) bool { return r.ret == later }) {
		return false
	}
	doubtful := slices.ContainsFunc(el.adds, func(a change) bool { return a.ret == later })
	return !doubtful || len(el.adds) == 1 && el.seen < s.began
}

func (s *subject) name() string {
	if !s.Keyed {
		return "the set"
	}
	return fmt.Sprintf("key %d", s.Key)
}
