package minimal

import "slices"

// Needs is a Rule by which each operation needs all of certain others: by operation, those
// that it cannot stand without. Where every element is inserted once, a dequeue needs its
// enqueue; and an enqueue needs its dequeue, for with the dequeue alone gone the element
// would be in the way of what came after it.
type Needs [][]int32

// Close returns the largest set within keep that has all that it needs.
func (n Needs) Close(keep []int32) []int32 {
	in := make(map[int32]bool, len(keep))
	for _, i := range keep {
		in[i] = true
	}
	// Whoever lacks something falls, and then those who need him.
	var fallen []int32
	needy := map[int32][]int32{}
	fall := func(i int32) {
		if in[i] {
			in[i], fallen = false, append(fallen, i)
		}
	}
	for _, i := range keep {
		for _, j := range n[i] {
			if needy[j] = append(needy[j], i); !in[j] {
				fall(i)
			}
		}
	}
	for len(fallen) > 0 {
		i := fallen[len(fallen)-1]
		fallen = fallen[:len(fallen)-1]
		for _, j := range needy[i] {
			fall(j)
		}
	}
	return slices.DeleteFunc(keep, func(i int32) bool { return !in[i] })
}

// Grow returns the smallest set around keep that has all that it needs.
func (n Needs) Grow(keep []int32) []int32 {
	in := make(map[int32]bool, len(keep))
	all := slices.Clone(keep)
	for _, i := range keep {
		in[i] = true
	}
	for k := 0; k < len(all); k++ {
		for _, j := range n[all[k]] {
			if !in[j] {
				in[j], all = true, append(all, j)
			}
		}
	}
	slices.Sort(all)
	return all
}
