package set

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/faultline-dev/faultline/checkers"
)

// DetailKind tells a Detail from other checkers' in results.json.
const DetailKind = "set"

// Detail lists the elements of an anomaly, the first hundred of them.
type Detail struct {
	Kind     string `json:"kind"`  // DetailKind
	Count    int    `json:"count"` // of all of them
	Elements []Life `json:"elements"`
}

// Life is what is known of one element; times are nanoseconds since the run's start, -1
// where it never came to that.
type Life struct {
	Element      int64 `json:"element"`
	Process      int   `json:"process"` // that added it first, -1: nobody
	Added        int64 `json:"added"`
	Acknowledged int64 `json:"acknowledged"`
	LastSeen     int64 `json:"last_seen"` // by the read invoked last
	LastMissed   int64 `json:"last_missed"`
}

func (s *subject) life(el element) Life {
	at := func(event int) int64 {
		if event == none {
			return -1
		}
		return s.Time(event)
	}
	l := Life{Element: el.value, Process: none, Added: at(el.added), Acknowledged: at(el.acknowledged),
		LastSeen: at(el.lastSeen), LastMissed: at(el.lastMissed)}
	if el.added != none {
		l.Process = s.H.At(el.added).Process
	}
	return l
}

// tally counts what became of the elements of all sets.
type tally struct {
	attempted, acknowledged, lost, recovered, unread, stale, phantom, doubled, divergent int
	reads, finals                                                                        int
	lags                                                                                 []time.Duration
}

// kinds are the anomalies of single elements: a name, whether an element is one, and the
// sentence about it.
var kinds = []struct {
	name  string
	is    func(*subject, element) bool
	tell  func(*subject, element) string
	proof func(*subject, element) []int
	count func(*tally) *int
}{
	{
		name: "lost-element",
		is: func(s *subject, el element) bool {
			// Missed by a final read that began when it was known already, and seen by none; or
			// missed by one that began after the last that saw it. An add in doubt may also take
			// effect while final reads go on, or later.
			return el.added != none && el.gone > 0 && (el.finals == 0 || el.gone > el.seenUntil)
		},
		tell: func(s *subject, el element) string {
			origin := fmt.Sprintf("whose add was acknowledged to %s", s.Who(el.known))
			if el.known != el.acknowledged {
				origin = fmt.Sprintf("which %s had read", s.Who(el.known))
			}
			last := "no read ever saw it"
			if el.lastSeen != none {
				last = fmt.Sprintf("%s's read that began at %s saw it last", s.Who(el.lastSeen), checkers.At(s.Time(el.lastSeen)))
			}
			where := "not in the final read"
			switch n := len(s.finals); {
			case el.finals > 0:
				where = fmt.Sprintf("not in %s's final read, which began at %s", s.Who(el.gone), checkers.At(s.Time(el.gone)))
			case n > 1:
				where = fmt.Sprintf("in none of the %d final reads", n)
			}
			return fmt.Sprintf("element %d, %s at %s, is %s; %s", el.value, origin, checkers.At(s.Time(el.known)), where, last)
		},
		proof: func(s *subject, el element) []int {
			proof := []int{el.added, el.known, el.lastSeen}
			if el.finals > 0 {
				return append(proof, el.gone)
			}
			for _, n := range s.finals[:min(10, len(s.finals))] {
				proof = append(proof, s.reads[n].ret)
			}
			return proof
		},
		count: func(t *tally) *int { return &t.lost },
	},
	{
		name: "phantom-element",
		is: func(_ *subject, el element) bool {
			return el.lastSeen != none && (el.added == none || el.added > el.known)
		},
		tell: func(s *subject, el element) string {
			text := fmt.Sprintf("%s read element %d at %s, ", s.Who(el.known), el.value, checkers.At(s.Time(el.known)))
			switch {
			case el.added != none:
				return text + fmt.Sprintf("which %s began to add only %s later", s.Who(el.added), checkers.Span(s.Time(el.added)-s.Time(el.known)))
			case el.refused != none:
				return text + fmt.Sprintf("though the only add of it, by %s at %s, certainly failed", s.Who(el.refused), checkers.At(s.Time(el.refused)))
			}
			return text + "which nobody added"
		},
		proof: func(_ *subject, el element) []int { return []int{el.known, el.added, el.refused} },
		count: func(t *tally) *int { return &t.phantom },
	},
	{
		name: "duplicate-element",
		is:   func(_ *subject, el element) bool { return el.doubled != none },
		tell: func(s *subject, el element) string {
			r := s.reads[el.doubled]
			return fmt.Sprintf("%s read element %d more than once at %s", s.Who(r.ret), el.value, checkers.At(s.Time(r.ret)))
		},
		proof: func(s *subject, el element) []int { return []int{s.reads[el.doubled].ret} },
		count: func(t *tally) *int { return &t.doubled },
	},
}

// anomalies tells the anomalies of the set, one of each kind with its first element in the
// sentence and the others in the detail, and counts.
func (s *subject) anomalies(t *tally) []checkers.Anomaly {
	s.count(t)
	var found []checkers.Anomaly
	for _, k := range kinds {
		var hit []element
		for _, el := range s.elements {
			if k.is(s, el) {
				hit = append(hit, el)
			}
		}
		*k.count(t) += len(hit)
		if len(hit) == 0 {
			continue
		}
		text := k.tell(s, hit[0])
		if more := len(hit) - 1; more > 0 {
			text += fmt.Sprintf("; the same befell %s: %s", plural(more, "other element"), list(hit[1:]))
		}
		d := Detail{Kind: DetailKind, Count: len(hit)}
		for _, el := range hit[:min(len(hit), 100)] {
			d.Elements = append(d.Elements, s.life(el))
		}
		found = append(found, s.anomaly(k.name, text, k.proof(s, hit[0]), d))
	}
	return found
}

func (s *subject) anomaly(name, text string, proof []int, detail any) checkers.Anomaly {
	a := checkers.Anomaly{Name: name, Sentence: text, Detail: detail}
	if s.Keyed {
		key := s.Key
		a.Key, a.Sentence = &key, fmt.Sprintf("on key %s, %s", s.KeyName(), text)
	}
	for _, e := range proof {
		if e != none {
			a.Ops = append(a.Ops, e)
		}
	}
	slices.Sort(a.Ops)
	a.Ops = slices.Compact(a.Ops)
	return a
}

func (s *subject) count(t *tally) {
	t.reads += len(s.reads)
	t.finals += len(s.finals)
	for _, el := range s.elements {
		if el.added == none {
			continue
		}
		t.attempted++
		switch {
		case el.acknowledged != none:
			t.acknowledged++
		case el.finals > 0:
			t.recovered++
		}
		if el.lastSeen == none {
			t.unread++
			continue
		}
		if el.finals > 0 && el.finals < len(s.finals) {
			t.divergent++
		}
		lag := s.lag(el)
		if lag > 0 {
			t.stale++
		}
		t.lags = append(t.lags, lag)
	}
}

func (t *tally) figures() []checkers.Figure {
	var out []checkers.Figure
	count := func(name string, n int, note string) {
		out = append(out, checkers.Figure{Name: name, Value: float64(n), Note: note})
	}
	count("elements attempted", t.attempted, "adds that may have happened")
	count("elements acknowledged", t.acknowledged, "")
	count("elements lost", t.lost, "acknowledged or read once, and in no final read")
	count("elements recovered", t.recovered, "not acknowledged, yet in a final read")
	count("elements never read", t.unread, "")
	count("elements stale", t.stale, "missed by some read after they were known")
	count("elements divergent", t.divergent, "in some of the final reads, not in others")
	count("reads", t.reads, "")
	count("final reads", t.finals, "")
	if len(t.lags) == 0 {
		return out
	}
	slices.Sort(t.lags)
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"max", 1}} {
		lag := t.lags[min(len(t.lags)-1, int(q.at*float64(len(t.lags))))]
		out = append(out, checkers.Figure{Name: "visibility lag " + q.name, Value: lag.Seconds(), Unit: "s",
			Note: "from when an element was known to the last read that missed it"})
	}
	return out
}

// list names elements, a few of them.
func list(els []element) string {
	var b strings.Builder
	for i, el := range els {
		if i == 10 {
			b.WriteString(", ...")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, el.value)
	}
	return b.String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
