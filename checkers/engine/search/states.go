package search

import (
	"slices"
	"unsafe"
)

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
	// What steps lead to: of the first states all, as there may be no others, if there are few
	// classes; of later ones, from which but few steps are ever taken, those that were taken
	// lately.
	classes int
	table   []int32 // by state and class
	memo    []memo
	taken   int // steps that were put into memo since it grew
}

// memo is a step that was taken lately.
type memo struct {
	key  uint64 // state and class, and 1<<63
	next int32  // none: illegal
}

const (
	fewMemos  = 1 << 8 // at first
	mostMemos = 1 << 16
	blank     = -2 // in the table: not known yet
)

func newStates[S, O comparable](m Model[S, O], classes []O) *states {
	s := &states{classes: len(classes)}
	known := newNumbers[S](0)
	var held int64
	var zero S
	intern := func(v S) int32 {
		n, fresh := known.of(v)
		if fresh {
			held += int64(unsafe.Sizeof(zero))*2 + 48
			if m.Size != nil {
				held += int64(m.Size(v))
			}
		}
		return n
	}
	s.init = intern(m.Init)
	s.step = func(state, class int32) int32 {
		next, ok := m.Step(known.all[state], classes[class])
		if !ok {
			return none
		}
		return intern(next)
	}
	s.keep = func(alive []int32) {
		old := known.all
		known, held = newNumbers[S](0), 0
		for _, n := range alive {
			intern(old[n])
		}
		s.table = s.table[:0]
		clear(s.memo)
		s.taken = 0
	}
	s.count = func() int { return len(known.all) }
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

// further is after for states that are not in the table, to which they are added if they are
// among the first.
func (s *states) further(state, class int32) int32 {
	if state < few && s.classes <= few {
		from, rows := len(s.table), (int(state)+1)*s.classes
		s.table = slices.Grow(s.table, rows-from)[:rows]
		for i := range s.table[from:] {
			s.table[from+i] = blank
		}
		return s.after(state, class)
	}
	key := uint64(state)<<31 | uint64(class) | 1<<63
	if len(s.memo) > 0 {
		if m := s.place(key); m.key == key {
			return m.next
		}
	}
	s.tried++
	next := s.step(state, class)
	if s.taken++; 2*s.taken > len(s.memo) && len(s.memo) < mostMemos {
		old := s.memo
		s.memo, s.taken = make([]memo, max(fewMemos, 4*len(old))), 0
		for _, m := range old {
			if m.key != 0 {
				*s.place(m.key) = m
				s.taken++
			}
		}
	}
	*s.place(key) = memo{key, next}
	return next
}

// place is where a step is remembered, if it is.
func (s *states) place(key uint64) *memo {
	return &s.memo[key*0x9e3779b97f4a7c15>>40&uint64(len(s.memo)-1)]
}

// close comes by every state that operations lead to, and reports whether they are few. It goes
// on from the latest one, and by the class after the one that led there: one operation mostly
// allows the next, so that it is soon seen if they are many.
func (s *states) close(classes int) bool {
	type visit struct{ state, class, left int32 }
	var open []visit
	for known := 0; ; {
		last := len(open) - 1
		from := int32(0)
		if last >= 0 {
			from = open[last].class
		}
		for ; known < s.count(); known++ {
			if known >= few {
				return false
			}
			open = append(open, visit{int32(known), from, int32(classes)})
		}
		if last = len(open) - 1; last < 0 {
			return true
		}
		v := &open[last]
		if v.left == 0 {
			open = open[:last]
			continue
		}
		v.left--
		if v.class++; int(v.class) >= classes {
			v.class = 0
		}
		s.after(v.state, v.class)
	}
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
