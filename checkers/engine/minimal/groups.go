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
	seen := make([]bool, len(g.Members))
	needy := make([][]int32, len(g.Members)) // operations, by what they need
	var fallen []int32                       // groups that lack somebody
	for _, i := range keep {
		for _, group := range g.Needs[i] {
			if needy[group] = append(needy[group], i); seen[group] {
				continue
			}
			seen[group] = true
			if slices.ContainsFunc(g.Members[group], func(j int32) bool { return !in[j] }) {
				fallen = append(fallen, group)
			}
		}
	}
	if len(fallen) == 0 {
		return keep
	}
	// With a group fall those who need it, and so do the groups that these are in.
	of := g.memberships(seen)
	for len(fallen) > 0 {
		group := fallen[len(fallen)-1]
		fallen = fallen[:len(fallen)-1]
		for _, i := range needy[group] {
			if in[i] {
				in[i], fallen = false, append(fallen, of(i)...)
			}
		}
		needy[group] = nil
	}
	return slices.DeleteFunc(keep, func(i int32) bool { return !in[i] })
}

// memberships returns which of some groups an operation is in.
func (g Groups) memberships(some []bool) func(i int32) []int32 {
	starts := make([]int32, len(g.Needs)+1) // of operation i from starts[i] on
	for group, members := range g.Members {
		if some[group] {
			for _, i := range members {
				starts[i+1]++
			}
		}
	}
	for i := range g.Needs {
		starts[i+1] += starts[i]
	}
	groups := make([]int32, starts[len(g.Needs)])
	next := slices.Clone(starts)
	for group, members := range g.Members {
		if some[group] {
			for _, i := range members {
				groups[next[i]] = int32(group)
				next[i]++
			}
		}
	}
	return func(i int32) []int32 { return groups[starts[i]:starts[i+1]] }
}

// Grow returns the smallest set around keep that has all that it needs.
func (g Groups) Grow(keep []int32) []int32 {
	in, seen := g.set(keep), make([]bool, len(g.Members))
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

// set are the operations that are kept, by number.
func (g Groups) set(keep []int32) []bool {
	in := make([]bool, len(g.Needs))
	for _, i := range keep {
		in[i] = true
	}
	return in
}
