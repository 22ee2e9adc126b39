// Package history holds what happened in a run: the operations that clients and
// nemeses invoked and how they completed, and a telemetry track beside them.
//
// The one idea: a history is columns, not boxed structs, in memory and on disk, so that
// a million operations cost tens of megabytes and are written as fast as they happen.
// Start with Op and Value (an event), then History (many), Writer and Open (the file).
package history

// History is a run's events in order, with its telemetry. The zero value is empty and
// ready for use. It is not safe for concurrent use while it is appended to.
type History struct {
	ops       []Op
	telemetry []Event
}

// Len is the number of operation events.
func (h *History) Len() int { return len(h.ops) }

// At returns event i.
func (h *History) At(i int) Op { return h.ops[i] }

// Append adds an event, giving it the next index, which it returns.
func (h *History) Append(op Op) int {
	op.Index = len(h.ops)
	h.ops = append(h.ops, op)
	return op.Index
}

// Note adds an event to the telemetry track.
func (h *History) Note(e Event) { h.telemetry = append(h.telemetry, e) }

// Telemetry returns the telemetry track in order of time.
func (h *History) Telemetry() []Event { return h.telemetry }

// Completions returns, for every event, the index of its counterpart: an invocation's
// completion and a completion's invocation; -1 where there is none (an operation that
// never completed, which is indeterminate).
func (h *History) Completions() []int32 {
	match := make([]int32, h.Len())
	open := map[int]int32{}
	for i := range match {
		match[i] = -1
		op := h.At(i)
		if op.Type == Invoke {
			open[op.Process] = int32(i)
			continue
		}
		if j, found := open[op.Process]; found {
			match[i], match[j] = j, int32(i)
			delete(open, op.Process)
		}
	}
	return match
}
