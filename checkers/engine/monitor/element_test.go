package monitor

import (
	"cmp"
	"slices"
)

// byElements has a set's elements judged one by one, as its operations return.
func byElements(ops []Op) Verdict {
	all := map[int32]*Element{}
	for _, o := range slices.SortedFunc(slices.Values(ops), func(a, b Op) int { return cmp.Compare(a.Ret, b.Ret) }) {
		x := all[o.V]
		if x == nil {
			fresh := NewElement()
			x = &fresh
			all[o.V] = x
		}
		switch {
		case o.F == Put:
			x.Add(o.Call, o.Ret)
		case o.F == Take:
			x.Remove(o.Call, o.Ret)
		case o.Ret == Pending:
		case o.F == Present:
			x.Present(o.Call, o.Ret)
		default:
			x.Absent(o.Call, o.Ret)
		}
	}
	sum := Legal
	for _, x := range all {
		switch x.Verdict() {
		case Illegal:
			return Illegal
		case Unsure:
			sum = Unsure
		}
	}
	return sum
}
