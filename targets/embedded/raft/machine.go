package raft

import (
	"encoding/binary"
)

// machine is what the log entries are applied to: the same on every node that has applied
// the same entries. Its lists keep the order in which things first appeared, so that a
// snapshot of it is the same everywhere too.
type machine struct {
	registers []register
	register  map[int64]int // where a key's register is in registers
	sets      []set
	set       map[int64]int
}

type register struct{ key, value int64 }

type set struct {
	key      int64
	elements []int64 // only ever appended to, so that replies can share it
	has      map[int64]struct{}
}

func newMachine() machine {
	return machine{register: map[int64]int{}, set: map[int64]int{}}
}

// read answers a request that changes nothing.
func (m *machine) read(r *Request) Reply {
	if r.Op == OpReadAll {
		i, ok := m.set[r.Key]
		if !ok {
			return Reply{}
		}
		elements := m.sets[i].elements
		return Reply{Elements: elements[:len(elements):len(elements)]}
	}
	i, ok := m.register[r.Key]
	if !ok {
		return Reply{}
	}
	return Reply{Found: true, Value: m.registers[i].value}
}

// apply carries out a request that changes something.
func (m *machine) apply(r *Request) Reply {
	switch r.Op {
	case OpWrite:
		m.put(r.Key, r.Value)
	case OpCompareAndSet:
		i, ok := m.register[r.Key]
		if !ok {
			return Reply{Status: Differs}
		}
		if seen := m.registers[i].value; seen != r.Expect {
			return Reply{Status: Differs, Found: true, Value: seen}
		}
		m.registers[i].value = r.Value
	case OpAdd:
		m.add(r.Key, r.Value)
	}
	return Reply{}
}

func (m *machine) put(key, value int64) {
	i, ok := m.register[key]
	if !ok {
		i = len(m.registers)
		m.register[key] = i
		m.registers = append(m.registers, register{key: key})
	}
	m.registers[i].value = value
}

func (m *machine) add(key, element int64) {
	i, ok := m.set[key]
	if !ok {
		i = len(m.sets)
		m.set[key] = i
		m.sets = append(m.sets, set{key: key, has: map[int64]struct{}{}})
	}
	s := &m.sets[i]
	if _, had := s.has[element]; !had {
		s.has[element] = struct{}{}
		s.elements = append(s.elements, element)
	}
}

// snapshot encodes the whole state.
func (m *machine) snapshot() []byte {
	b := binary.AppendUvarint(nil, uint64(len(m.registers)))
	for _, r := range m.registers {
		b = binary.AppendVarint(binary.AppendVarint(b, r.key), r.value)
	}
	b = binary.AppendUvarint(b, uint64(len(m.sets)))
	for i := range m.sets {
		b = appendElements(binary.AppendVarint(b, m.sets[i].key), m.sets[i].elements)
	}
	return b
}

// restore makes a machine from a snapshot; an empty one is that of an empty machine.
func restore(snapshot []byte) (machine, error) {
	m := newMachine()
	if len(snapshot) == 0 {
		return m, nil
	}
	d := decoder{rest: snapshot}
	for range d.length() {
		m.put(d.varint(), d.varint())
	}
	for range d.length() {
		key, elements := d.varint(), d.elements()
		for _, e := range elements {
			m.add(key, e)
		}
	}
	if err := d.end(); err != nil {
		return machine{}, err
	}
	return m, nil
}

// A command is a log entry's data: the number that its proposer gave it, and the request.

func appendCommand(b []byte, number uint64, r *Request) []byte {
	return appendRequest(binary.AppendUvarint(b, number), r)
}

func decodeCommand(data []byte) (number uint64, r Request, err error) {
	d := decoder{rest: data}
	number, r = d.uvarint(), d.request()
	return number, r, d.end()
}
