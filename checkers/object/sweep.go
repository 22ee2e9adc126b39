package object

import (
	"github.com/faultline-dev/faultline/checkers/engine/monitor"
	"github.com/faultline-dev/faultline/harness/history"
)

// A sweep goes once through the events, keeps a few numbers for each element of a set, and settles
// the sets that are legal and have their elements added once each (see monitor.Element). No
// operation is gathered for these. Of an illegal set only those on an element that fails are. Sets
// some of whose elements are added twice are followed afterwards (follow.go), and what is read as
// a whole is for a search.

// stand is how far an object is decided.
type stand uint8

const (
	open    stand = iota
	follow        // not by a sweep
	settled       // it is legal
	accused       // some part of it is illegal
)

// lives are what a sweep knows of a set.
type lives struct {
	elements []monitor.Element // by number
	unsure   int               // so many are not for a monitor
}

// flight is an operation under way.
type flight struct {
	s       *subject
	call    int32
	element int32
	role    func8 // put, takeAny, present, whole: to add, to remove, to ask, to read
	odd     bool  // the element is no integer
}

// role is what an operation is to do to a set; takeNone: nothing that sets can do.
func (g *gathering) role(e *history.Row) func8 {
	if int(e.F) < len(g.roles) {
		return g.roles[e.F]
	}
	return takeNone
}

// assign finds out the roles by the number that operations have.
func (g *gathering) assign() {
	named := map[string]func8{"add": put, "remove": takeAny, "contains": present, "read": whole}
	g.roles = make([]func8, len(g.operations))
	for n, o := range g.operations {
		if g.roles[n] = takeNone; o != nil {
			g.roles[n] = named[o.Name]
		}
	}
}

// about finds out which element the operation is about.
func (f *flight) about(g *gathering, e *history.Row) int32 {
	if f.odd {
		f.element = f.s.numbers.Of(g.h.ValueOf(int(f.call), e))
	} else {
		f.element = f.s.numbers.OfInt(e.A)
	}
	return f.element
}

// sweep settles what sets it can.
func (g *gathering) sweep() {
	var under history.ByProcess[flight]
	left := 0 // so many sets are not swept any more
	var e history.Row
	for i := range g.h.Len() {
		if g.h.ReadRow(i, &e); e.Process < 0 {
			continue
		}
		f := under.Of(int(e.Process))
		if s := f.s; s != nil {
			if s.lives != nil {
				if f.done(g, i, &e); s.lives == nil {
					left++
				}
			}
			f.s = nil
		}
		if e.Type != history.Invoke {
			continue
		}
		s := g.subject(&e)
		if s.lives == nil {
			if left == len(g.all) { // so will be the others
				g.cut = true
				break
			}
			continue
		}
		if f.role = g.role(&e); f.role == takeNone {
			s.lives, left = nil, left+1
			continue
		}
		if f.s, f.call, f.odd = s, int32(i), e.Kind != history.KindInt; f.role != whole {
			s.lives.of(f.about(g, &e))
		}
	}
	for f := range under.All() {
		if f.s != nil && f.s.lives != nil {
			f.never()
		}
	}
	for _, s := range g.all {
		if s.lives != nil {
			s.verdict()
		}
	}
}

// verdict is what the sweep came to.
func (s *subject) verdict() {
	s.stand, s.engine, s.lives.unsure = settled, byMonitor, 0
	for n := range s.lives.elements {
		switch s.lives.elements[n].Verdict() {
		case monitor.Illegal:
			s.stand, s.element, s.lives = accused, int32(n), nil
			return
		case monitor.Unsure:
			s.stand = follow
			s.lives.unsure++
		}
	}
	if s.stand == settled {
		s.lives = nil
	}
}

// of is the element of that number.
func (l *lives) of(n int32) *monitor.Element {
	for int(n) >= len(l.elements) {
		l.elements = append(l.elements, monitor.NewElement())
	}
	return &l.elements[n]
}

// never takes in that the operation never returned.
func (f *flight) never() {
	switch f.role {
	case put:
		f.s.lives.of(f.element).Add(f.call, pending)
		f.s.size++
	case takeAny:
		f.s.lives.of(f.element).Remove(f.call, pending)
		f.s.size++
	}
}

// done takes in the next event of the operation's process, which completes it if it is no
// invocation.
func (f *flight) done(g *gathering, i int, e *history.Row) {
	s, at := f.s, int32(i)
	switch {
	case e.Type == history.Fail:
		return
	case e.Type != history.OK:
		f.never()
		return
	}
	what := f.did(g, i, e)
	if what == whole {
		s.lives = nil
		return
	}
	s.size++
	x := s.lives.of(f.element)
	switch before := x.Unsure(); what {
	case put, putNew:
		if x.Add(f.call, at); x.Unsure() && !before {
			s.tire()
		}
	case takeAny:
		if x.Doubt(); !before {
			s.tire()
		}
	case take:
		x.Remove(f.call, at)
	case present:
		x.Present(f.call, at)
	case absent:
		x.Absent(f.call, at)
	}
}

// tire gives a sweep up that half of the elements are not for.
func (s *subject) tire() {
	if s.lives.unsure++; s.lives.unsure > 1 && 2*s.lives.unsure >= len(s.lives.elements) {
		s.lives, s.stand = nil, follow
	}
}

// did is what the operation did that event i completes; whole: it is not one on its element.
func (f *flight) did(g *gathering, i int, e *history.Row) func8 {
	if f.role == whole {
		return whole
	}
	yes, known := e.Truth()
	switch {
	case known && f.odd && f.role != present: // an element may be a truth value itself
		known = g.h.Value(int(f.call)) != g.h.Value(i)
	case !known && f.role == present:
		asked := g.h.Value(int(f.call))
		var about history.Value
		about, yes, known = answered(asked, g.h.ValueOf(i, e))
		known = known && about == asked
	}
	return did(f.role, yes, known)
}
