package search

import (
	"cmp"
	"math"
	"slices"
)

// Operations that never return are what makes configurations many: of each class any number
// may have taken effect by now. So their use is not counted at first: as if any number of a
// class's operations could take effect once one of them was called. That allows more orders
// than there are; where even so no configuration is left, none is. Where one is left, the
// path to it is looked at. If it nowhere uses more operations of a class than had been called
// it is a legal order of what came before. If it does, that class is counted, beginning
// somewhat before: whatever was used earlier is forgiven, which again allows more orders than
// there are. Should that not help, it is counted from further back on, in the end from the
// beginning, which is exact.
//
// Mostly next to nothing has to be counted, as the path that uses least is looked at first.
//
// (Counterexample-guided refinement: Clarke, Grumberg, Jha, Lu, Veith, "Counterexample-guided
// abstraction refinement", CAV 2000.)
type refinement struct {
	snapshots []snapshot
	every     int     // events between two of them
	stretch   int     // events to go back at first
	back      []int   // of each class, how far before a path that overdid it it was counted last
	spent     uint64  // of the path looked at last, that which uses least
	path      []step  // a feasible one
	over      []int32 // the classes of which the path that uses least uses too many
	forgiving bool    // some class may be used more than there is of it
}

// snapshot is the configurations before an event, to go back to.
type snapshot struct {
	event int
	cur   []uint64
	ends  []int32
	spent uint64
}

const (
	nearBack     = 1 << 8 // events to go back at first
	further      = 4      // and how much further each time after
	mostPaths    = 16     // that are looked at
	mostRetained = 64     // snapshots
)

// forgive makes ready for counting nothing. What comes back to a state by operations that
// nobody counts is covered by what it came from, without which there would be no end to it.
func (f *forward) forgive(stretch int) {
	if stretch <= 0 {
		stretch = nearBack
	}
	f.back, f.stretch = make([]int, len(f.p.classes)), stretch
	f.every = max(stretch, len(f.p.events)/mostRetained)
	if f.forgiving = f.p.pending > 0 && f.p.off&(forgiveness|dominance) == 0; f.forgiving {
		f.p.count(math.MaxInt32)
	}
}

// astray reports that operations that nobody counts lead to more and more states, as elements
// put into a queue again and again do.
func (f *forward) astray() bool { return f.forgiving && f.st.count() > few }

// remember takes a snapshot before event n, now and then.
func (f *forward) remember(n int) {
	if f.p.pending == 0 || n%f.every != 0 || len(f.snapshots) > 0 && f.snapshots[len(f.snapshots)-1].event >= n {
		return
	}
	f.snapshots = append(f.snapshots, snapshot{n, slices.Clone(f.cur), slices.Clone(f.ends), f.spent})
}

// remembered are the lists of configurations and of their paths' ends that are still needed.
func (f *forward) remembered() (configurations [][]uint64, ends [][]int32) {
	configurations, ends = [][]uint64{f.cur}, [][]int32{f.ends}
	for _, s := range f.snapshots {
		configurations, ends = append(configurations, s.cur), append(ends, s.ends)
	}
	return configurations, ends
}

// dearer reports that it takes more operations that never return to get to where we are than
// it did when the paths were looked at last.
func (f *forward) dearer() bool {
	if f.p.pending == 0 {
		return false
	}
	least := uint64(math.MaxUint64)
	for at := 0; at < len(f.cur); at += f.p.layout.size {
		least = min(least, f.cur[at]>>33)
	}
	risen := least > f.spent
	f.spent = least
	return risen
}

// feasible looks for a path to before event n that uses no more operations than there are.
func (f *forward) feasible(n int) bool {
	size := f.p.layout.size
	order := make([]int, len(f.ends))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(f.cur[a*size]>>33, f.cur[b*size]>>33) })
	f.over = nil
	for _, i := range order[:min(len(order), mostPaths)] {
		f.path = f.paths.to(f.ends[i])
		over := f.p.overused(f.path, n)
		if len(over) == 0 {
			return true
		}
		if f.over == nil {
			f.over = over
		}
	}
	return false
}

// overused lists the classes of which a path to before event n somewhere uses more operations
// that never return than had been called.
func (p *problem) overused(path []step, n int) (list []int32) {
	if p.pending == 0 {
		return nil
	}
	left, at := make([]int, len(p.classes)), 0
	for i, e := range p.events[:n] {
		if e.slot == none {
			left[p.classOf[e.op]]++
		}
		for ; at < len(path) && path[at].event == int32(i); at++ {
			if op := path[at].op; op < 0 {
				if left[^op]--; left[^op] == -1 && !slices.Contains(list, ^op) {
					list = append(list, ^op)
				}
			}
		}
	}
	return list
}

// refine has the classes counted of which the path to before event n uses too many, and goes
// back to where that makes a difference, which it returns.
func (f *forward) refine(n int) int {
	from := n
	for _, c := range f.over {
		if f.back[c] == 0 {
			f.back[c] = f.stretch
		} else {
			f.back[c] *= further
		}
		since := max(0, n-f.back[c])
		f.p.classes[c].since = min(f.p.classes[c].since, int32(since))
		from = min(from, since)
	}
	at := len(f.snapshots) - 1
	for f.snapshots[at].event > from {
		at--
	}
	s := f.snapshots[at]
	f.snapshots = f.snapshots[:at+1]
	f.cur, f.ends, f.spent = append(f.cur[:0], s.cur...), append(f.ends[:0], s.ends...), s.spent
	f.window = newWindow(f.p, f.st)
	for _, e := range f.p.events[:s.event] {
		if e.ret {
			f.ret(e)
		} else {
			f.call(e)
		}
	}
	return s.event
}
