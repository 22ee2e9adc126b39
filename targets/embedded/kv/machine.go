package kv

import (
	"time"

	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// LockTTL is how long a lock stays taken: after that, by the times that come with the
// requests to acquire it, somebody else may have it, and its old holder may not know.
const LockTTL = 2 * time.Second

// Machine is what all replicas apply requests to: the same on every one that has applied
// the same requests in the same order. Its lists keep the order in which things first
// appeared, so that a snapshot of it is the same everywhere too.
type Machine struct {
	registers table[int64]
	counters  table[int64]
	sets      table[set]
	lists     table[[]int64] // only ever appended to, so that replies can share them
	locks     table[lock]
	ids       int64 // given out so far
}

// table maps keys to values, in the order in which keys first appeared.
type table[V any] struct {
	keys   []int64
	values []V
	place  map[int64]int
}

func (t *table[V]) get(key int64) (v V, ok bool) {
	i, ok := t.place[key]
	if ok {
		v = t.values[i]
	}
	return v, ok
}

// at is where a key's value is kept, zero at first.
func (t *table[V]) at(key int64) *V {
	i, ok := t.place[key]
	if !ok {
		if t.place == nil {
			t.place = map[int64]int{}
		}
		i = len(t.keys)
		t.place[key] = i
		t.keys = append(t.keys, key)
		t.values = append(t.values, *new(V))
	}
	return &t.values[i]
}

type set struct {
	elements []int64 // replies share it, so that only appending may happen in place
	has      map[int64]struct{}
}

type lock struct {
	held  bool
	token int64 // of the last grant
	since int64
}

// Read answers a request that changes nothing.
func (m *Machine) Read(r *Request) Reply {
	switch r.Op {
	case OpRead:
		value, found := m.registers.get(r.Key)
		return Reply{Found: found, Value: value}
	case OpReadCounter:
		value, _ := m.counters.get(r.Key)
		return Reply{Value: value}
	case OpReadAll:
		s, _ := m.sets.get(r.Key)
		return Reply{Elements: s.elements[:len(s.elements):len(s.elements)]}
	case OpReadList:
		list, _ := m.lists.get(r.Key)
		return Reply{Elements: list[:len(list):len(list)]}
	}
	return Reply{Status: Unsupported}
}

// Apply carries out any request.
func (m *Machine) Apply(r *Request) Reply {
	switch r.Op {
	case OpWrite:
		*m.registers.at(r.Key) = r.Value
	case OpCompareAndSet:
		seen, found := m.registers.get(r.Key)
		if !found || seen != r.Expect {
			return Reply{Status: Differs, Found: found, Value: seen}
		}
		*m.registers.at(r.Key) = r.Value
	case OpAdd:
		m.sets.at(r.Key).add(r.Value)
	case OpRemove:
		m.sets.at(r.Key).remove(r.Value)
	case OpIncrement:
		*m.counters.at(r.Key) += r.Value
	case OpAppend:
		list := m.lists.at(r.Key)
		*list = append(*list, r.Value)
	case OpNextID:
		m.ids++
		return Reply{Value: m.ids}
	case OpAcquire:
		return m.locks.at(r.Key).acquire(r.Expect)
	case OpRelease:
		return m.locks.at(r.Key).release(r.Value)
	default:
		return m.Read(r)
	}
	return Reply{}
}

func (s *set) add(element int64) {
	if _, had := s.has[element]; had {
		return
	}
	if s.has == nil {
		s.has = map[int64]struct{}{}
	}
	s.has[element] = struct{}{}
	s.elements = append(s.elements, element)
}

func (s *set) remove(element int64) {
	if _, had := s.has[element]; !had {
		return
	}
	delete(s.has, element)
	left := make([]int64, 0, len(s.elements)-1)
	for _, e := range s.elements {
		if e != element {
			left = append(left, e)
		}
	}
	s.elements = left
}

// acquire grants the lock if nobody has it at that time. Tokens rise from grant to grant
// whatever the times say, which is what makes them safe to fence with.
func (l *lock) acquire(now int64) Reply {
	if l.held && now-l.since < int64(LockTTL) {
		return Reply{Status: Refused, Reason: "somebody else holds the lock"}
	}
	l.held, l.since = true, now
	l.token++
	return Reply{Value: l.token}
}

func (l *lock) release(token int64) Reply {
	if !l.held || l.token != token {
		return Reply{Status: Refused, Reason: "the lock is not held with this token"}
	}
	l.held = false
	return Reply{}
}

// Snapshot encodes the whole state.
func (m *Machine) Snapshot() []byte {
	one := func(b []byte, v int64) []byte { return wire.AppendInts(b, v) }
	b := appendTable(nil, &m.registers, one)
	b = appendTable(b, &m.counters, one)
	b = appendTable(b, &m.sets, func(b []byte, s set) []byte { return wire.AppendList(b, s.elements) })
	b = appendTable(b, &m.lists, wire.AppendList)
	b = appendTable(b, &m.locks, func(b []byte, l lock) []byte {
		return wire.AppendInts(append(b, wire.Flag(l.held)), l.token, l.since)
	})
	return wire.AppendInts(b, m.ids)
}

// Restore makes a machine from a snapshot; an empty one is that of an empty machine.
func Restore(snapshot []byte) (Machine, error) {
	var m Machine
	if len(snapshot) == 0 {
		return m, nil
	}
	d := wire.NewDecoder(snapshot)
	takeTable(&d, &m.registers, (*wire.Decoder).Int)
	takeTable(&d, &m.counters, (*wire.Decoder).Int)
	takeTable(&d, &m.sets, func(d *wire.Decoder) (s set) {
		for _, e := range d.List() {
			s.add(e)
		}
		return s
	})
	takeTable(&d, &m.lists, (*wire.Decoder).List)
	takeTable(&d, &m.locks, func(d *wire.Decoder) lock { return lock{d.Flag(), d.Int(), d.Int()} })
	m.ids = d.Int()
	if err := d.End(); err != nil {
		return Machine{}, err
	}
	return m, nil
}

func appendTable[V any](b []byte, t *table[V], value func([]byte, V) []byte) []byte {
	b = wire.AppendUints(b, uint64(len(t.keys)))
	for i, key := range t.keys {
		b = value(wire.AppendInts(b, key), t.values[i])
	}
	return b
}

func takeTable[V any](d *wire.Decoder, t *table[V], value func(*wire.Decoder) V) {
	for range d.Len() {
		key := d.Int()
		*t.at(key) = value(d)
	}
}
