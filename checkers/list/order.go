package list

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
)

// phantom finds an element that was read and that nobody can have appended by then.
func (s *subject) phantom() *checkers.Anomaly {
	for _, r := range s.reads {
		for _, n := range r.elements {
			el := s.elements[n]
			if el.appended != none && (s.untimed || el.appended < r.ret) {
				continue
			}
			text := fmt.Sprintf("%s read element %d at %s, ", s.Who(r.ret), el.value, s.When(r.ret))
			switch {
			case el.appended == none && el.refused != none:
				text += fmt.Sprintf("though the only append of it, by %s at %s, certainly failed", s.Who(el.refused), s.When(el.refused))
			case el.appended == none:
				text += "which nobody appended"
			default:
				text += fmt.Sprintf("which %s began to append only %s later", s.Who(el.appended), checkers.Span(s.Time(el.appended)-s.Time(r.ret)))
			}
			return s.anomaly("phantom-element", text, r.call, r.ret, el.appended, el.refused)
		}
	}
	return nil
}

// doubled finds an element that stands twice in one read.
func (s *subject) doubled() *checkers.Anomaly {
	place := make([]int, len(s.elements)) // in the read that is looked at, counted from 1
	for _, r := range s.reads {
		for i, n := range r.elements {
			if at := place[n]; at > 0 {
				el := s.elements[n]
				text := fmt.Sprintf("%s read element %d twice at %s, as number %d and number %d of the list", s.Who(r.ret), el.value, s.When(r.ret), at, i+1)
				return s.anomaly("duplicate-elements", text, el.appended, r.call, r.ret)
			}
			place[n] = i + 1
		}
		for _, n := range r.elements {
			place[n] = 0
		}
	}
	return nil
}

// forked finds two reads of which the shorter one is no beginning of the longer.
func (s *subject) forked() *checkers.Anomaly {
	for i := 1; i < len(s.reads); i++ {
		a, b := s.reads[i-1], s.reads[i]
		for k := range a.elements {
			x, y := s.elements[a.elements[k]], s.elements[b.elements[k]]
			if x.value == y.value {
				continue
			}
			text := fmt.Sprintf("%s read element %d as number %d of the list (at %s), and %s read %d there (at %s): an element's place never changes",
				s.Who(a.ret), x.value, k+1, s.When(a.ret), s.Who(b.ret), y.value, s.When(b.ret))
			return s.anomaly("incompatible-order", text, a.call, a.ret, b.call, b.ret, x.appended, y.appended)
		}
	}
	return nil
}

// placed is an operation in the one order that the reads leave: a read, or the append of an
// element.
type placed struct {
	call, ret int
	read      int   // or none
	element   int32 // number, where it is an append
}

// misplaced holds that order against real time.
func (s *subject) misplaced() *checkers.Anomaly {
	latest := placed{call: none}
	var early placed
	visit := func(p placed) bool {
		if early = p; p.ret < latest.call {
			return false
		}
		if p.call > latest.call {
			latest = p
		}
		return true
	}
	element := func(n int32) placed {
		el := s.elements[n]
		p := placed{call: el.appended, ret: never, read: none, element: n}
		if el.acked != none {
			p.ret = el.acked
		}
		return p
	}
	var longest []int32
	if n := len(s.reads); n > 0 {
		longest = s.reads[n-1].elements
	}
	next := 0
	for k := 0; k <= len(longest); k++ {
		for ; next < len(s.reads) && len(s.reads[next].elements) == k; next++ {
			if !visit(placed{call: s.reads[next].call, ret: s.reads[next].ret, read: next}) {
				return s.story(latest, early)
			}
		}
		if k < len(longest) && !visit(element(longest[k])) {
			return s.story(latest, early)
		}
	}
	var unseen []placed
	for n, el := range s.elements {
		if !el.seen && el.appended != none && el.acked != none {
			unseen = append(unseen, element(int32(n)))
		}
	}
	slices.SortFunc(unseen, func(a, b placed) int { return cmp.Compare(a.call, b.call) })
	for _, p := range unseen {
		if !visit(p) {
			return s.story(latest, early)
		}
	}
	return nil
}

// story tells of two operations: late must stand before early, but was invoked after that
// had returned.
func (s *subject) story(late, early placed) *checkers.Anomaly {
	gap := checkers.Span(s.Time(late.call) - s.Time(early.ret))
	value := func(p placed) int64 { return s.elements[p.element].value }
	proof := []int{late.call, late.ret, early.call, early.ret}
	var text string
	switch {
	case late.read != none && early.read != none:
		x := s.elements[s.reads[early.read].elements[len(s.reads[late.read].elements)]]
		text = fmt.Sprintf("%s's read at %s missed element %d, which %s had read %s before that read began",
			s.Who(late.call), s.When(late.ret), x.value, s.Who(early.ret), gap)
	case late.read != none:
		text = fmt.Sprintf("%s's read at %s missed element %d, whose append had been acknowledged to %s %s before that read began",
			s.Who(late.call), s.When(late.ret), value(early), s.Who(early.ret), gap)
	case early.read != none:
		text = fmt.Sprintf("%s read element %d at %s, which %s began to append only %s later",
			s.Who(early.ret), value(late), s.When(early.ret), s.Who(late.call), gap)
	default:
		where := "is in no read"
		for _, r := range s.reads {
			if slices.Contains(r.elements, early.element) {
				where = fmt.Sprintf("stands behind it in %s's read at %s", s.Who(r.ret), s.When(r.ret))
				proof = append(proof, r.call, r.ret)
				break
			}
			if slices.Contains(r.elements, late.element) {
				where = fmt.Sprintf("is missing from %s's read of it at %s", s.Who(r.ret), s.When(r.ret))
				proof = append(proof, r.call, r.ret)
				break
			}
		}
		text = fmt.Sprintf("element %d was appended by %s from %s on, %s after the append of element %d had been acknowledged to %s, which %s",
			value(late), s.Who(late.call), s.When(late.call), gap, value(early), s.Who(early.ret), where)
	}
	return s.anomaly("nonlinearizable", text, proof...)
}

func (s *subject) anomaly(name, text string, proof ...int) *checkers.Anomaly {
	a := &checkers.Anomaly{Name: name, Sentence: text}
	if s.Keyed {
		key := s.Key
		a.Key, a.Sentence = &key, fmt.Sprintf("on key %s, %s", s.KeyName(), text)
	}
	for _, e := range proof {
		if e != none && e != never {
			a.Ops = append(a.Ops, e)
		}
	}
	slices.Sort(a.Ops)
	a.Ops = slices.Compact(a.Ops)
	return a
}
