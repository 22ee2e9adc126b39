package monitor

import (
	"math"
	"math/bits"
)

// counts are numbers in a row, to ranges of which one adds, and of which one asks for some
// that is not above zero. A node of the tree holds the minimum of its subtree less what its
// ancestors hold.
type counts struct {
	size int
	node []int64
}

const gone = math.MaxInt64 / 4

func newCounts(values []int64) *counts {
	size := 1
	for size < len(values) {
		size *= 2
	}
	t := &counts{size, make([]int64, 2*size)}
	for i := range size {
		t.node[size+i] = gone
	}
	copy(t.node[size:], values)
	for i := size - 1; i > 0; i-- {
		t.lift(i)
	}
	return t
}

// lift gives a node what its children have in common.
func (t *counts) lift(i int) {
	a, b := &t.node[2*i], &t.node[2*i+1]
	m := min(*a, *b)
	*a -= m
	*b -= m
	t.node[i] += m
}

// add adds d to the numbers from a to b.
func (t *counts) add(a, b int, d int64) {
	l, r := a+t.size, b+t.size
	first, last := l, r
	for l <= r {
		if l&1 == 1 {
			t.node[l] += d
			l++
		}
		if r&1 == 0 {
			t.node[r] += d
			r--
		}
		l, r = l/2, r/2
	}
	for first, last = first/2, last/2; first > 0; first, last = first/2, last/2 {
		t.lift(first)
		if last != first {
			t.lift(last)
		}
	}
}

// take returns the place of a number that is not above zero, once.
func (t *counts) take() (int, bool) {
	if t.node[1] > 0 {
		return 0, false
	}
	i := 1
	for i < t.size {
		i *= 2
		if t.node[i] > 0 {
			i++
		}
	}
	t.add(i-t.size, i-t.size, gone)
	return i - t.size, true
}

// find returns the first place from a to b of a number that is not above zero.
func (t *counts) find(a, b int) (int, bool) {
	return t.search(1, 0, t.size, a, b, 0, 0)
}

// findLast returns the last such place.
func (t *counts) findLast(a, b int) (int, bool) {
	return t.search(1, 0, t.size, a, b, 0, 1)
}

// search looks below node i, which has width numbers from the given one on; above is what
// its ancestors hold.
func (t *counts) search(i, from, width, a, b int, above int64, child int) (int, bool) {
	if from > b || from+width <= a || t.node[i]+above > 0 {
		return 0, false
	}
	if width == 1 {
		return from, true
	}
	above += t.node[i]
	width /= 2
	if r, ok := t.search(2*i+child, from+child*width, width, a, b, above, child); ok {
		return r, true
	}
	return t.search(2*i+1-child, from+(1-child)*width, width, a, b, above, child)
}

// stabbing holds intervals, sorted by where they begin, and gives out those that hold a
// point. A node of the tree holds the latest end in its subtree.
type stabbing struct {
	size int
	node []int32
}

func newStabbing(ends []int32) *stabbing {
	size := 1
	for size <= len(ends) { // so that there is a leaf behind them all
		size *= 2
	}
	t := &stabbing{size, fill(2 * size)}
	copy(t.node[size:], ends)
	for i := size - 1; i > 0; i-- {
		t.node[i] = max(t.node[2*i], t.node[2*i+1])
	}
	return t
}

// take returns the last interval of the first n ones that ends at point or later, once.
func (t *stabbing) take(n int, point int32) (int, bool) {
	// What is to the left of the first n's end: up to a subtree with such an interval, and
	// down to its last one. Those that hold a point tend to be near.
	i := t.size + n
	for i&1 == 0 || t.node[i-1] < point {
		if i /= 2; i <= 1 {
			return 0, false
		}
	}
	i--
	for i < t.size {
		if i *= 2; t.node[i+1] >= point {
			i++
		}
	}
	found := i - t.size
	t.node[i] = none
	for i /= 2; i > 0; i /= 2 {
		m := max(t.node[2*i], t.node[2*i+1])
		if m == t.node[i] {
			break
		}
		t.node[i] = m
	}
	return found, true
}

// marks is a set of numbers that can be asked for neighbours: a bit each, and for each word
// of bits one in the level above.
type marks [][]uint64

func newMarks(n int) marks {
	var m marks
	for {
		n = (n + 63) / 64
		m = append(m, make([]uint64, n))
		if n <= 1 {
			return m
		}
	}
}

func (m marks) set(i int32) {
	for _, level := range m {
		level[i/64] |= 1 << (i % 64)
		i /= 64
	}
}

// atMost returns the greatest marked number up to i, or none.
func (m marks) atMost(i int32) int32 {
	for up := range m {
		if i < 0 {
			return none
		}
		if w := m[up][i/64] << (63 - i%64); w != 0 {
			i -= int32(bits.LeadingZeros64(w))
			for down := up - 1; down >= 0; down-- {
				i = i*64 + 63 - int32(bits.LeadingZeros64(m[down][i]))
			}
			return i
		}
		i = i/64 - 1
	}
	return none
}

// atLeast returns the least marked number from i on, or none.
func (m marks) atLeast(i int32) int32 {
	for up := range m {
		if int(i/64) >= len(m[up]) {
			return none
		}
		if w := m[up][i/64] >> (i % 64); w != 0 {
			i += int32(bits.TrailingZeros64(w))
			for down := up - 1; down >= 0; down-- {
				i = i*64 + int32(bits.TrailingZeros64(m[down][i]))
			}
			return i
		}
		i = i/64 + 1
	}
	return none
}
