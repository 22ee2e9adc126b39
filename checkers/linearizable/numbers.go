package linearizable

import (
	"slices"

	"github.com/faultline-dev/faultline/harness/history"
)

// numbers gives each value of a register a small number, so that what is known of a value
// stands in flat arrays. Most values are integers that count up, which need four bytes of
// a table each; any other is looked up.
type numbers struct {
	ints   []int64                 // by number
	low    []int32                 // by integer: one more than its number, or 0
	high   map[int64]int32         // the integers that low has no room for
	others map[history.Value]int32 // what is no integer
}

// len is how many numbers there are.
func (n *numbers) len() int { return len(n.ints) }

// of is the value's number, given to it when it is first asked for.
func (n *numbers) of(v history.Value) int32 {
	if v.Kind == history.KindInt {
		return n.ofInt(v.A)
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

func (n *numbers) ofInt(v int64) int32 {
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

func (n *numbers) next(v int64) int32 {
	n.ints = append(n.ints, v)
	return int32(len(n.ints) - 1)
}

// values are the values, by number.
func (n *numbers) values() []history.Value {
	all := make([]history.Value, len(n.ints))
	for i, v := range n.ints {
		all[i] = history.Int(v)
	}
	for v, i := range n.others {
		all[i] = v
	}
	return all
}

// value is that of a number.
func (n *numbers) value(number int32) history.Value {
	for v, i := range n.others { // few, if any
		if i == number {
			return v
		}
	}
	return history.Int(n.ints[number])
}

// key makes a pair sort by its first part, which is not below -1, and then by its second.
func key(by, what int32) uint64 { return uint64(uint32(by+1))<<32 | uint64(uint32(what)) }

// sortKeys sorts by the upper halves: digit by digit, so that a million take milliseconds.
func sortKeys(keys []uint64) {
	const few, bits = 256, 11
	if len(keys) < few || slices.IsSorted(keys) {
		slices.Sort(keys)
		return
	}
	to := make([]uint64, len(keys))
	from := keys
	for shift := 32; shift < 64; shift += bits {
		var starts [1<<bits + 1]int
		for _, k := range from {
			starts[k>>shift&(1<<bits-1)+1]++
		}
		if slices.Contains(starts[:], len(keys)) { // all the same
			continue
		}
		for d := 1; d < len(starts); d++ {
			starts[d] += starts[d-1]
		}
		for _, k := range from {
			d := k >> shift & (1<<bits - 1)
			to[starts[d]] = k
			starts[d]++
		}
		from, to = to, from
	}
	copy(keys, from)
}
