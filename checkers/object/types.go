package object

import (
	"slices"

	"github.com/faultline-dev/faultline/checkers/engine/monitor"
	"github.com/faultline-dev/faultline/harness/history"
)

// Type is a kind of object.
type Type struct {
	Name       string
	Also       []string // other names for it
	Doc        string   // one line
	Initial    string   // what Options.Initial is; "": it always starts the same
	Operations []Operation
	// Elsewhere says that this package knows the type by name only: registers are the
	// business of package linearizable.
	Elsewhere bool

	// first makes the operations out of what the object holds at first, and second says
	// what is wrong with that.
	first func(s *subject, initial history.Value) string
	// tidy has a last look at what was gathered.
	tidy func(s *subject)
	// init is the state of an object, or of a part alone, that holds nothing.
	init func(s *subject, alone bool) State
	// step is the sequential specification.
	step func(State, Do) (State, bool)
	// within is the specification for histories of just these operations, if knowing them all
	// makes for fewer states. May be nil.
	within func(ops []op) func(State, Do) (State, bool)
	// monitored are the operations as the type's monitor takes them; false: it does not.
	monitored func(s *subject) ([]monitor.Op, bool)
	monitor   func([]monitor.Op, monitor.Options) monitor.Result
	// part says which part of the object the operation is of, if all of the object's
	// operations are of one part each; false: it is of several.
	part func(s *subject, d Do) (int64, bool)
	// alone is an operation of a part as one of the only part; nil: the same.
	alone func(Do) Do
	// blind reports of an operation on a part alone that it is legal in every state, and that
	// the one after it is always the same. May be nil.
	blind func(Do) bool
	// parts replaces operations of several parts by operations of one each, if an illegal
	// part then is an illegal object; apart says that legal parts are a legal object, too. Both
	// may be nil. light is that there are no more of them than of those that they replace.
	parts func(s *subject) []op
	apart func(s *subject) bool
	light bool
}

// Operation is one operation of a type.
type Operation struct {
	Name   string
	Also   []string // other names for it
	Value  string   // of the invocation
	Result string   // the completion's value
	Doc    string

	gather func(s *subject, c *call)
}

// State is what an object holds; what the fields mean is up to the type.
type State struct {
	N, M int64
	S    string
}

// Do is what an operation did; what the fields mean is up to the type.
type Do struct {
	F    func8
	A, B int64
	S    string
}

// func8 says what an operation does.
type func8 uint8

// The functions, in the words of no type in particular.
const (
	put      func8 = iota // A goes in
	take                  // A came out, or goes
	takeAny               // whatever came out, nobody knows: its client never heard
	takeNone              // nothing was there to come out
	putNew                // A goes in and was not there
	present               // A is in
	absent                // A is not in
	whole                 // S is all there is
	add                   // A is added
	addSum                // A is added, and B is the sum then
	sum                   // A is the sum
	acquire               // by A, with token B
	release               // by A
	txn                   // S: reads and writes
)

// pure reports that an operation changes nothing.
func pure(d Do) bool {
	switch d.F {
	case takeNone, present, absent, whole, sum:
		return true
	case txn:
		for at := 0; at < len(d.S); at += 9 {
			if d.S[at] == 'w' {
				return false
			}
		}
		return true
	}
	return false
}

// All is the registry.
var All = []Type{register, multiRegister, mutex, fencedLock, set, queue, bag, stack, priorityQueue, counter, list}

// Names lists all types' names, the other ones too.
func Names() []string {
	var names []string
	for _, t := range All {
		names = append(append(names, t.Name), t.Also...)
	}
	return names
}

// Find returns the type of that name.
func Find(name string) (Type, bool) {
	for _, t := range All {
		if t.Name == name || slices.Contains(t.Also, name) {
			return t, true
		}
	}
	return Type{}, false
}

var register = Type{
	Name: "register", Also: []string{"cas-register"},
	Doc:       "one value, read, written, and compared and set",
	Initial:   "its value",
	Elsewhere: true,
	Operations: []Operation{
		{Name: "read", Result: "the value, or nil", Doc: "reads it"},
		{Name: "write", Value: "the value", Doc: "sets it"},
		{Name: "cas", Also: []string{"compare-and-set"}, Value: "`[old new]`",
			Doc: "sets it to new if it is old; `fail`: it was not. With the error `mismatch` and a value, or `mismatch: absent`, the failure is a read of that"},
	},
}
