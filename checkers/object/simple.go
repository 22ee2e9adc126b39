package object

import (
	"math"

	"github.com/faultline-dev/faultline/checkers/engine/monitor"
	"github.com/faultline-dev/faultline/harness/history"
)

// mutex is held by one process at a time, or by none: the state is the holder's number plus
// one.
var mutex = lock("mutex", "held by one process at a time, which alone can release it", "",
	func(st State, d Do) (State, bool) {
		if d.F == release {
			return State{}, st.N == d.A+1
		}
		return State{N: d.A + 1}, st.N == 0
	})

// fencedLock hands out tokens besides, which rise; M is the last one. A grant whose token
// nobody knows may have had the next one, which is the best for all that come after it.
var fencedLock = lock("fenced-lock", "a mutex whose grants carry tokens that rise", "the token, an integer",
	func(st State, d Do) (State, bool) {
		switch {
		case d.F == release:
			return State{M: st.M}, st.N == d.A+1
		case st.N != 0:
			return st, false
		case d.B != noToken:
			return State{N: d.A + 1, M: d.B}, d.B > st.M
		case st.M == noToken:
			return State{N: d.A + 1, M: noToken}, true
		}
		return State{N: d.A + 1, M: st.M + 1}, st.M < math.MaxInt64
	})

func lock(name, doc, token string, step func(State, Do) (State, bool)) Type {
	t := Type{
		Name: name, Doc: doc, Initial: "the process that holds it",
		Operations: []Operation{
			{Name: "acquire", Also: []string{"lock"}, Result: token, Doc: "gets it; `fail`: somebody else has it", gather: (*subject).acquire},
			{Name: "release", Also: []string{"unlock"}, Doc: "gives it back", gather: (*subject).release},
		},
		first: func(s *subject, initial history.Value) string {
			if initial.Kind != history.KindInt {
				return "is no process"
			}
			s.begin(Do{F: acquire, A: s.num(initial), B: noToken})
			return ""
		},
		init: func(*subject, bool) State { return State{} },
		step: step,
	}
	t.Also, t.monitor = []string{"owner-aware-mutex"}, monitor.Mutex
	if token != "" {
		t.Also, t.monitor = []string{"fenced-mutex"}, monitor.Lock
		t.init = func(*subject, bool) State { return State{M: noToken} }
	}
	t.monitored = func(s *subject) ([]monitor.Op, bool) {
		ops := make([]monitor.Op, len(s.ops))
		for i, o := range s.ops {
			m := monitor.Op{Call: o.call, Ret: o.ret, F: monitor.Acquire, V: int32(o.do.A), P: o.do.B}
			if o.do.F == release {
				m.F = monitor.Release
			}
			ops[i] = m
		}
		return ops, true
	}
	return t
}

// noToken is the token of a grant whose token nobody knows, less than any.
const noToken = monitor.NoToken

func (s *subject) acquire(c *call) {
	d := Do{F: acquire, A: s.num(history.Int(int64(c.process)))}
	if s.kind.Name == "fenced-lock" {
		d.B = noToken
		switch {
		case c.ok && c.out.Kind == history.KindInt:
			d.B = c.out.A
		case c.ok && !c.out.IsNil():
			s.Reject("operation %d was granted token %s, which is no integer", c.at, c.out)
		}
	}
	s.emit(c, d)
}

func (s *subject) release(c *call) {
	s.emit(c, Do{F: release, A: s.num(history.Int(int64(c.process)))})
}

// counter counts; the state is the sum, less what it was at first.
var counter = Type{
	Name: "counter", Doc: "a sum that operations add to", Initial: "an integer",
	Operations: []Operation{
		{Name: "add", Also: []string{"increment", "inc"}, Value: "an integer; nil: 1", Doc: "adds it", gather: func(s *subject, c *call) { s.count(c, 1) }},
		{Name: "decrement", Also: []string{"dec"}, Value: "an integer; nil: 1", Doc: "takes it away", gather: func(s *subject, c *call) { s.count(c, -1) }},
		{Name: "add-and-get", Also: []string{"increment-and-get", "inc-and-get"}, Value: "an integer; nil: 1", Result: "the sum", Doc: "adds it and returns the sum", gather: (*subject).countAndGet},
		{Name: "read", Result: "the sum; nil: what it was at first", Doc: "reads the sum", gather: (*subject).readSum},
	},
	first: func(s *subject, initial history.Value) string {
		if initial.Kind != history.KindInt {
			return "is no integer"
		}
		s.base = initial.A
		return ""
	},
	init: func(*subject, bool) State { return State{} },
	step: func(st State, d Do) (State, bool) {
		switch d.F {
		case sum:
			return st, st.N == d.A
		case addSum:
			return State{N: st.N + d.A}, st.N+d.A == d.B
		}
		return State{N: st.N + d.A}, true
	},
	monitored: func(s *subject) ([]monitor.Op, bool) {
		ops := make([]monitor.Op, len(s.ops))
		for i, o := range s.ops {
			m := monitor.Op{Call: o.call, Ret: o.ret, F: monitor.Increment}
			switch {
			case o.do.F == sum:
				m.F, m.P = monitor.Read, o.do.A
			case o.do.A != 1:
				return nil, false
			case o.do.F == addSum:
				m.F, m.P = monitor.Count, o.do.B
			}
			ops[i] = m
		}
		return ops, true
	},
	monitor: monitor.Counter,
}

// amount is what an operation adds.
func (s *subject) amount(c *call) (int64, bool) {
	if c.arg.IsNil() {
		return 1, true
	}
	if c.arg.Kind != history.KindInt {
		s.Reject("operation %d adds %s, which is no integer", c.at, c.arg)
		return 0, false
	}
	return c.arg.A, true
}

func (s *subject) count(c *call, sign int64) {
	if n, ok := s.amount(c); ok {
		s.emit(c, Do{F: add, A: sign * n})
	}
}

func (s *subject) countAndGet(c *call) {
	n, ok := s.amount(c)
	switch {
	case !ok:
	case !c.ok:
		s.emit(c, Do{F: add, A: n})
	case c.out.Kind != history.KindInt:
		s.Reject("operation %d returned the sum %s, which is no integer", c.at, c.out)
	default:
		s.emit(c, Do{F: addSum, A: n, B: c.out.A - s.base})
	}
}

func (s *subject) readSum(c *call) {
	switch {
	case !c.ok:
	case c.out.IsNil():
		s.emit(c, Do{F: sum})
	case c.out.Kind != history.KindInt:
		s.Reject("operation %d read %s, which is no integer", c.at, c.out)
	default:
		s.emit(c, Do{F: sum, A: c.out.A - s.base})
	}
}
