package object

// list grows at its end; the state is its length.
var list = Type{
	Name: "list", Doc: "a list that is appended to and read whole", Initial: "a list",
	Operations: []Operation{
		{Name: "append", Value: "the element", Doc: "adds it at the end", gather: (*subject).appendElement},
		{Name: "read", Result: "a list of all elements", Doc: "reads the whole list", gather: (*subject).readList},
	},
	first:  (*subject).hold,
	init:   func(*subject, bool) State { return State{} },
	within: grown,
}

// grown is what a list can be when these are all that is read of it. Nothing is ever taken out
// of it, so whatever the order, the list is the beginning of the longest read until that takes
// place, and begins with it from then on. How long it is tells what it is, up to there; what it
// is later nobody sees.
func grown(ops []op) func(State, Do) (State, bool) {
	longest := ""
	for _, o := range ops {
		if o.do.F == whole && len(o.do.S) > len(longest) {
			longest = o.do.S
		}
	}
	end := int64(len(longest) / 4)
	return func(st State, d Do) (State, bool) {
		switch {
		case d.F == whole:
			return st, st.N == int64(len(d.S)/4) && longest[:len(d.S)] == d.S
		case st.N < end && !begins(longest[4*st.N:], d.A):
			return st, false
		}
		return State{N: min(st.N, end) + 1}, true
	}
}

func (s *subject) appendElement(c *call) { s.emit(c, Do{F: put, A: s.num(c.arg)}) }

func (s *subject) readList(c *call) {
	if ns, ok := s.elementsRead(c); ok {
		s.emit(c, Do{F: whole, S: packedAll(ns)})
	}
}
