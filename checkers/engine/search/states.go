package search

import "unsafe"

// states numbers the states that a search comes by and remembers what steps between them
// lead to, so that the rest of the search handles small numbers only.
type states struct {
	init  int32
	step  func(state, class int32) int32
	keep  func(alive []int32) // forget all other states; the alive ones are renumbered
	count func() int
	limit int // forget when there are so many
	bytes func() int64
	tried int64
	// What steps lead to: of the first states all, of others those that were taken lately.
	classes int
	table   []int32 // by state and class
	memo    []memo
}

// memo is a step that was taken lately.
type memo struct {
	key  uint64 // state and class, and 1<<63
	next int32  // none: illegal
}

const (
	memos = 1 << 12
	room  = 1 << 16 // of the table
	blank = -2      // in the table: not known yet
)

func newStates[S, O comparable](m Model[S, O], classes []O) *states {
	s := &states{classes: len(classes)}
	var list []S
	index := map[S]int32{}
	var held int64
	var zero S
	intern := func(v S) int32 {
		n, found := index[v]
		if !found {
			n = int32(len(list))
			index[v], list = n, append(list, v)
			held += int64(unsafe.Sizeof(zero))*3 + 24
			if m.Size != nil {
				held += int64(m.Size(v))
			}
		}
		return n
	}
	s.init = intern(m.Init)
	s.step = func(state, class int32) int32 {
		next, ok := m.Step(list[state], classes[class])
		if !ok {
			return none
		}
		return intern(next)
	}
	s.keep = func(alive []int32) {
		old := list
		list, index, held = nil, make(map[S]int32, len(alive)), 0
		for _, n := range alive {
			intern(old[n])
		}
		s.table = s.table[:0]
		clear(s.memo)
	}
	s.count = func() int { return len(list) }
	s.bytes = func() int64 { return held }
	return s
}

// after returns the state after an operation of the class, none if it is illegal.
func (s *states) after(state, class int32) int32 {
	if at := int(state)*s.classes + int(class); at < len(s.table) {
		if s.table[at] == blank {
			s.tried++
			s.table[at] = s.step(state, class)
		}
		return s.table[at]
	}
	return s.further(state, class)
}

// further is after for states that are not in the table, to which they are added while there
// is room.
func (s *states) further(state, class int32) int32 {
	if rows := (int(state) + 1) * s.classes; rows <= room {
		for len(s.table) < rows {
			s.table = append(s.table, blank)
		}
		return s.after(state, class)
	}
	if s.memo == nil {
		s.memo = make([]memo, memos)
	}
	key := uint64(state)<<31 | uint64(class) | 1<<63
	m := &s.memo[(key*0x9e3779b97f4a7c15)>>(64-12)]
	if m.key != key {
		s.tried++
		m.key, m.next = key, s.step(state, class)
	}
	return m.next
}

// close comes by every state that operations lead to, and reports whether they are few.
func (s *states) close(classes int) bool {
	for state := int32(0); int(state) < s.count(); state++ {
		for c := range int32(classes) {
			if s.after(state, c); s.count() > few {
				return false
			}
		}
	}
	return true
}

const fewStates = 1 << 16

// forget drops the states that none of the configurations is in, when there are many.
func (s *states) forget(l *layout, lists ...[]uint64) bool {
	if s.count() < max(s.limit, fewStates) {
		return false
	}
	to := map[int32]int32{}
	var alive []int32
	for _, cur := range lists {
		for at := 0; at < len(cur); at += l.size {
			state := stateOf(cur[at:])
			n, found := to[state]
			if !found {
				n = int32(len(alive))
				to[state], alive = n, append(alive, state)
			}
			setState(cur[at:], n)
		}
	}
	s.keep(alive)
	s.limit = 2 * len(alive)
	return true
}
