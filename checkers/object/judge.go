package object

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/monitor"
	"github.com/faultline-dev/faultline/checkers/engine/search"
)

// judgement is one run of the checker.
type judgement struct {
	deadline time.Time
	budget   checkers.Budget
	subjects []*subject
	findings []finding
}

// all decides every object: those that are cheap first, so that one that eats up its whole
// slice of the time costs the others none of theirs.
func (j *judgement) all(ctx context.Context) {
	var hard, open []int
	for i, s := range j.subjects {
		if s.stand == settled {
			j.findings[i].engine = s.engine
		} else {
			open = append(open, i)
		}
	}
	j.each(open, func(i int, _ time.Duration) { j.subjects[i].quick(ctx, &j.findings[i]) })
	for i, f := range j.findings {
		if f.engine == "" && f.reason == "" {
			hard = append(hard, i)
		}
	}
	slices.SortStableFunc(hard, func(a, b int) int { return cmp.Compare(len(j.subjects[a].ops), len(j.subjects[b].ops)) })
	memory := j.budget.Memory / int64(max(1, min(j.budget.Workers, len(hard))))
	j.each(hard, func(i int, slice time.Duration) {
		within, cancel := context.WithTimeout(ctx, slice)
		defer cancel()
		j.subjects[i].thorough(within, &j.findings[i], limits{slice, memory})
	})
}

// each does something about these objects, several at a time; each gets its share of the time
// that is left.
func (j *judgement) each(which []int, do func(i int, slice time.Duration)) {
	if len(which) == 1 {
		j.guarded(which[0], do, time.Until(j.deadline))
		return
	}
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(j.budget.Workers, len(which)) {
		wg.Go(func() {
			for at := range next {
				rounds := (len(which)-at-1)/j.budget.Workers + 1
				j.guarded(which[at], do, time.Until(j.deadline)/time.Duration(rounds))
			}
		})
	}
	for at := range which {
		next <- at
	}
	close(next)
	wg.Wait()
}

func (j *judgement) guarded(i int, do func(int, time.Duration), slice time.Duration) {
	f := &j.findings[i]
	begin := time.Now()
	defer func() {
		if p := recover(); p != nil {
			f.verdict, f.reason = checkers.Unknown, fmt.Sprintf("the checker failed: %v", p)
		}
		f.took += time.Since(begin)
	}()
	do(i, slice)
}

// quick decides an object that is known to fail, or whose type has a monitor, if that takes the
// history.
func (s *subject) quick(ctx context.Context, f *finding) {
	if s.Fault != "" {
		f.verdict, f.reason = checkers.Unknown, s.Fault
		return
	}
	if s.stand == accused {
		f.engine = s.engine
		f.fail(func() *story { return s.accuse(ctx) })
		return
	}
	s.monitored(ctx, f)
}

// monitored has the type's monitor decide the object, if it can.
func (s *subject) monitored(ctx context.Context, f *finding) {
	if s.kind.monitored == nil {
		return
	}
	ops, ok := s.kind.monitored(s)
	if !ok {
		return
	}
	switch r := s.kind.monitor(ops, monitor.Options{}); r.Verdict {
	case monitor.Legal:
		f.engine = byMonitor
	case monitor.Illegal:
		f.engine = byMonitor
		f.fail(func() *story { return s.monitorStory(ctx, s.ops, r) })
	}
}

// limits of one object's searches.
type limits struct {
	slice  time.Duration
	memory int64
}

// handy is how large an object may be, operations times values, whose parts are no cheaper than a
// hasty search for an order of the whole.
const handy = 1 << 16

// thorough decides an object by its parts, if that is possible, or by a search.
func (s *subject) thorough(ctx context.Context, f *finding, l limits) {
	exact := s.kind.apart == nil || s.kind.apart(s)
	hasty := !exact && !s.kind.light && len(s.ops)*s.numbers.Len() <= handy
	if hasty {
		if r := s.search(ctx, s.ops, false, l, search.Options{Hasty: true}); r.Verdict != search.Stopped {
			f.engine = bySearch
			s.conclude(ctx, f, s.ops, false, r, l)
			return
		}
	}
	if s.byParts(ctx, f, exact, l) {
		return
	}
	f.engine = bySearch
	r := s.search(ctx, s.ops, false, l, search.Options{Patient: hasty})
	s.conclude(ctx, f, s.ops, false, r, l)
}

// conclude says what a search's result is for the object.
func (s *subject) conclude(ctx context.Context, f *finding, ops []op, alone bool, r search.Result, l limits) {
	switch r.Verdict {
	case search.Illegal:
		f.fail(func() *story { return s.searchStory(ctx, ops, alone, r) })
	case search.Stopped:
		f.verdict = checkers.Unknown
		switch {
		case errors.Is(r.Why, search.ErrTime):
			f.reason = fmt.Sprintf("no legal order was found, nor ruled out, within %s: %s", checkers.Span(int64(l.slice)), r.Progress())
		case errors.Is(r.Why, search.ErrMemory):
			f.reason = "the search for a legal order used up its memory: " + r.Progress()
		default:
			f.reason = "the search for a legal order was interrupted"
		}
	}
}

// byParts decides an object part by part. It reports whether that was possible, and says
// more than that some part's verdict is not the object's.
func (s *subject) byParts(ctx context.Context, f *finding, exact bool, l limits) bool {
	if s.kind.part == nil {
		return false
	}
	ops := s.ops
	if s.kind.parts != nil {
		ops = s.kind.parts(s)
	}
	parts, ok := s.split(ops)
	if !ok {
		return false
	}
	undecided := search.Result{}
	for _, part := range parts {
		switch r, ok := s.judgeElement(part); {
		case ok && r.Verdict == monitor.Illegal:
			f.engine = byParts
			f.fail(func() *story { return s.monitorStory(ctx, part, r) })
			return true
		case ok && r.Verdict == monitor.Legal:
			continue
		}
		switch r := s.search(ctx, part, true, l, search.Options{}); r.Verdict {
		case search.Illegal:
			f.engine = byParts
			s.conclude(ctx, f, part, true, r, l)
			return true
		case search.Stopped:
			undecided = r
		}
	}
	if !exact {
		return false
	}
	f.engine = byParts
	s.conclude(ctx, f, ops, true, undecided, l)
	return true
}

// judgeElement has the monitor judge operations on one element, if it takes them.
func (s *subject) judgeElement(part []op) (r monitor.Result, ok bool) {
	if s.kind.Name != set.Name {
		return r, false
	}
	ops, ok := elementOps(part)
	if !ok {
		return r, false
	}
	return monitor.Set(ops, monitor.Options{}), true
}

// split sorts operations by the part that they are of, in the order of first use.
func (s *subject) split(ops []op) ([][]op, bool) {
	index := map[int64]int{}
	var parts [][]op
	for _, o := range ops {
		part, ok := s.kind.part(s, o.do)
		if !ok {
			return nil, false
		}
		n, found := index[part]
		if !found {
			n = len(parts)
			index[part], parts = n, append(parts, nil)
		}
		parts[n] = append(parts[n], o)
	}
	return parts, len(parts) > 0
}

// search looks for a legal order.
func (s *subject) search(ctx context.Context, ops []op, alone bool, l limits, o search.Options) search.Result {
	in := make([]search.Op[Do], len(ops))
	for i, o := range ops {
		d := o.do
		if alone && s.kind.alone != nil {
			d = s.kind.alone(d)
		}
		in[i] = search.Op[Do]{Call: o.call, Ret: o.ret, Do: d}
	}
	step := s.kind.step
	if s.kind.within != nil {
		step = s.kind.within(ops)
	}
	m := search.Model[State, Do]{
		Init: s.kind.init(s, alone), Step: step, Pure: pure,
		Size: func(st State) int { return len(st.S) },
	}
	if alone {
		m.Blind = s.kind.blind
	}
	o.Memory = l.memory
	return search.Decide(ctx, m, in, o)
}
