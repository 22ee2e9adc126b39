package minimal

import "slices"

// Groups is a Rule by which operations need whole groups of others. Where every element is
// inserted once, a dequeue needs its enqueue; and an enqueue needs its dequeue, for with the
// dequeue alone gone the element would be in the way of what came after it: the two are a
// group that each of them needs. A read of a counter needs all increments.
type Groups struct {
	Members [][]int32 // by group: operations
	Needs   [][]int32 // by operation: groups
}

// Close returns the largest set within keep that has all that it needs.
func (g Groups) Close(keep []int32) []int32 {
	in := g.set(keep)
	// A group that lacks somebody falls, with those who need it, and so do the groups that
	// these are in.
	of := make(map[int32][]int32, len(keep)) // groups, by their members
	needy := map[int32][]int32{}             // operations, by what they need
	seen := map[int32]bool{}
	var fallen []int32 // groups
	for _, i := range keep {
		for _, group := range g.Needs[i] {
			if needy[group] = append(needy[group], i); seen[group] {
				continue
			}
			seen[group] = true
			whole := true
			for _, j := range g.Members[group] {
				whole = whole && in[j]
				of[j] = append(of[j], group)
			}
			if !whole {
				fallen = append(fallen, group)
			}
		}
	}
	for len(fallen) > 0 {
		group := fallen[len(fallen)-1]
		fallen = fallen[:len(fallen)-1]
		for _, i := range needy[group] {
			if in[i] {
				in[i], fallen = false, append(fallen, of[i]...)
			}
		}
	}
	return slices.DeleteFunc(keep, func(i int32) bool { return !in[i] })
}

// Grow returns the smallest set around keep that has all that it needs.
func (g Groups) Grow(keep []int32) []int32 {
	in, seen := g.set(keep), map[int32]bool{}
	all := slices.Clone(keep)
	for k := 0; k < len(all); k++ {
		for _, group := range g.Needs[all[k]] {
			if seen[group] {
				continue
			}
			seen[group] = true
			for _, j := range g.Members[group] {
				if !in[j] {
					in[j], all = true, append(all, j)
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

func (Groups) set(keep []int32) map[int32]bool {
	in := make(map[int32]bool, len(keep))
	for _, i := range keep {
		in[i] = true
	}
	return in
}
