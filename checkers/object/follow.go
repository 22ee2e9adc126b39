package object

import (
	"context"
	"slices"

	"github.com/faultline-dev/faultline/checkers/engine/monitor"
	"github.com/faultline-dev/faultline/checkers/engine/search"
	"github.com/faultline-dev/faultline/checkers/engine/words"
	"github.com/faultline-dev/faultline/harness/history"
)

// Sets that no sweep settled because elements are added twice are followed by their events: each
// such element is in or not, so that all it may be fits into two words (checkers/engine/words), as
// long as no more operations on it are open at once than these take.

// trace is a set that is followed.
type trace struct {
	objects []words.Object // the elements that are followed
	which   []int32        // which one an element is, by its number, or -1; nil: they are all followed
}

// step is an operation under way on an element that is followed.
type step struct {
	s      *subject
	object int32
	slot   uint8
}

// trail has a set followed.
func (s *subject) trail() {
	s.trace = &trace{}
	if s.lives != nil && s.lives.unsure > 0 {
		s.trace.which = make([]int32, len(s.lives.elements))
		for n, x := range s.lives.elements {
			if s.trace.which[n] = -1; x.Unsure() {
				s.trace.which[n] = int32(len(s.trace.objects))
				s.trace.objects = append(s.trace.objects, words.Start(0))
			}
		}
	} else {
		s.size = 0
	}
	for _, o := range s.ops { // that it starts with
		if x := s.trace.of(int32(o.do.A)); x >= 0 {
			s.trace.objects[x] = words.Start(1)
		}
	}
	s.lives = nil
}

// of is which of the objects an element is, or -1.
func (t *trace) of(n int32) int32 {
	if t.which != nil {
		return t.which[n]
	}
	for int(n) >= len(t.objects) {
		t.objects = append(t.objects, words.Start(0))
	}
	return n
}

// follow settles the sets that are to be followed, or finds out which element of them fails.
func (g *gathering) follow() {
	left := 0 // to follow
	for _, s := range g.all {
		if s.stand == follow {
			s.trail()
			left++
		}
	}
	if left == 0 {
		return
	}
	match := g.completions()
	var under history.ByProcess[step]
	var e history.Row
	counting := g.cut // so that the end of the history matters still
	for i := 0; i < g.h.Len() && (left > 0 || counting); i++ {
		if g.h.ReadRow(i, &e); e.Process < 0 {
			continue
		}
		f := under.Of(int(e.Process))
		if e.Type != history.Invoke {
			if s := f.s; s != nil && s.stand == follow && !s.trace.objects[f.object].Return(f.slot) {
				s.stand, s.element, s.failed = accused, s.trace.element(f.object), int32(i)
				left, counting = left-1, counting || s.trace.which == nil
			}
			f.s = nil
			continue
		}
		s := g.subject(&e)
		if s.stand == open && s.lives != nil { // the sweep ended before
			s.stand = follow
			s.trail()
			left++
		}
		switch f.s = nil; {
		case s.stand == follow:
			if *f = g.enter(s, i, &e, match[i]); s.stand != follow {
				left--
			}
		case s.stand == accused && s.trace != nil && s.trace.which == nil:
			g.enter(s, i, &e, match[i])
		}
	}
	for _, s := range g.all {
		if s.stand == follow {
			s.stand = settled
		}
		if s.trace != nil {
			s.trace, s.engine = nil, byWords
		}
	}
}

// element is the number of the one that an object is.
func (t *trace) element(object int32) int32 {
	if t.which == nil {
		return object
	}
	return int32(slices.Index(t.which, object))
}

// enter takes in the operation that event i invokes and event at completes, if any does. Of a set
// that has failed it only counts it.
func (g *gathering) enter(s *subject, i int, e *history.Row, at int32) (f step) {
	took := flight{s: s, call: int32(i), role: g.role(e), odd: e.Kind != history.KindInt}
	if took.role == takeNone {
		s.giveUp()
		return f
	}
	what, counts, returned := took.role, took.role == put || took.role == takeAny, false
	if at >= 0 {
		var done history.Row
		switch g.h.ReadRow(int(at), &done); done.Type {
		case history.Fail:
			return f
		case history.OK:
			what, counts, returned = took.did(g, int(at), &done), true, true
		}
	}
	if !counts {
		return f
	}
	if s.trace.which == nil {
		s.size++ // otherwise the sweep counted it
	}
	if what == whole {
		s.giveUp()
		return f
	}
	x := s.trace.of(took.about(g, e))
	if x < 0 || s.stand == accused {
		return f
	}
	slot, ok := s.trace.objects[x].Call(element(what))
	if !ok {
		s.giveUp()
	}
	if ok && returned {
		f = step{s, x, slot}
	}
	return f
}

// giveUp gives up following a set, unless it is known to fail.
func (s *subject) giveUp() {
	if s.stand == follow {
		s.stand = open
	}
}

// accuse tells why the element fails whose operations were gathered.
func (s *subject) accuse(ctx context.Context) *story {
	tell := func() *story {
		if s.failed > 0 {
			if part := since(s.ops, s.moment(s.failed)); len(part) < len(s.ops) {
				if r := s.search(ctx, part, true, limits{memory: mostMemory}, search.Options{}); r.Verdict == search.Illegal {
					return s.searchStory(ctx, part, true, r)
				}
			}
		}
		if r, ok := s.judgeElement(s.ops); ok && r.Verdict == monitor.Illegal {
			return s.monitorStory(ctx, s.ops, r)
		}
		r := s.search(ctx, s.ops, true, limits{memory: mostMemory}, search.Options{})
		if r.Verdict != search.Illegal { // it had no time to find out what is known
			r = search.Result{At: s.moment(s.failed), Order: func() []int32 { return nil }}
		}
		return s.searchStory(ctx, s.ops, true, r)
	}
	t := tell()
	t.detail.Engine = s.engine
	return t
}
