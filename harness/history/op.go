package history

import "fmt"

// Type says where an operation stands: invoked, or completed in one of three ways.
type Type uint8

const (
	Invoke Type = iota // the client is about to issue the operation
	OK                 // it certainly happened
	Fail               // it certainly did not happen
	Info               // indeterminate: it may take effect at any later time, or never
)

var typeNames = [...]string{"invoke", "ok", "fail", "info"}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// Nemesis is the process number of the nemesis, whose operations are faults.
const Nemesis = -1

// Op is one event of a history: the invocation or the completion of an operation.
// It is the form in which events are handed around; a History stores them in columns.
type Op struct {
	Index   int    // position in the history
	Time    int64  // nanoseconds since the run's start, monotonic
	Process int    // a client process, or Nemesis; 32 bits are kept
	Type    Type   //
	F       string // the operation's name: read, write, cas, add, ...
	Key     int64  // of a per-key workload; meaningful only when Keyed
	Keyed   bool   //
	Value   Value  // argument on invocation, result on completion
	Error   string // why a fail or info came about; "" otherwise
}

func (o Op) String() string {
	s := fmt.Sprintf("%d\t%d\t%d\t%s\t%s\t", o.Index, o.Time, o.Process, o.Type, o.F)
	if o.Keyed {
		s += fmt.Sprintf("[%d %s]", o.Key, o.Value)
	} else {
		s += o.Value.String()
	}
	if o.Error != "" {
		s += "\t" + o.Error
	}
	return s
}
