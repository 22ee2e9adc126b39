package history

import "iter"

// ByProcess is something of each process. Their numbers are small, if the history is an
// honest one; others cost more. The zero value is ready for use.
type ByProcess[T any] struct {
	dense  []T
	sparse map[int]*T
}

const denseProcesses = 1 << 16

// Of is the process's; it is good until the next call.
func (p *ByProcess[T]) Of(process int) *T {
	if uint(process) < uint(len(p.dense)) {
		return &p.dense[process]
	}
	return p.further(process)
}

// All are those of all processes that were asked for, in no particular order.
func (p *ByProcess[T]) All() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for i := range p.dense {
			if !yield(&p.dense[i]) {
				return
			}
		}
		for _, v := range p.sparse {
			if !yield(v) {
				return
			}
		}
	}
}

// further is Of for a process that comes for the first time, or has a large number. Were it inlined
// then Of would not be.
//
//go:noinline
func (p *ByProcess[T]) further(process int) *T {
	if process >= 0 && process < denseProcesses {
		p.dense = append(p.dense, make([]T, process+1-len(p.dense))...)
		return &p.dense[process]
	}
	if p.sparse == nil {
		p.sparse = map[int]*T{}
	}
	v := p.sparse[process]
	if v == nil {
		v = new(T)
		p.sparse[process] = v
	}
	return v
}
