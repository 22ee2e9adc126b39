package bag

import (
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
)

// tally counts what became of the elements of all sets.
type tally struct {
	added, removed, reads, finals, certain int
	found                                  [5]int // by kind
}

// kinds are the anomalies of single elements: whether an element is one, which of the final
// reads shows it, and the sentence about it.
var kinds = [5]struct {
	name, figure string
	find         func(*subject, *element) (text string, proof []int)
}{
	{"lost-element", "elements lost", (*subject).lost},
	{"resurrected", "elements resurrected", (*subject).resurrected},
	{"divergence", "elements divergent", (*subject).divergent},
	{"phantom-element", "elements from nowhere", (*subject).phantom},
	{"duplicate-element", "elements doubled", (*subject).double},
}

// anomalies tells the anomalies of the set: of each kind one, with its first element in the
// sentence.
func (s *subject) anomalies(t *tally) (found []checkers.Anomaly) {
	t.reads, t.finals = t.reads+len(s.reads), t.finals+len(s.finals)
	for _, el := range s.elements {
		if len(el.adds) > 0 {
			t.added++
		}
		if len(el.removes) > 0 {
			t.removed++
		}
		if _, gone := s.gone(el); gone || el.stays() != nil {
			t.certain++
		}
	}
	for k, kind := range kinds {
		var first string
		var proof []int
		var others []string
		n := 0
		for _, el := range s.elements {
			text, events := kind.find(s, el)
			if text == "" {
				continue
			}
			if n++; n == 1 {
				first, proof = text, events
			} else if len(others) < 10 {
				others = append(others, fmt.Sprint(el.value))
			}
		}
		if n == 0 {
			continue
		}
		t.found[k] += n
		if n > 1 {
			first += fmt.Sprintf("; the same befell %d more: %s", n-1, strings.Join(others, ", "))
			if n > 11 {
				first += ", ..."
			}
		}
		found = append(found, s.anomaly(kind.name, first, proof))
	}
	return found
}

func (s *subject) lost(el *element) (string, []int) {
	a := el.stays()
	if a == nil {
		return "", nil
	}
	i := slices.IndexFunc(s.finals, func(r read) bool { return !r.has(el.value) })
	if i < 0 {
		return "", nil
	}
	r := s.finals[i]
	text, proof := "and nobody had removed it", []int{a.call, a.ret, r.call, r.ret}
	var last change
	for _, d := range el.removes {
		if d.ret > last.ret {
			last = d
		}
	}
	if len(el.removes) > 0 {
		text = fmt.Sprintf("which began %s after the last remove of it had been acknowledged, to %s", checkers.Span(s.Time(a.call)-s.Time(last.ret)), s.Who(last.ret))
		proof = append(proof, last.call, last.ret)
	}
	return fmt.Sprintf("element %d is missing from %s, though %s's add of it was acknowledged at %s, %s",
		el.value, s.which(r, func(r read) bool { return !r.has(el.value) }), s.Who(a.call), s.When(a.ret), text), proof
}

func (s *subject) resurrected(el *element) (string, []int) {
	i := slices.IndexFunc(s.finals, func(r read) bool { return r.has(el.value) })
	if i < 0 || len(el.removes) == 0 {
		return "", nil
	}
	d, gone := s.gone(el)
	if !gone {
		return "", nil
	}
	r := s.finals[i]
	proof := []int{d.call, d.ret, r.call, r.ret}
	for _, a := range el.adds {
		proof = append(proof, a.call, a.ret)
	}
	for _, o := range el.removes {
		proof = append(proof, o.call, o.ret)
		for _, seen := range s.by[o.process] {
			if seen.ret < o.call && seen.has(el.value) {
				proof = append(proof, seen.call, seen.ret)
				break
			}
		}
	}
	return fmt.Sprintf("element %d is in %s, though %s's remove of it was acknowledged at %s, and every add of it was one that its remover had made, or read, before",
		el.value, s.which(r, func(r read) bool { return r.has(el.value) }), s.Who(d.call), s.When(d.ret)), proof
}

// which says whether all final reads are such, or only some, by the first one.
func (s *subject) which(first read, such func(read) bool) string {
	of := fmt.Sprintf("%s's final read at %s", s.Who(first.ret), s.When(first.ret))
	switch {
	case len(s.finals) == 1:
		return of
	case slices.ContainsFunc(s.finals, func(r read) bool { return !such(r) }):
		return of + " (others differ)"
	}
	return of + " and all others"
}

func (s *subject) divergent(el *element) (string, []int) {
	with := slices.IndexFunc(s.finals, func(r read) bool { return r.has(el.value) })
	without := slices.IndexFunc(s.finals, func(r read) bool { return !r.has(el.value) })
	if with < 0 || without < 0 || !s.settled(el) {
		return "", nil
	}
	a, b := s.finals[with], s.finals[without]
	return fmt.Sprintf("after healing %s's read at %s saw element %d and %s's at %s did not, with no change of it in between: the replicas do not agree",
		s.Who(a.ret), s.When(a.ret), el.value, s.Who(b.ret), s.When(b.ret)), []int{a.call, a.ret, b.call, b.ret}
}

func (s *subject) phantom(el *element) (string, []int) {
	if el.seen == later || len(el.adds) > 0 && el.adds[0].call < el.seen {
		return "", nil
	}
	text, proof := fmt.Sprintf("%s read element %d at %s, ", s.Who(el.seen), el.value, s.When(el.seen)), []int{el.seen}
	switch {
	case len(el.adds) > 0:
		text += fmt.Sprintf("which %s began to add only %s later", s.Who(el.adds[0].call), checkers.Span(s.Time(el.adds[0].call)-s.Time(el.seen)))
		proof = append(proof, el.adds[0].call)
	case el.refused != none:
		text += fmt.Sprintf("though the only add of it, by %s at %s, certainly failed", s.Who(el.refused), s.When(el.refused))
		proof = append(proof, el.refused)
	default:
		text += "which nobody added"
	}
	return text, proof
}

func (s *subject) double(el *element) (string, []int) {
	if el.doubled == none {
		return "", nil
	}
	return fmt.Sprintf("%s read element %d more than once at %s", s.Who(el.doubled), el.value, s.When(el.doubled)), []int{el.doubled}
}

// maxProof bounds the events that an anomaly names.
const maxProof = 100

func (s *subject) anomaly(name, text string, proof []int) checkers.Anomaly {
	a := checkers.Anomaly{Name: name, Sentence: text}
	if s.Keyed {
		key := s.Key
		a.Key, a.Sentence = &key, fmt.Sprintf("on key %s, %s", s.KeyName(), text)
	}
	proof = slices.DeleteFunc(proof, func(e int) bool { return e == none || e == later })
	slices.Sort(proof)
	proof = slices.Compact(proof)
	a.Ops = proof[:min(len(proof), maxProof)]
	return a
}

func (t *tally) tell(result *checkers.Result) {
	result.Count("elements added", t.added, "adds that may have happened")
	result.Count("elements removed", t.removed, "removes that may have happened")
	result.Count("elements certain", t.certain, "that must be there, or must be gone")
	for k, kind := range kinds {
		result.Count(kind.figure, t.found[k], "")
	}
	result.Count("reads", t.reads, "")
	result.Count("final reads", t.finals, "that count")
}
