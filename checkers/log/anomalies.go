package log

import (
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
)

// tale is one anomaly found: its sentence and the events that prove it.
type tale struct {
	text  string
	proof []int
}

// anomalies tells the anomalies of the log, one of each kind with the first case in the
// sentence and the others counted.
func (s *subject) anomalies(o Options, t *tally) []checkers.Anomaly {
	s.count(t)
	var found []checkers.Anomaly
	for _, k := range []struct {
		name  string
		cases func() []tale
		told  bool
		count *int
	}{
		{"lost-write", s.lost, true, &t.lost},
		{"phantom", s.phantoms, true, &t.phantom},
		{"inconsistent-offsets", s.inconsistent, true, &t.inconsistent},
		{"duplicate", s.duplicates, !o.Duplicates, &t.duplicate},
		{"nonmonotonic-poll", s.backwards, true, &t.backwards},
		{"poll-skip", s.skips, true, &t.skips},
		{"send-order", s.order, o.Linearizable, nil},
	} {
		cases := k.cases()
		if k.count != nil {
			*k.count += len(cases)
		}
		if len(cases) > 0 && k.told {
			found = append(found, s.anomaly(k.name, cases))
		}
	}
	return found
}

func (s *subject) anomaly(name string, cases []tale) checkers.Anomaly {
	a := checkers.Anomaly{Name: name, Sentence: cases[0].text}
	if more := len(cases) - 1; more > 0 {
		a.Sentence += fmt.Sprintf("; and %d more like it", more)
	}
	if s.Keyed {
		key := s.Key
		a.Key, a.Sentence = &key, fmt.Sprintf("in the log of key %s, %s", s.KeyName(), a.Sentence)
	}
	for _, e := range cases[0].proof {
		if e != none {
			a.Ops = append(a.Ops, e)
		}
	}
	slices.Sort(a.Ops)
	a.Ops = slices.Compact(a.Ops)
	return a
}

// origin says how a record came to be known.
func (s *subject) origin(r record) string {
	where := ""
	if len(r.places) > 0 {
		where = fmt.Sprintf(" at offset %d", r.places[0].offset)
	}
	if r.known == r.acked {
		return fmt.Sprintf("acknowledged%s to %s at %s", where, s.Who(r.acked), s.When(r.acked))
	}
	return fmt.Sprintf("which %s had polled%s at %s", s.Who(r.known), where, s.When(r.known))
}

func (s *subject) lost() (cases []tale) {
	for n, r := range s.records {
		if r.fate != lost {
			continue
		}
		t := tale{proof: []int{r.sent, r.known, r.lastSeen}}
		last := "no poll ever saw it"
		if r.lastSeen != none {
			last = fmt.Sprintf("%s's poll that began at %s saw it last", s.Who(r.lastSeen), s.When(r.lastSeen))
		}
		instead, proof := s.instead(int32(n))
		t.proof = append(t.proof, proof)
		t.text = fmt.Sprintf("value %d, %s, is in none of the final polls, %s; %s", r.value, s.origin(r), instead, last)
		cases = append(cases, t)
	}
	return cases
}

// instead says what the final polls found where a record should stand.
func (s *subject) instead(n int32) (string, int) {
	r := s.records[n]
	if len(r.places) == 0 {
		return "which read the whole log", s.polls[s.finals[len(s.finals)-1]].ret
	}
	offset := r.places[0].offset
	text, proof, nearest := "", none, int64(0)
	for _, f := range s.finals {
		p := s.polls[f]
		for _, e := range p.entries {
			switch {
			case e.offset == offset:
				return fmt.Sprintf("where offset %d now holds %d (%s's poll at %s)", offset, s.records[e.record].value, s.Who(p.ret), s.When(p.ret)), p.ret
			case e.offset > offset && (proof == none || e.offset < nearest):
				proof, nearest = p.ret, e.offset
				text = fmt.Sprintf("which went on to value %d at offset %d (%s's poll at %s)", s.records[e.record].value, e.offset, s.Who(p.ret), s.When(p.ret))
			}
		}
	}
	if proof != none {
		return text, proof
	}
	p := s.polls[s.finals[len(s.finals)-1]]
	return fmt.Sprintf("for which the log now ends before offset %d", offset), p.ret
}

func (s *subject) phantoms() (cases []tale) {
	for _, r := range s.records {
		if r.polled == none || r.sent != none && r.sent < r.polled {
			continue
		}
		text := fmt.Sprintf("%s polled value %d at %s, ", s.Who(r.polled), r.value, s.When(r.polled))
		switch {
		case r.sent != none:
			text += fmt.Sprintf("which %s began to send only %s later", s.Who(r.sent), checkers.Span(s.Time(r.sent)-s.Time(r.polled)))
		case r.refused != none:
			text += fmt.Sprintf("though the only send of it, by %s at %s, certainly failed", s.Who(r.refused), s.When(r.refused))
		default:
			text += "which nobody sent"
		}
		cases = append(cases, tale{text, []int{r.polled, r.sent, r.refused}})
	}
	return cases
}

// said tells who put a record where.
func (s *subject) said(record int32, event int) string {
	if event == s.records[record].acked {
		return fmt.Sprintf("acknowledged to %s at %s", s.Who(event), s.When(event))
	}
	return fmt.Sprintf("polled by %s at %s", s.Who(event), s.When(event))
}

// inconsistent finds offsets with more than one value.
func (s *subject) inconsistent() (cases []tale) {
	for i := 0; i < len(s.at); {
		k := i + 1
		for k < len(s.at) && s.at[k].offset == s.at[i].offset {
			k++
		}
		if k > i+1 {
			a, b := s.at[i], s.at[i+1]
			cases = append(cases, tale{
				fmt.Sprintf("offset %d holds value %d (%s) and value %d (%s)", a.offset,
					s.records[a.record].value, s.said(a.record, a.event), s.records[b.record].value, s.said(b.record, b.event)),
				[]int{a.event, b.event},
			})
		}
		i = k
	}
	return cases
}

func (s *subject) duplicates() (cases []tale) {
	for n, r := range s.records {
		if len(r.places) < 2 {
			continue
		}
		a, b := r.places[0], r.places[1]
		cases = append(cases, tale{
			fmt.Sprintf("value %d stands twice: at offset %d (%s) and at offset %d (%s)", r.value,
				a.offset, s.said(int32(n), a.event), b.offset, s.said(int32(n), b.event)),
			[]int{r.sent, a.event, b.event},
		})
	}
	return cases
}

func (s *subject) backwards() (cases []tale) {
	for _, p := range s.polls {
		if p.back == none {
			continue
		}
		cases = append(cases, tale{
			fmt.Sprintf("%s's poll at %s returned offset %d, although it was already past %d", s.Who(p.ret), s.When(p.ret), p.back, p.past-1),
			[]int{p.call, p.ret},
		})
	}
	return cases
}

func (s *subject) skips() (cases []tale) {
	for _, p := range s.polls {
		if x, found := s.skipped(p); found {
			cases = append(cases, tale{
				fmt.Sprintf("%s's poll at %s passed over value %d at offset %d (%s) and returned up to offset %d",
					s.Who(p.ret), s.When(p.ret), s.records[x.record].value, x.offset, s.said(x.record, x.event), p.last()),
				[]int{x.event, p.call, p.ret},
			})
		}
	}
	return cases
}

func (s *subject) order() []tale {
	lower, higher, found := s.reversed()
	if !found {
		return nil
	}
	a, b := s.records[lower.record], s.records[higher.record]
	return []tale{{
		fmt.Sprintf("value %d stands at offset %d, before value %d at offset %d, but %s began to send it only %s after %d was %s",
			a.value, lower.offset, b.value, higher.offset, s.Who(a.sent), checkers.Span(s.Time(a.sent)-s.Time(b.known)), b.value,
			strings.TrimPrefix(strings.Replace(s.origin(b), " had polled", " polled", 1), "which ")),
		[]int{a.sent, lower.event, b.sent, b.known, higher.event},
	}}
}

// tally counts what became of the values of all logs.
type tally struct {
	attempted, acknowledged, recovered, unseen               int
	lost, phantom, inconsistent, duplicate, backwards, skips int
	polls, finals                                            int
}

func (s *subject) count(t *tally) {
	t.polls += len(s.polls)
	t.finals += len(s.finals)
	for _, r := range s.records {
		if r.sent == none {
			continue
		}
		t.attempted++
		switch {
		case r.acked != none:
			t.acknowledged++
		case r.final:
			t.recovered++
		}
		if r.polled == none {
			t.unseen++
		}
	}
}

func (t *tally) figures() []checkers.Figure {
	var out []checkers.Figure
	count := func(name string, n int, note string) {
		out = append(out, checkers.Figure{Name: name, Value: float64(n), Note: note})
	}
	count("values attempted", t.attempted, "sends that may have happened")
	count("values acknowledged", t.acknowledged, "")
	count("values lost", t.lost, "acknowledged or polled once, and passed over by the final polls")
	count("values recovered", t.recovered, "not acknowledged, yet in a final poll")
	count("values never polled", t.unseen, "")
	count("values duplicated", t.duplicate, "at several offsets")
	count("offsets inconsistent", t.inconsistent, "with several values")
	count("polls", t.polls, "")
	count("final polls", t.finals, "")
	return out
}
