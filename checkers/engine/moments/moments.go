// Package moments puts the calls and returns of operations in their order.
//
// The one idea: most histories have an operation for every two moments, so that it takes a table
// by moment, and no sorting, to put them in order.
package moments

import (
	"math"
	"slices"
)

// Pending is the return of an operation that never returns, Left that of one that is left out.
const (
	Pending = math.MaxInt32
	Left    = -1
)

// Each goes through the calls and returns of n operations, as their span tells, in order. Calls
// come before returns of the same moment, so that operations which touch count as concurrent.
func Each(n int, span func(op int32) (call, ret int32), do func(at, op int32, ret bool)) {
	last, count := int32(-1), 0
	for op := range int32(n) {
		call, ret := span(op)
		switch ret {
		case Left:
			continue
		case Pending:
			last, count = max(last, call), count+1
		default:
			last, count = max(last, call, ret), count+2
		}
	}
	if int64(last) <= 4*int64(count) && table(n, last, span, do) {
		return
	}
	keys := make([]uint64, 0, count)
	for op := range int32(n) {
		call, ret := span(op)
		if ret == Left {
			continue
		}
		keys = append(keys, uint64(uint32(call))<<32|uint64(op))
		if ret != Pending {
			keys = append(keys, uint64(uint32(ret))<<32|1<<31|uint64(op))
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		do(int32(k>>32), int32(k&(1<<31-1)), k&(1<<31) != 0)
	}
}

// table is Each where no two calls or returns are of the same moment; if some are it does nothing.
func table(n int, last int32, span func(op int32) (call, ret int32), do func(at, op int32, ret bool)) bool {
	marks := make([]uint32, last+1) // one more than twice the operation, and another one for a return
	for op := range int32(n) {
		call, ret := span(op)
		if ret == Left {
			continue
		}
		if marks[call] != 0 {
			return false
		}
		if marks[call] = uint32(op)<<1 + 1; ret == Pending {
			continue
		}
		if marks[ret] != 0 {
			return false
		}
		marks[ret] = uint32(op)<<1 + 2
	}
	for at, m := range marks {
		if m != 0 {
			do(int32(at), int32((m-1)>>1), (m-1)&1 == 1)
		}
	}
	return true
}
