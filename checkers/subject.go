package checkers

import (
	"fmt"

	"github.com/faultline-dev/faultline/harness/history"
)

// Subject is what a checker judges by itself: what a history says of one key, or the whole
// of a history that has no keys. Checkers embed it in what they gather of one.
type Subject struct {
	H     *history.History
	Key   int64
	Keyed bool
	Fault string // why it cannot be judged; "": it can
}

// Gather splits a history into its subjects, in the order of their first use: begin makes
// one, and take is shown each event of a client, with its index and the history's pairs of
// invocations and completions (history.Completions).
func Gather[S any](h *history.History, begin func(Subject) *S, take func(s *S, i int, e history.Op, match []int32)) []*S {
	type id struct {
		key   int64
		keyed bool
	}
	index := map[id]*S{}
	var all []*S
	match := h.Completions()
	for i := range h.Len() {
		e := h.At(i)
		if e.Process < 0 {
			continue
		}
		k := id{e.Key, e.Keyed}
		s := index[k]
		if s == nil {
			s = begin(Subject{H: h, Key: e.Key, Keyed: e.Keyed})
			index[k], all = s, append(all, s)
		}
		take(s, i, e, match)
	}
	return all
}

// Reject says why the subject cannot be judged; the first reason counts.
func (s *Subject) Reject(format string, args ...any) {
	if s.Fault == "" {
		s.Fault = fmt.Sprintf(format, args...)
	}
}

// Time is when an event was, in nanoseconds since the run's start.
func (s *Subject) Time(event int) int64 { return s.H.At(event).Time }

// When is that in words.
func (s *Subject) When(event int) string { return At(s.Time(event)) }

// KeyName is the key as people know it.
func (s *Subject) KeyName() string { return s.H.KeyName(s.Key) }

// Who is whose event it was, in words.
func (s *Subject) Who(event int) string { return fmt.Sprintf("process %d", s.H.At(event).Process) }

// Finals reports of an operation, by its invocation, whether it belongs to the final ones:
// those of the phase named "final" on the telemetry track or, without one, those invoked
// after the last event of what they observe.
func (s *Subject) Finals(last int) func(call int) bool {
	began, known := int64(0), false
	for _, e := range s.H.Telemetry() {
		if e.Kind == history.EventPhase && e.Name == "final" {
			began, known = e.Time, true
		}
	}
	return func(call int) bool {
		if known {
			return s.Time(call) >= began
		}
		return call > last
	}
}

// Doubt says that something could not be judged; the first reason is told.
func (r *Result) Doubt(about, reason string) {
	r.Valid = Merge(r.Valid, Unknown)
	if r.Reason == "" {
		r.Reason = about + ": " + reason
	}
}
