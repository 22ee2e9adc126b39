// Package set checks grow-only sets: clients add elements and read the whole, last of all
// once the cluster has healed.
//
// The one idea, after Jepsen's set-full: follow each element through its life. It was
// added; maybe acknowledged; it is known once it was acknowledged or seen; each read from
// then on sees it or misses it; and the final reads say what became of it. An element
// that was acknowledged and is in no final read is lost, one that nobody can have added
// is a phantom, one that is there twice a duplicate; one that was missed for a while is
// stale, which is an anomaly only where linearizability was promised (order.go).
//
// Start with Full.
package set

import (
	"context"
	"fmt"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// Options of the check.
type Options struct {
	// Linearizable also demands that the reads fit an order of all operations that
	// respects real time.
	Linearizable bool
	// Open lets a history end without final reads, as those of others may: then the reads
	// that there are say all there is to say.
	Open bool
}

// Full returns a checker of sets with add (of an integer) and read (a list of integers),
// one set for each key.
//
// The final reads are those of the phase named "final" on the telemetry track; without
// one, those invoked after the last add had ended.
func Full(o Options) checkers.Checker { return full{o} }

type full struct{ Options }

func (full) Name() string { return "set" }

func (f full) Check(ctx context.Context, h *history.History, budget checkers.Budget) checkers.Result {
	budget = budget.OrDefault()
	ctx, cancel := context.WithTimeout(ctx, budget.Time)
	defer cancel()
	result := checkers.Result{Checker: f.Name()}
	total := tally{}
	for _, s := range gather(h, budget.Memory) {
		reason := s.Fault
		if reason == "" {
			reason = s.follow(ctx)
		}
		if reason == "" {
			result.Anomalies = append(result.Anomalies, s.anomalies(&total)...)
			if len(s.finals) == 0 && !f.Open {
				reason = "no final read succeeded, so nobody knows what became of the elements"
			}
			if f.Linearizable {
				if a := s.order(); a != nil {
					result.Anomalies = append(result.Anomalies, *a)
				}
			}
		}
		if reason != "" {
			result.Doubt(s.name(), reason)
		}
	}
	if len(result.Anomalies) > 0 {
		result.Valid = checkers.Invalid
	}
	result.Figures = total.figures()
	return result
}

// element is the life of one element. Events are indices in the history, or none.
type element struct {
	value        int64
	added        int // the first invocation of an add that may have happened
	acknowledged int // the first acknowledgement
	refused      int // an add of it that certainly failed
	known        int // acknowledged or first seen, whichever was earlier
	lastSeen     int // the invocation of the last read that saw it
	lastMissed   int // and of the last that did not although it was known
	finals       int // how many of the final reads saw it
	seenUntil    int // the completion of the last read that saw it
	gone         int // the invocation of the last final read that did not although it was known
	doubled      int // a read that saw it twice
}

// seen is one successful read: the events and the elements, by their numbers.
type seen struct {
	call, ret int
	elements  []int32
}

const none = -1

// subject is one set.
type subject struct {
	checkers.Subject
	elements []element
	number   map[int64]int32
	reads    []seen // by completion
	finals   []int  // which of them are final
	lastAdd  int    // the last event of an add
	room     *int64 // bytes that the reads of all sets may still take
}

func (s *subject) element(v int64) *element {
	n, found := s.number[v]
	if !found {
		n = int32(len(s.elements))
		s.number[v] = n
		s.elements = append(s.elements, element{value: v, added: none, acknowledged: none, refused: none,
			known: none, lastSeen: none, lastMissed: none, doubled: none})
	}
	return &s.elements[n]
}

// gather splits a history into its sets, in order of first use.
func gather(h *history.History, memory int64) []*subject {
	begin := func(of checkers.Subject) *subject {
		return &subject{Subject: of, number: map[int64]int32{}, lastAdd: none, room: &memory}
	}
	all := checkers.Gather(h, begin, func(s *subject, i int, e history.Op, match []int32) {
		switch e.F {
		case "add":
			s.add(i, e, match)
		case "read":
			s.read(i, e, match)
		default:
			s.Reject("operation %d is %q, which a set does not have", i, e.F)
		}
	})
	for _, s := range all {
		s.findFinals()
	}
	return all
}

func (s *subject) add(i int, e history.Op, match []int32) {
	s.lastAdd = i
	if e.Type == history.Invoke {
		if e.Value.Kind != history.KindInt {
			s.Reject("operation %d adds %s, which is no integer", i, e.Value)
			return
		}
		end := match[i]
		if el := s.element(e.Value.A); end >= 0 && s.H.At(int(end)).Type == history.Fail {
			el.refused = i
		} else if el.added == none {
			el.added = i
		}
		return
	}
	if e.Type != history.OK || match[i] < 0 {
		return
	}
	if el := s.element(s.H.At(int(match[i])).Value.A); el.acknowledged == none {
		el.acknowledged = i
	}
}

func (s *subject) read(i int, e history.Op, match []int32) {
	if e.Type != history.OK || match[i] < 0 {
		return
	}
	if e.Value.Kind != history.KindList && !e.Value.IsNil() {
		s.Reject("operation %d read %s, which is no list of integers", i, e.Value)
		return
	}
	// A packed element is a byte at least, a number four.
	if *s.room -= 4 * int64(len(e.Value.S)); *s.room < 0 {
		s.Reject("the reads are too long for the memory given")
		return
	}
	values := e.Value.Ints()
	r := seen{call: int(match[i]), ret: i, elements: make([]int32, 0, len(values))}
	for _, v := range values {
		s.element(v)
		r.elements = append(r.elements, s.number[v])
	}
	s.reads = append(s.reads, r)
}

// findFinals picks the final reads.
func (s *subject) findFinals() {
	isFinal := s.Finals(s.lastAdd)
	for n, r := range s.reads {
		if isFinal(r.call) {
			s.finals = append(s.finals, n)
		}
	}
}

// follow takes every element through the reads. It returns why it could not.
func (s *subject) follow(ctx context.Context) string {
	for i := range s.elements {
		s.elements[i].known = s.elements[i].acknowledged
	}
	stamp, finals := make([]int, len(s.elements)), s.finals
	for n, r := range s.reads {
		if ctx.Err() != nil {
			return fmt.Sprintf("only %d of %d reads were followed in the time given", n, len(s.reads))
		}
		distinct := r.elements[:0]
		for _, x := range r.elements {
			el := &s.elements[x]
			if stamp[x] == n+1 {
				if el.doubled == none {
					el.doubled = n
				}
				continue
			}
			stamp[x] = n + 1
			distinct = append(distinct, x)
			if el.known == none || el.known > r.ret {
				el.known = r.ret
			}
			el.lastSeen, el.seenUntil = max(el.lastSeen, r.call), max(el.seenUntil, r.ret)
			if len(finals) > 0 && finals[0] == n {
				el.finals++
			}
		}
		s.reads[n].elements = distinct
		isFinal := len(finals) > 0 && finals[0] == n
		if isFinal {
			finals = finals[1:]
		}
		for x := range s.elements {
			if el := &s.elements[x]; stamp[x] != n+1 && el.known != none && el.known < r.call {
				el.lastMissed = max(el.lastMissed, r.call)
				if isFinal {
					el.gone = max(el.gone, r.call)
				}
			}
		}
	}
	return ""
}

func (s *subject) name() string {
	if !s.Keyed {
		return "the set"
	}
	return "key " + s.KeyName()
}

// lag is how long after it was known an element was missed for the last time.
func (s *subject) lag(el element) time.Duration {
	if el.lastMissed == none || el.known == none {
		return 0
	}
	return time.Duration(s.Time(el.lastMissed) - s.Time(el.known))
}
