package linearizable

import "slices"

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
