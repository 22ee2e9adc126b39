// Package numbers gives each value of an object a small number, so that what is known of a
// value stands in flat arrays.
//
// The one idea: most values are integers that count up, which need four bytes of a table
// each; any other is looked up.
package numbers

import (
	"slices"

	"github.com/faultline-dev/faultline/harness/history"
)

// Numbers are those of one object's values, from 0 on. The zero value has none.
type Numbers struct {
	ints   []int64                 // by number
	low    []int32                 // by integer: one more than its number, or 0
	high   map[int64]int32         // the integers that low has no room for
	others map[history.Value]int32 // what is no integer
}

// Len is how many numbers there are.
func (n *Numbers) Len() int { return len(n.ints) }

// Grow makes room for so many integers more.
func (n *Numbers) Grow(more int) { n.ints = slices.Grow(n.ints, more) }

// Of is the value's number, given to it when it is first asked for.
func (n *Numbers) Of(v history.Value) int32 {
	if v.Kind == history.KindInt {
		return n.OfInt(v.A)
	}
	number, found := n.others[v]
	if !found {
		if n.others == nil {
			n.others = map[history.Value]int32{}
		}
		number = n.next(0)
		n.others[v] = number
	}
	return number
}

// OfInt is Of for an integer.
func (n *Numbers) OfInt(v int64) int32 {
	if v >= 0 && v < int64(len(n.low)) && n.low[v] > 0 {
		return n.low[v] - 1
	}
	if len(n.high) > 0 {
		if number, found := n.high[v]; found {
			return number
		}
	}
	number := n.next(v)
	// The table never outgrows what the numbers themselves take.
	if room := int64(4*len(n.ints) + 64); v >= 0 && v < room {
		if v >= int64(len(n.low)) {
			size := min(room, max(v+1, 2*int64(len(n.low))))
			n.low = append(n.low, make([]int32, size-int64(len(n.low)))...)
		}
		n.low[v] = number + 1
		return number
	}
	if n.high == nil {
		n.high = map[int64]int32{}
	}
	n.high[v] = number
	return number
}

func (n *Numbers) next(v int64) int32 {
	n.ints = append(n.ints, v)
	return int32(len(n.ints) - 1)
}

// Values are the values, by number.
func (n *Numbers) Values() []history.Value {
	all := make([]history.Value, len(n.ints))
	for i, v := range n.ints {
		all[i] = history.Int(v)
	}
	for v, i := range n.others {
		all[i] = v
	}
	return all
}

// Value is that of a number.
func (n *Numbers) Value(number int32) history.Value {
	for v, i := range n.others { // few, if any
		if i == number {
			return v
		}
	}
	return history.Int(n.ints[number])
}
