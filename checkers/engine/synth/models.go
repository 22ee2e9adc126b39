package synth

import (
	"encoding/binary"
	"math"

	"github.com/faultline-dev/faultline/harness/history"
)

// The objects as the oracles know them. States are small and comparable; elements stand in
// strings, eight bytes each, so that taking one off an end costs nothing.

// integer is a value as a state: most are small, which costs nothing to box.
func integer(v history.Value) int64 {
	if v.IsNil() {
		return math.MinInt64
	}
	return v.A
}

var registerModel = Model{
	Reads:   []string{"read"},
	Initial: integer(history.Nil),
	Step: func(state any, o *Operation) (any, bool) {
		switch o.F {
		case "read":
			return state, state.(int64) == integer(o.Out)
		case "write":
			return o.Arg.A, true
		}
		if state.(int64) == o.Arg.A {
			return o.Arg.B, true
		}
		return state, false
	},
	Seen: func(o *Operation, end history.Op) bool {
		if o.F != "cas" || end.Value.Kind != history.KindInt {
			return false
		}
		o.F, o.Out = "read", end.Value
		return true
	},
}

// element is one as eight bytes that sort as it does.
func element(v history.Value) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(v.A)^1<<63)
	return string(b[:])
}

// place is where an element stands, or would, in a sorted string of them.
func place(s, e string) int {
	lo, hi := 0, len(s)/8
	for lo < hi {
		if mid := (lo + hi) / 2; s[8*mid:8*mid+8] < e {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return 8 * lo
}

// A set is as many sets as it has elements, of one each: the state is whether it is in.
var setModel = Model{
	Reads:   []string{"contains"},
	Initial: "",
	Step: func(state any, o *Operation) (any, bool) {
		s, e := state.(string), element(o.Arg)
		at := place(s, e)
		in := at < len(s) && s[at:at+8] == e
		switch {
		case o.F == "contains":
			return state, o.Out == truth(in)
		case o.F == "add" && !o.Pending && o.Out != truth(!in), o.F == "remove" && !o.Pending && o.Out != truth(in):
			return state, false
		case o.F == "add" && !in:
			return s[:at] + e + s[at:], true
		case o.F == "remove" && in:
			return s[:at] + s[at+8:], true
		}
		return state, true
	},
	Parts: func(o *Operation) int64 { return o.Arg.A },
}

var queueModel = Model{Initial: "", Step: containing("enqueue", func(s string) (string, string) { return s[:8], s[8:] })}

var stackModel = Model{Initial: "", Step: containing("push", func(s string) (string, string) { return s[len(s)-8:], s[:len(s)-8] })}

var priorityModel = Model{Initial: "", Step: func(state any, o *Operation) (any, bool) {
	if o.F != "insert" {
		return queueModel.Step(state, o)
	}
	s, e := state.(string), element(o.Arg)
	at := place(s, e)
	return s[:at] + e + s[at:], true
}}

// containing is a container that elements go into at the end: out takes off the next one.
func containing(put string, out func(string) (e, rest string)) func(any, *Operation) (any, bool) {
	return func(state any, o *Operation) (any, bool) {
		s := state.(string)
		switch {
		case o.F == put:
			return s + element(o.Arg), true
		case s == "":
			return state, o.Pending || o.Out.IsNil()
		case !o.Pending && o.Out.IsNil():
			return state, false
		}
		e, rest := out(s)
		return rest, o.Pending || e == element(o.Out)
	}
}

var counterModel = Model{
	Reads:   []string{"read"},
	Initial: int64(0),
	Step: func(state any, o *Operation) (any, bool) {
		if o.F == "read" {
			return state, state.(int64) == o.Out.A
		}
		return state.(int64) + o.Arg.A, true
	},
}

// A mutex's state is the process that holds it, or -1.
var mutexModel = Model{
	Initial: -1,
	Step: func(state any, o *Operation) (any, bool) {
		if o.F == "acquire" {
			return o.Process, state.(int) == -1
		}
		return -1, state.(int) == o.Process
	},
}
