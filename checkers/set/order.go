package set

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
)

// A grow-only set is checked for linearizability exactly and without search. The reads
// must form a chain by inclusion, which gives their order; and an element joins between
// the last read that misses it and the first that sees it. What is left open - elements
// that join between the same two reads, reads that saw the same - may stand in order of
// invocation. So there is one candidate order, and it respects real time just if no
// operation in it returned before an earlier one was invoked.
//
// Where an element is added more than once, the add that counts is the first to take
// effect: after the earliest invocation and before the earliest acknowledgement. The add
// invoked first is still under way at that acknowledgement, or is it, so any moment
// between is possible.

// place is one operation in the candidate order.
type place struct {
	call, ret int
	read      int   // a read, or none
	element   int32 // or the add of an element
}

const never = int(^uint(0) >> 1)

// order returns the anomaly of a set that is not linearizable.
func (s *subject) order() *checkers.Anomaly {
	reads := make([]int, len(s.reads))
	for i := range reads {
		reads[i] = i
	}
	slices.SortStableFunc(reads, func(a, b int) int {
		x, y := s.reads[a], s.reads[b]
		if c := cmp.Compare(len(x.elements), len(y.elements)); c != 0 {
			return c
		}
		return cmp.Compare(x.call, y.call)
	})
	joined := make([]int, len(s.elements)) // rank of the first read that saw it
	for i := range joined {
		joined[i] = len(reads)
	}
	for rank := len(reads) - 1; rank >= 0; rank-- {
		for _, x := range s.reads[reads[rank]].elements {
			joined[x] = rank
		}
	}
	if a := s.chain(reads, joined); a != nil {
		return a
	}
	bySlot := make([]int32, 0, len(s.elements))
	for x, el := range s.elements {
		if el.added != none { // phantoms are told of by themselves
			bySlot = append(bySlot, int32(x))
		}
	}
	slices.SortFunc(bySlot, func(a, b int32) int {
		if c := cmp.Compare(joined[a], joined[b]); c != 0 {
			return c
		}
		return cmp.Compare(s.elements[a].added, s.elements[b].added)
	})
	latest := place{call: -1}
	visit := func(p place) *checkers.Anomaly {
		if p.ret < latest.call {
			return s.misplaced(latest, p, reads, joined)
		}
		if p.call > latest.call {
			latest = p
		}
		return nil
	}
	k := 0
	for rank := 0; rank <= len(reads); rank++ {
		for ; k < len(bySlot) && joined[bySlot[k]] == rank; k++ {
			el := s.elements[bySlot[k]]
			p := place{call: el.added, ret: never, read: none, element: bySlot[k]}
			if el.acknowledged != none {
				p.ret = el.acknowledged
			}
			if a := visit(p); a != nil {
				return a
			}
		}
		if rank == len(reads) {
			break
		}
		r := s.reads[reads[rank]]
		if a := visit(place{call: r.call, ret: r.ret, read: reads[rank]}); a != nil {
			return a
		}
	}
	return nil
}

// chain checks that each read saw all that the next smaller one did.
func (s *subject) chain(reads []int, joined []int) *checkers.Anomaly {
	for rank, n := range reads {
		// Of a chain, a read has seen just the elements that joined at its rank or before.
		seen := 0
		if rank > 0 {
			seen = len(s.reads[reads[rank-1]].elements)
		}
		fresh := 0
		for _, x := range s.reads[n].elements {
			if joined[x] == rank {
				fresh++
			}
		}
		if seen+fresh == len(s.reads[n].elements) {
			continue
		}
		// What joined before and is missing here was seen by the read just before, for
		// up to there it is a chain.
		smaller, larger := s.reads[reads[rank-1]], s.reads[n]
		x, y := s.missing(smaller, larger), s.missing(larger, smaller)
		text := fmt.Sprintf("%s saw element %d without %d (at %s), and %s saw %d without %d (at %s): no order of the adds allows both",
			s.Who(smaller.ret), s.elements[x].value, s.elements[y].value, checkers.At(s.Time(smaller.ret)),
			s.Who(larger.ret), s.elements[y].value, s.elements[x].value, checkers.At(s.Time(larger.ret)))
		a := s.anomaly("nonlinearizable", text, []int{smaller.call, smaller.ret, larger.call, larger.ret, s.elements[x].added, s.elements[y].added}, nil)
		return &a
	}
	return nil
}

// missing returns an element that a saw and b did not.
func (s *subject) missing(a, b seen) int32 {
	in := make(map[int32]bool, len(b.elements))
	for _, x := range b.elements {
		in[x] = true
	}
	for _, x := range a.elements {
		if !in[x] {
			return x
		}
	}
	return none
}

// misplaced tells of two operations: late must stand before early, but was invoked after
// that had returned.
func (s *subject) misplaced(late, early place, reads []int, joined []int) *checkers.Anomaly {
	gap := checkers.Span(s.Time(late.call) - s.Time(early.ret))
	proof := []int{late.call, late.ret, early.call, early.ret}
	var text string
	switch {
	case late.read != none && early.read != none:
		x := s.missing(s.reads[early.read], s.reads[late.read])
		text = fmt.Sprintf("%s's read at %s missed element %d, which %s had seen %s before that read began",
			s.Who(late.call), checkers.At(s.Time(late.ret)), s.elements[x].value, s.Who(early.ret), gap)
	case late.read != none:
		text = fmt.Sprintf("%s's read at %s missed element %d, whose add had been acknowledged to %s %s before that read began",
			s.Who(late.call), checkers.At(s.Time(late.ret)), s.elements[early.element].value, s.Who(early.ret), gap)
	case early.read != none:
		text = fmt.Sprintf("%s read element %d at %s, which %s began to add only %s later",
			s.Who(early.ret), s.elements[late.element].value, checkers.At(s.Time(early.ret)), s.Who(late.call), gap)
	default:
		r := s.reads[reads[joined[late.element]]]
		proof = append(proof, r.call, r.ret)
		text = fmt.Sprintf("%s's read at %s saw element %d but missed %d, whose add had been acknowledged to %s %s before the add of %d began",
			s.Who(r.ret), checkers.At(s.Time(r.ret)), s.elements[late.element].value, s.elements[early.element].value,
			s.Who(early.ret), gap, s.elements[late.element].value)
	}
	proof = slices.DeleteFunc(proof, func(e int) bool { return e == never })
	a := s.anomaly("nonlinearizable", text, proof, nil)
	return &a
}
