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
var setModel = Model{Initial: "", Step: setStep, Reads: []string{"contains"}, Parts: func(o *Operation) int64 { return o.Arg.A }}

// Unless it is read as a whole.
var wholeSetModel = Model{Initial: "", Step: setStep, Reads: []string{"contains", "read"}}

func setStep(state any, o *Operation) (any, bool) {
	s, e := state.(string), element(o.Arg)
	at := place(s, e)
	in := at < len(s) && s[at:at+8] == e
	told := !o.Pending && (o.Out == yes || o.Out == no)
	switch {
	case o.F == "read":
		return state, s == elements(o.Out)
	case o.F == "contains":
		return state, o.Out == truth(in)
	case o.F == "add" && told && o.Out != truth(!in), o.F == "remove" && told && o.Out != truth(in):
		return state, false
	case o.F == "add" && !in:
		return s[:at] + e + s[at:], true
	case o.F == "remove" && in:
		return s[:at] + s[at+8:], true
	}
	return state, true
}

// elements are those of a list.
func elements(v history.Value) string {
	var b []byte
	for _, n := range v.Ints() {
		b = append(b, element(history.Int(n))...)
	}
	return string(b)
}

var listModel = Model{Initial: "", Reads: []string{"read"}, Step: func(state any, o *Operation) (any, bool) {
	if s := state.(string); o.F == "append" {
		return s + element(o.Arg), true
	}
	return state, state == elements(o.Out)
}}

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

// A bag's state is sorted as well. What a dequeue took that never returned, nobody knows.
var bagModel = Model{Initial: "", Step: func(state any, o *Operation) (any, bool) {
	s, e := state.(string), element(o.Out)
	at := place(s, e)
	switch {
	case o.F == "enqueue":
		return priorityModel.Step(state, &Operation{F: "insert", Arg: o.Arg})
	case o.Pending || o.Out.IsNil():
		return state, s == ""
	case at == len(s) || s[at:at+8] != e:
		return state, false
	}
	return s[:at] + s[at+8:], true
}, Others: func(state any, o *Operation) (next []any) {
	for s, at := state.(string), 0; o.F == "dequeue" && o.Pending && at < len(s); at += 8 {
		next = append(next, s[:at]+s[at+8:])
	}
	return next
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
		n := state.(int64)
		switch o.F {
		case "read":
			return n, n == o.Out.A // nothing is what it was at first
		case "decrement":
			return n - o.Arg.A, true
		}
		n += o.Arg.A
		return n, o.F != "add-and-get" || o.Pending || o.Out == history.Int(n)
	},
}

// A mutex's state is the process that holds it, or nobody.
var mutexModel = Model{
	Owned:   true,
	Initial: nobody,
	Step: func(state any, o *Operation) (any, bool) {
		if o.F == "acquire" {
			return o.Process, state.(int) == nobody
		}
		return nobody, state.(int) == o.Process
	},
}

// A fenced lock's state is the process that holds it, and the last token. One that nobody
// was told of may have been any that is greater; the least leaves most room.
type fence struct {
	by    int
	token int64
}

var fencedModel = Model{
	Owned:   true,
	Initial: fence{nobody, math.MinInt32},
	Step: func(state any, o *Operation) (any, bool) {
		switch s := state.(fence); {
		case o.F == "release":
			return fence{nobody, s.token}, s.by == o.Process
		case o.Pending || o.Out.IsNil():
			return fence{o.Process, s.token + 1}, s.by == nobody
		default:
			return fence{o.Process, o.Out.A}, s.by == nobody && o.Out.A > s.token
		}
	},
}

var registersModel = Model{
	Reads:   []string{"read"},
	Initial: [few]int64{},
	Step: func(state any, o *Operation) (any, bool) {
		held := state.([few]int64)
		if o.F == "read" { // perhaps of some of them only
			all, ok := o.Out.Items()
			for i := 0; i+1 < len(all); i += 2 {
				ok = ok && held[all[i].A] == all[i+1].A
			}
			return state, ok
		}
		out, ok := carryOut(&held, o.F, o.Arg)
		return held, ok && (o.Pending || o.F == "write" || o.Out == out)
	},
}
