package counter

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"sort"

	"github.com/faultline-dev/faultline/checkers"
)

// group are the reads of one value. Gap g is what stands before group g and behind the one
// before it; the last gap is behind all groups.
type group struct {
	value    int64
	reads    []operation
	lastCall operation // the read that was invoked last
	firstRet operation // the one that returned first
}

// job is an increment with the gaps in which real time lets it stand.
type job struct {
	operation
	first, last int
}

// linear says whether there is an order of all operations that respects real time.
//
// Two reads in the wrong order are told at once. What is left is to place the increments:
// job x may not stand before a group of which some read had returned when x was invoked,
// nor behind one of which some read was invoked when x had returned. Among the increments
// themselves real time asks for nothing more: if x returned before y was invoked, both
// bounds of x are at most those of y, so in any placement that has them the wrong way round
// they can change places. So this is unit jobs with release times and deadlines, and taking
// the earliest deadline first is exact. One in doubt has no deadline, and behind all reads
// it need not have happened at all.
func (s *subject) linear() *checkers.Anomaly {
	groups := s.groups()
	if a := s.reversed(groups); a != nil {
		return a
	}
	jobs := s.jobs(groups)
	for _, x := range jobs {
		if x.first > x.last {
			return s.uncounted(groups, x)
		}
	}
	byRelease := slices.Clone(jobs)
	slices.SortFunc(byRelease, func(a, b job) int { return cmp.Compare(a.first, b.first) })
	var ready deadlines
	have := int64(0)
	for g := range groups {
		for len(byRelease) > 0 && byRelease[0].first <= g {
			heap.Push(&ready, byRelease[0])
			byRelease = byRelease[1:]
		}
		for ; have < groups[g].value; have++ {
			if len(ready) == 0 {
				return s.tooHigh(groups[g], have)
			}
			heap.Pop(&ready)
		}
		if len(ready) > 0 && ready[0].last <= g {
			return s.tooLow(groups, jobs, g)
		}
	}
	return nil
}

// groups puts the reads in the order of their values.
func (s *subject) groups() (groups []group) {
	reads := slices.Clone(s.reads)
	slices.SortStableFunc(reads, func(a, b operation) int { return cmp.Compare(a.value, b.value) })
	for _, r := range reads {
		if n := len(groups); n == 0 || groups[n-1].value != r.value {
			groups = append(groups, group{value: r.value, lastCall: r, firstRet: r})
		}
		g := &groups[len(groups)-1]
		g.reads = append(g.reads, r)
		if r.call > g.lastCall.call {
			g.lastCall = r
		}
		if r.ret < g.firstRet.ret {
			g.firstRet = r
		}
	}
	return groups
}

// reversed finds a read of a lower value that began when a higher one had been read, or a
// read of a value that no counter has.
func (s *subject) reversed(groups []group) *checkers.Anomaly {
	if len(groups) > 0 && groups[0].value < 0 {
		r := groups[0].firstRet
		a := s.anomaly("nonlinearizable", fmt.Sprintf("%s read %d at %s: nothing was ever taken away", s.Who(r.ret), r.value, s.When(r.ret)), r.call, r.ret)
		return &a
	}
	low := operation{call: none} // of all reads of lower values the one that was invoked last
	for g := 1; g < len(groups); g++ {
		if last := groups[g-1].lastCall; last.call > low.call {
			low = last
		}
		if high := groups[g].firstRet; low.call > high.ret {
			a := s.anomaly("nonlinearizable", fmt.Sprintf("%s read %d at %s, although %s had read %d %s before that read began",
				s.Who(low.ret), low.value, s.When(low.ret), s.Who(high.ret), high.value, checkers.Span(s.Time(low.call)-s.Time(high.ret))),
				high.call, high.ret, low.call, low.ret)
			return &a
		}
	}
	return nil
}

// jobs finds for each increment where it may stand.
func (s *subject) jobs(groups []group) []job {
	// Both are monotonic once they say what holds for all groups up to, or from, this one.
	begun := make([]int, len(groups)) // the latest invocation up to here
	ended := make([]int, len(groups)) // the earliest return from here on
	for g := range groups {
		begun[g] = groups[g].lastCall.call
		if g > 0 {
			begun[g] = max(begun[g], begun[g-1])
		}
	}
	for g := len(groups) - 1; g >= 0; g-- {
		ended[g] = groups[g].firstRet.ret
		if g < len(groups)-1 {
			ended[g] = min(ended[g], ended[g+1])
		}
	}
	jobs := make([]job, len(s.increments))
	for i, x := range s.increments {
		jobs[i] = job{
			operation: x,
			first:     sort.Search(len(groups), func(g int) bool { return ended[g] >= x.call }),
			last:      sort.Search(len(groups), func(g int) bool { return begun[g] > x.ret }),
		}
	}
	return jobs
}

// uncounted tells of an increment that began when a value had been read and had ended when
// that same value was read again.
func (s *subject) uncounted(groups []group, x job) *checkers.Anomaly {
	before, after := groups[x.first-1].firstRet, groups[x.last].lastCall
	a := s.anomaly("nonlinearizable", fmt.Sprintf("%s read %d at %s and %s read %d at %s, although %s's increment began and was acknowledged in between (at %s)",
		s.Who(before.ret), before.value, s.When(before.ret), s.Who(after.ret), after.value, s.When(after.ret), s.Who(x.ret), s.When(x.ret)),
		before.call, before.ret, x.call, x.ret, after.call, after.ret)
	return &a
}

// tooHigh tells of a value for which there are not enough increments.
func (s *subject) tooHigh(g group, have int64) *checkers.Anomaly {
	r := g.firstRet
	a := s.anomaly("nonlinearizable", fmt.Sprintf("%s read %d at %s, but at most %s can have happened by then",
		s.Who(r.ret), r.value, s.When(r.ret), plural(int(have), "increment")), r.call, r.ret)
	return &a
}

// tooLow tells of a value that leaves no room for an increment: from some earlier value on,
// more of them had to happen than the two values differ by.
func (s *subject) tooLow(groups []group, jobs []job, last int) *checkers.Anomaly {
	first, inside := 0, []job(nil)
	for first = last; first >= 0; first-- {
		inside = inside[:0]
		for _, x := range jobs {
			if x.first >= first && x.last <= last {
				inside = append(inside, x)
			}
		}
		room := groups[last].value
		if first > 0 {
			room -= groups[first-1].value
		}
		if int64(len(inside)) > room {
			break
		}
	}
	late := inside[0]
	for _, x := range inside {
		if x.last == last && x.ret > late.ret || late.last != last {
			late = x
		}
	}
	r := groups[last].lastCall
	for _, other := range groups[last].reads {
		if other.call > late.ret && (r.value != groups[last].value || other.call < r.call) {
			r = other
		}
	}
	proof := []int{late.call, late.ret, r.call, r.ret}
	text := fmt.Sprintf("%s read %d at %s, although %s happened by then: %s's, acknowledged %s before that read began, is one of them",
		s.Who(r.ret), r.value, s.When(r.ret), hadTo(len(inside)), s.Who(late.ret), checkers.Span(s.Time(r.call)-s.Time(late.ret)))
	if first > 0 {
		p := groups[first-1].firstRet
		proof = append(proof, p.call, p.ret)
		text = fmt.Sprintf("%s read %d at %s and %s read %d at %s, although %s happened in between: %s's, acknowledged %s before the later read began, is one of them",
			s.Who(p.ret), p.value, s.When(p.ret), s.Who(r.ret), r.value, s.When(r.ret), hadTo(len(inside)),
			s.Who(late.ret), checkers.Span(s.Time(r.call)-s.Time(late.ret)))
	}
	a := s.anomaly("nonlinearizable", text, proof...)
	return &a
}

func hadTo(n int) string {
	if n == 1 {
		return "1 increment had"
	}
	return fmt.Sprintf("%d increments had", n)
}

// deadlines is a heap of jobs, the one that has to be placed soonest first.
type deadlines []job

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].last < d[j].last }
func (d deadlines) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *deadlines) Push(x any)        { *d = append(*d, x.(job)) }
func (d *deadlines) Pop() any {
	old := *d
	x := old[len(old)-1]
	*d = old[:len(old)-1]
	return x
}
