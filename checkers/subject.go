package checkers

import (
	"fmt"
	"slices"
	"time"

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
	var last id
	var s *S
	match := h.Completions()
	for i := range h.Len() {
		e := h.At(i)
		if e.Process < 0 {
			continue
		}
		k := id{e.Key, e.Keyed}
		if s == nil || k != last {
			if s = index[k]; s == nil {
				s = begin(Subject{H: h, Key: e.Key, Keyed: e.Keyed})
				index[k], all = s, append(all, s)
			}
			last = k
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

// FinalPhase is when the phase named "final" on the telemetry track began.
func FinalPhase(h *history.History) (began int64, known bool) {
	for _, e := range h.Telemetry() {
		if e.Kind == history.EventPhase && e.Name == "final" {
			began, known = e.Time, true
		}
	}
	return began, known
}

// LastReads picks, of the reads of the final phase that began at an event or later, those
// that count where a store may mend its replicas when it is read: where processes read twice,
// only reads that began when the first of them began its second one. by tells a read's
// invocation and process.
func LastReads[R any](s *Subject, reads []R, from int, by func(R) (call, process int)) []R {
	isFinal := s.Finals(s.H.Len())
	var last []R
	second, once := s.H.Len(), map[int]bool{}
	for _, r := range reads {
		call, process := by(r)
		if call < from || !isFinal(call) {
			continue
		}
		if once[process] {
			second = min(second, call)
		}
		once[process] = true
		last = append(last, r)
	}
	if second == s.H.Len() {
		return last
	}
	return slices.DeleteFunc(last, func(r R) bool { call, _ := by(r); return call < second })
}

// Finals reports of an operation, by its invocation, whether it belongs to the final ones:
// those of the phase named "final" on the telemetry track or, without one, those invoked
// after the last event of what they observe.
func (s *Subject) Finals(last int) func(call int) bool {
	began, known := FinalPhase(s.H)
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

// Counterexample is the figure of how much of a check went, after the verdict, into what is
// told of the failures: few operations that fail by themselves. Those that were looked for side
// by side add up.
const Counterexample = "counterexample time"

// Spent adds the figures of how long a check took.
func (r *Result) Spent(whole, counterexamples time.Duration, slowest string, longest time.Duration) {
	r.Figures = append(r.Figures, Figure{Name: "check time", Value: whole.Seconds(), Unit: "s"})
	if counterexamples > 0 {
		r.Figures = append(r.Figures, Figure{Name: Counterexample, Value: counterexamples.Seconds(), Unit: "s"})
	}
	r.Figures = append(r.Figures, Figure{Name: "slowest " + slowest, Value: longest.Seconds(), Unit: "s"})
}

// Count adds the figure of how many of something there are.
func (r *Result) Count(name string, n int, note string) {
	r.Figures = append(r.Figures, Figure{Name: name, Value: float64(n), Note: note})
}
