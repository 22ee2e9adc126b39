package history

import "fmt"

// EventKind names what a telemetry event tells.
type EventKind uint8

const (
	EventLeader      EventKind = iota // Node became leader in term N (Node "" : nobody leads)
	EventClock                        // Node's wall clock is N nanoseconds ahead of true time
	EventNodeUp                       // Node's process started
	EventNodeDown                     // Node's process ended; Text says how (killed, exited by itself, panicked)
	EventFaultStart                   // a fault of nemesis Name took hold; Node: its victims; Text: the evidence
	EventFaultEnd                     // the fault's recovery was confirmed; N packets dropped, or what Text says
	EventAssign                       // client process N is pinned to Node
	EventHealth                       // the harness's own health: Name the measure, N its value in nanoseconds
	EventLost                         // a client call ignored its deadline; process N was left behind
	EventPhase                        // the run entered phase Name (setup, main, heal, final, analyse)
	EventUnrecovered                  // Node did not answer within N nanoseconds of healing; Text: its last error
	EventPanic                        // Node's log has a line that must never be there; Text: the line
)

var eventNames = [...]string{"leader", "clock", "node-up", "node-down", "fault-start", "fault-end", "assign", "health", "lost", "phase", "unrecovered", "panic"}

func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return fmt.Sprintf("event(%d)", uint8(k))
}

// Event is one entry of the telemetry track: what happened around the operations.
type Event struct {
	Time int64 // nanoseconds since the run's start
	Kind EventKind
	Node string
	Name string
	N    int64
	Text string
}
