package object

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/faultline-dev/faultline/harness/history"
)

// multiRegister is several registers that operations read and write together, all at one
// moment. The state's string has four bytes for each register: its value's number, and 0 where
// it is absent. An operation's string has nine bytes for each step: r or w, the register, the
// value.
var multiRegister = Type{
	Name: "multi-register", Doc: "several registers, read and written together", Initial: "a map, or a list of `[register value]`",
	Operations: []Operation{
		{Name: "read", Result: "a map, or a list of `[register value]`", Doc: "reads these registers", gather: (*subject).readMany},
		{Name: "write", Value: "a map, or a list of `[register value]`", Doc: "sets these registers", gather: (*subject).writeMany},
		{Name: "txn", Value: "`[[:r register nil] [:w register value] ...]`", Result: "the same, with what was read", Doc: "reads and writes, in this order and all at once", gather: (*subject).transact},
	},
	first: func(s *subject, initial history.Value) string {
		all, err := assignments(initial)
		if err != nil {
			return err.Error()
		}
		s.begin(Do{F: txn, S: s.steps('w', all)})
		return ""
	},
	init: func(s *subject, alone bool) State {
		n := len(s.registers)
		if alone {
			n = 1
		}
		return State{S: string(make([]byte, 4*n))}
	},
	step: func(st State, d Do) (State, bool) {
		var b []byte
		for at := 0; at < len(d.S); at += 9 {
			reg, value := 4*int(binary.BigEndian.Uint32([]byte(d.S[at+1:]))), d.S[at+5:at+9]
			held := st.S[reg : reg+4]
			if b != nil {
				held = string(b[reg : reg+4])
			}
			if held == value {
				continue
			}
			if d.S[at] == 'r' {
				return st, false
			}
			if b == nil {
				b = []byte(st.S)
			}
			copy(b[reg:], value)
		}
		if b == nil {
			return st, true
		}
		return State{S: string(b)}, true
	},
	part: func(_ *subject, d Do) (int64, bool) {
		for at := 9; at < len(d.S); at += 9 {
			if d.S[at+1:at+5] != d.S[1:5] {
				return 0, false
			}
		}
		if d.S == "" {
			return 0, true
		}
		return int64(binary.BigEndian.Uint32([]byte(d.S[1:]))), true
	},
	blind: func(d Do) bool {
		for at := 0; at < len(d.S); at += 9 {
			if d.S[at] == 'r' {
				return false
			}
		}
		return d.S != ""
	},
	alone: func(d Do) Do {
		b := []byte(d.S)
		for at := 0; at < len(b); at += 9 {
			clear(b[at+1 : at+5])
		}
		return Do{F: txn, S: string(b)}
	},
}

// assignment is what one register holds.
type assignment struct{ reg, value history.Value }

var errNoAssignments = errors.New("is neither a map nor a list of pairs")

// assignments reads a map or a list of pairs.
func assignments(v history.Value) ([]assignment, error) {
	if v.IsMap() {
		all, err := items(v)
		if err != nil {
			return nil, errNoAssignments
		}
		out := make([]assignment, 0, len(all)/2)
		for ; len(all) > 1; all = all[2:] {
			out = append(out, assignment{all[0], all[1]})
		}
		return out, nil
	}
	rows, err := table(v)
	if err != nil {
		return nil, errNoAssignments
	}
	out := make([]assignment, len(rows))
	for i, pair := range rows {
		if len(pair) != 2 {
			return nil, fmt.Errorf("holds %s, which is no pair of a register and a value", row(v, i))
		}
		out[i] = assignment{pair[0], pair[1]}
	}
	return out, nil
}

// steps writes reads or writes out.
func (s *subject) steps(kind byte, all []assignment) string {
	b := make([]byte, 0, 9*len(all))
	for _, a := range all {
		b = s.step(b, kind, a)
	}
	return string(b)
}

func (s *subject) step(b []byte, kind byte, a assignment) []byte {
	s.num(history.Nil) // is number 0, that of an absent register
	b = append(b, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(s.reg(a.reg)))
	return binary.BigEndian.AppendUint32(b, uint32(s.num(a.value)))
}

// reg is a register's number. Registers have numbers of their own.
func (s *subject) reg(name history.Value) int64 {
	n, found := s.registers[name]
	if !found {
		if s.registers == nil {
			s.registers = map[history.Value]int64{}
		}
		n = int64(len(s.registers))
		s.registers[name] = n
	}
	return n
}

func (s *subject) readMany(c *call) {
	if !c.ok {
		return
	}
	all, err := assignments(c.out)
	if err != nil {
		s.Reject("operation %d read %s, which %v", c.at, c.out, err)
		return
	}
	s.emit(c, Do{F: txn, S: s.steps('r', all)})
}

func (s *subject) writeMany(c *call) {
	all, err := assignments(c.arg)
	if err != nil {
		s.Reject("operation %d wrote %s, which %v", c.at, c.arg, err)
		return
	}
	s.emit(c, Do{F: txn, S: s.steps('w', all)})
}

// transact takes a transaction: what it read stands in its completion. One that never
// returned read nothing that anybody knows.
func (s *subject) transact(c *call) {
	v := c.arg
	if c.ok && !c.out.IsNil() {
		v = c.out
	}
	all, err := table(v)
	if err != nil {
		s.Reject("operation %d is a transaction of %s, %v", c.at, v, err)
		return
	}
	if asked, err := table(c.arg); c.ok && err == nil && !sameSteps(asked, all) {
		s.Reject("operation %d was to be %s, and its completion is of other steps: %s", c.at, c.arg, v)
		return
	}
	b := make([]byte, 0, 9*len(all))
	for i, parts := range all {
		if len(parts) != 3 {
			s.Reject("operation %d is a transaction with %s, and a step is [:r register value] or [:w register value]", c.at, row(v, i))
			return
		}
		switch parts[0] {
		case history.EDN(":r"), history.Text("r"), history.EDN(":read"), history.Text("read"):
			if c.ok {
				b = s.step(b, 'r', assignment{parts[1], parts[2]})
			}
		case history.EDN(":w"), history.Text("w"), history.EDN(":write"), history.Text("write"):
			b = s.step(b, 'w', assignment{parts[1], parts[2]})
		default:
			s.Reject("operation %d is a transaction with %s, and a multi-register has r and w", c.at, row(v, i))
			return
		}
	}
	s.emit(c, Do{F: txn, S: string(b)})
}

// sameSteps reports whether a completion is of the steps that were asked for: what it may
// change is what was read.
func sameSteps(asked, done [][]history.Value) bool {
	return slices.EqualFunc(asked, done, func(x, y []history.Value) bool {
		if len(x) != 3 || len(y) != 3 {
			return true // whatever is wrong with it is told elsewhere
		}
		read := x[0] == history.EDN(":r") || x[0] == history.Text("r") || x[0] == history.EDN(":read") || x[0] == history.Text("read")
		return x[0] == y[0] && x[1] == y[1] && (read || x[2] == y[2])
	})
}
