package search

// paths remembers how each configuration came about: its steps, each with the one before.
// Configurations share most of their past, and what no living one has in its past is
// forgotten now and then.
type paths struct {
	steps []step
	limit int // forget when there are so many
}

type step struct {
	before int32 // none: the first
	op     int32 // the operation; ^class if it is one of those that never return
	event  int32 // the event at which it took effect
}

func (p *paths) add(s step) int32 {
	p.steps = append(p.steps, s)
	return int32(len(p.steps) - 1)
}

const fewSteps = 1 << 16

// forget drops the steps that lead to none of the ends, which are renumbered.
func (p *paths) forget(ends ...[]int32) {
	if len(p.steps) < max(p.limit, fewSteps) {
		return
	}
	to := make([]int32, len(p.steps))
	for _, list := range ends {
		for _, n := range list {
			for ; n != none && to[n] == 0; n = p.steps[n].before {
				to[n] = 1
			}
		}
	}
	kept := int32(0)
	for n, s := range p.steps {
		if to[n] == 0 {
			continue
		}
		if s.before != none {
			s.before = to[s.before]
		}
		p.steps[kept], to[n] = s, kept
		kept++
	}
	p.steps = p.steps[:kept]
	for _, list := range ends {
		for i, n := range list {
			if n != none {
				list[i] = to[n]
			}
		}
	}
	p.limit = 2 * int(kept)
}

func (p *paths) bytes() int64 { return int64(cap(p.steps)) * 12 }

// to returns the steps to an end, the first one first.
func (p *paths) to(end int32) []step {
	var list []step
	for n := end; n != none; n = p.steps[n].before {
		list = append(list, p.steps[n])
	}
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}
