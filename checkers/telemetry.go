package checkers

import (
	"github.com/faultline-dev/faultline/harness/history"
)

// Fault is one fault's life as the telemetry track tells it.
type Fault struct {
	Nemesis  string
	Victims  string
	Start    int64  // nanoseconds since the run's start
	End      int64  // -1: its recovery was never confirmed
	Evidence string // that it took hold
	Bit      int64  // what it did: packets dropped, processes killed, ...
	Outcome  string // what its end says of it
}

// Faults pairs the starts and ends of faults. An end belongs to the oldest open fault of
// its nemesis with the same victims, or else to the oldest of that nemesis.
func Faults(h *history.History) []Fault {
	var faults []Fault
	open := map[string][]int{}
	for _, e := range h.Telemetry() {
		switch e.Kind {
		case history.EventFaultStart:
			open[e.Name] = append(open[e.Name], len(faults))
			faults = append(faults, Fault{Nemesis: e.Name, Victims: e.Node, Start: e.Time, End: -1, Evidence: e.Text})
		case history.EventFaultEnd:
			waiting := open[e.Name]
			if len(waiting) == 0 {
				continue
			}
			at := 0
			for k, i := range waiting {
				if faults[i].Victims == e.Node {
					at = k
					break
				}
			}
			f := &faults[waiting[at]]
			f.End, f.Bit, f.Outcome = e.Time, e.N, e.Text
			open[e.Name] = append(waiting[:at:at], waiting[at+1:]...)
		}
	}
	return faults
}

// End is the time of the last thing that the history tells.
func End(h *history.History) int64 {
	var end int64
	if n := h.Len(); n > 0 {
		end = h.At(n - 1).Time
	}
	for _, e := range h.Telemetry() {
		end = max(end, e.Time)
	}
	return end
}
