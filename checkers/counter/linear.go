package counter

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/monitor"
)

// linear says whether there is an order of all operations that respects real time, by the
// monitor of counters, and tells what speaks against it.
func (s *subject) linear() *checkers.Anomaly {
	all := slices.Concat(s.increments, s.reads)
	ops := make([]monitor.Op, len(all))
	for i, o := range all {
		ops[i] = monitor.Op{Call: int32(o.call), Ret: monitor.Pending, F: monitor.Increment}
		if o.ret != never {
			ops[i].Ret = int32(o.ret)
		}
		if i >= len(s.increments) {
			ops[i].F, ops[i].P = monitor.Read, o.value
		}
	}
	found := monitor.Counter(ops, monitor.Options{})
	if found.Verdict == monitor.Unsure {
		s.Reject("%s", found.Reason)
	}
	if found.Verdict != monitor.Illegal {
		return nil
	}
	var reads, increments []operation // in order of their returns
	for _, i := range found.Witness {
		if int(i) < len(s.increments) {
			increments = append(increments, all[i])
		} else {
			reads = append(reads, all[i])
		}
	}
	slices.SortFunc(reads, func(a, b operation) int { return cmp.Compare(a.ret, b.ret) })
	last := reads[len(reads)-1]
	switch {
	case found.Pattern == "below-zero":
		return s.tells(fmt.Sprintf("%s: nothing was ever taken away", s.saw(last)), last)
	case found.Pattern == "backwards":
		return s.tells(fmt.Sprintf("%s, although %s had read %d %s before that read began",
			s.saw(last), s.Who(reads[0].ret), reads[0].value, checkers.Span(s.Time(last.call)-s.Time(reads[0].ret))), reads[0], last)
	case found.Pattern == "uncounted":
		x := increments[0]
		return s.tells(fmt.Sprintf("%s and %s, although %s's increment began and was acknowledged in between (at %s)",
			s.saw(reads[0]), s.saw(last), s.Who(x.ret), s.When(x.ret)), reads[0], x, last)
	case found.Pattern == "too-high":
		begun := s.between(math.MinInt, last.ret, func(x operation) int { return x.call })
		return s.tells(fmt.Sprintf("%s, but at most %s can have happened by then", s.saw(last), plural(len(begun), "increment")), last)
	}
	return s.tooLow(reads)
}

// tooLow tells of a read for which too many increments had happened, since an earlier read
// perhaps.
func (s *subject) tooLow(reads []operation) *checkers.Anomaly {
	after, last := math.MinInt, reads[len(reads)-1]
	if len(reads) > 1 {
		after = reads[0].ret
	}
	inside := s.between(after, last.call, func(x operation) int { return x.ret })
	late := slices.MaxFunc(inside, func(a, b operation) int { return cmp.Compare(a.ret, b.ret) })
	had := "1 increment had"
	if n := len(inside); n > 1 {
		had = fmt.Sprintf("%d increments had", n)
	}
	one := fmt.Sprintf("%s's, acknowledged %s before", s.Who(late.ret), checkers.Span(s.Time(last.call)-s.Time(late.ret)))
	if len(reads) == 1 {
		return s.tells(fmt.Sprintf("%s, although %s happened by then: %s that read began, is one of them", s.saw(last), had, one), late, last)
	}
	return s.tells(fmt.Sprintf("%s and %s, although %s happened in between: %s the later read began, is one of them",
		s.saw(reads[0]), s.saw(last), had, one), late, last, reads[0])
}

// between are the increments that were called after one event and of which something was
// before another.
func (s *subject) between(after, before int, what func(operation) int) (some []operation) {
	for _, x := range s.increments {
		if x.call > after && what(x) < before {
			some = append(some, x)
		}
	}
	return some
}

// saw is a read: "process 3 read 4 at 1.200 s".
func (s *subject) saw(r operation) string {
	return fmt.Sprintf("%s read %d at %s", s.Who(r.ret), r.value, s.When(r.ret))
}

func (s *subject) tells(sentence string, proof ...operation) *checkers.Anomaly {
	var events []int
	for _, o := range proof {
		events = append(events, o.call, o.ret)
	}
	a := s.anomaly("nonlinearizable", sentence, events...)
	return &a
}
