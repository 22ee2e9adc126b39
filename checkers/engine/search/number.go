package search

import "hash/maphash"

// numbers gives values numbers, in the order in which they come up. It is a hash table of what a
// search needs of one: a value is hashed once, whether it is new or not, and most searches are so
// short that a map's growing would be felt. As long as there are a handful of values they are
// looked through instead.
type numbers[T comparable] struct {
	seed  maphash.Seed
	all   []T
	slots []numbered // nil: there are a handful
}

// numbered is a place in the table: one more than the number, or 0, and the value's hash.
type numbered struct {
	number int32
	hash   uint32
}

const (
	handful    = 8
	fewNumbers = 1 << 6
)

// newNumbers has room for so many values at first, or a handful.
func newNumbers[T comparable](room int) *numbers[T] {
	return &numbers[T]{all: make([]T, 0, max(handful, room))}
}

// of returns a value's number, and whether it came up for the first time.
func (n *numbers[T]) of(v T) (number int32, fresh bool) {
	if n.slots == nil {
		for i := range n.all {
			if n.all[i] == v {
				return int32(i), false
			}
		}
		if len(n.all) < handful {
			n.all = append(n.all, v)
			return int32(len(n.all) - 1), true
		}
		n.spread()
	}
	h := uint32(maphash.Comparable(n.seed, v))
	at := n.free(h, &v)
	if s := n.slots[at]; s.number != 0 {
		return s.number - 1, false
	}
	n.all = append(n.all, v)
	n.slots[at] = numbered{int32(len(n.all)), h}
	if 2*len(n.all) > len(n.slots) {
		old := n.slots
		n.slots = make([]numbered, 4*len(old))
		for _, s := range old {
			if s.number != 0 {
				n.slots[n.free(s.hash, nil)] = s
			}
		}
	}
	return int32(len(n.all) - 1), true
}

// spread puts a handful of values into a table.
func (n *numbers[T]) spread() {
	n.seed, n.slots = maphash.MakeSeed(), make([]numbered, fewNumbers)
	for i, v := range n.all {
		h := uint32(maphash.Comparable(n.seed, v))
		n.slots[n.free(h, nil)] = numbered{int32(i + 1), h}
	}
}

// free is where the value stands, or a free place for it. Nil: it does not stand anywhere.
func (n *numbers[T]) free(h uint32, v *T) uint32 {
	mask := uint32(len(n.slots) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		s := n.slots[at]
		if s.number == 0 || v != nil && s.hash == h && n.all[s.number-1] == *v {
			return at
		}
	}
}
