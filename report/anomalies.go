package report

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/availability"
	"github.com/faultline-dev/faultline/checkers/linearizable"
	"github.com/faultline-dev/faultline/checkers/set"
	"github.com/faultline-dev/faultline/harness/history"
)

// anomaly is one as the page tells it.
type anomaly struct {
	Checker, Name string
	Sentence      string
	Ops           []opRow
	MoreOps       int
	Picture       *picture
	Around        *timeline // of the first, and of those without a picture
	Lives         []lifeRow
	MoreLives     int
}

// opRow is one event of the history.
type opRow struct {
	Index                                int
	Time, Process, Type, F, Value, Error string
}

// lifeRow is what became of one element of a set.
type lifeRow struct {
	Element                                   int64
	Process                                   string
	Added, Acknowledged, LastSeen, LastMissed string
}

// What the page has room for; how much more there is it says.
const (
	maxAnomalies = 20
	maxOps       = 24
	maxLives     = 20
	maxText      = 200
	maxFaults    = 100
	maxAround    = 3
)

// anomalies tells those of all checkers, in order.
func anomalies(ops *operations, faults []checkers.Fault, colours palette, results []checkers.Result) (told []anomaly, more int) {
	h := ops.h
	for _, r := range results {
		for _, a := range r.Anomalies {
			if len(told) == maxAnomalies {
				more++
				continue
			}
			t := anomaly{Checker: r.Checker, Name: a.Name, Sentence: cut(a.Sentence, 4*maxText)}
			for _, at := range a.Ops {
				switch {
				case at < 0 || at >= h.Len():
				case len(t.Ops) == maxOps:
					t.MoreOps++
				default:
					t.Ops = append(t.Ops, eventRow(h.At(at)))
				}
			}
			t.detail(a.Detail, faults, colours)
			if len(told) == 0 || t.Picture == nil && len(told) < maxAround {
				t.Around = ops.around(a.Ops, faults, colours)
			}
			told = append(told, t)
		}
	}
	return told, more
}

func eventRow(op history.Op) opRow {
	r := opRow{Index: op.Index, Time: checkers.At(op.Time), Process: fmt.Sprint(op.Process), Type: op.Type.String(), F: op.F,
		Value: cut(op.Value.String(), maxText), Error: cut(op.Error, maxText)}
	if op.Process == history.Nemesis {
		r.Process = "nemesis"
	}
	if op.Keyed {
		r.Value = fmt.Sprintf("key %d: %s", op.Key, r.Value)
	}
	return r
}

// detail adds what the checker has for a picture. From results.json it comes back as
// plain maps, so it is read by way of JSON whatever it is now.
func (t *anomaly) detail(d any, faults []checkers.Fault, colours palette) {
	if d == nil {
		return
	}
	b, err := json.Marshal(d)
	if err != nil {
		return
	}
	var kind struct {
		Kind string `json:"kind"`
	}
	if json.Unmarshal(b, &kind) != nil {
		return
	}
	switch kind.Kind {
	case linearizable.DetailKind:
		var l linearizable.Detail
		if json.Unmarshal(b, &l) == nil {
			t.Picture = drawKey(l, faults, colours)
		}
	case set.DetailKind:
		var s set.Detail
		if json.Unmarshal(b, &s) != nil {
			return
		}
		for i, life := range s.Elements {
			if i == maxLives {
				break
			}
			t.Lives = append(t.Lives, newLife(life))
		}
		t.MoreLives = s.Count - len(t.Lives)
	}
}

func newLife(l set.Life) lifeRow {
	at := func(ns int64) string {
		if ns < 0 {
			return "never"
		}
		return checkers.At(ns)
	}
	r := lifeRow{Element: l.Element, Process: "nobody", Added: at(l.Added), Acknowledged: at(l.Acknowledged),
		LastSeen: at(l.LastSeen), LastMissed: at(l.LastMissed)}
	if l.Process >= 0 {
		r.Process = fmt.Sprintf("process %d", l.Process)
	}
	return r
}

// faultRow is one fault.
type faultRow struct {
	Nemesis, Victims, From, To, Evidence, Bit, Failover, Recovered, Everywhere string
	Vacuous                                                                    bool
}

func faultRows(faults []availability.Recovery) (rows []faultRow, more int) {
	took := func(ns int64) string {
		if ns < 0 {
			return "-"
		}
		return checkers.Span(ns)
	}
	for i, f := range faults {
		if i == maxFaults {
			return rows, len(faults) - maxFaults
		}
		r := faultRow{Nemesis: f.Nemesis, Victims: cut(f.Victims, maxText), From: checkers.At(f.Start), To: "not confirmed",
			Evidence: cut(f.Evidence, maxText), Failover: took(f.Failover), Recovered: took(f.Recovered), Everywhere: took(f.Everywhere)}
		if f.End >= 0 {
			r.To, r.Bit, r.Vacuous = checkers.At(f.End), cut(f.Outcome, maxText), f.Bit == 0
			if r.Bit == "" {
				r.Bit = grouped(int(f.Bit))
			}
		}
		rows = append(rows, r)
	}
	return rows, 0
}

// cut shortens a text to so many bytes, between two characters.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + " ..."
}
