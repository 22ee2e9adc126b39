// Package log checks totally ordered logs, such as the partitions of a topic: producers
// send values, consumers poll entries - an offset and a value each - from an offset on,
// last of all every log from its beginning once the cluster has healed.
//
// The one idea, after Jepsen's tests of queues: a log is an order that everybody agrees on,
// so write down where each value was ever said to stand - by the acknowledgement of its
// send, by polls - and every disagreement is an anomaly. A value that was known (its send
// acknowledged, or some poll returned it) and that the final polls passed over is lost; one
// at two offsets is a duplicate; one offset with two values is inconsistent; one that
// nobody can have sent is a phantom; a poll that goes back, or that passes over an entry
// which is there, saw no such order at all. Where linearizability is asked for, offsets
// must also follow real time.
//
// A poll may return less than there is, also nothing, and that proves nothing: consumers
// give up waiting. Only a final poll that returned nothing three times in a row from the
// same offset says that the log ends there.
//
// Start with New.
package log

import (
	"context"
	"fmt"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// Options of the check.
type Options struct {
	// Duplicates allows a value to stand at several offsets, as retries without
	// idempotence make it; they are counted all the same.
	Duplicates bool
	// Linearizable also demands that a send which began after a value was known got the
	// higher offset.
	Linearizable bool
}

// New returns a checker of logs, one for each key, with send (of an integer) and poll.
//
// A send's completion is the list [offset value], with offset -1 or without a list where
// the system did not say. A poll's invocation is the offset that it asks for, or nothing if
// it goes on where its process stopped; its completion is the list of what it returned,
// [offset value offset value ...]. Values are unique within a key.
//
// The final polls are those of the phase named "final" on the telemetry track; without one,
// those invoked after the last send had ended.
func New(o Options) checkers.Checker { return checker{o} }

type checker struct{ Options }

func (checker) Name() string { return "log" }

func (c checker) Check(ctx context.Context, h *history.History, budget checkers.Budget) checkers.Result {
	budget = budget.OrDefault()
	ctx, cancel := context.WithTimeout(ctx, budget.Time)
	defer cancel()
	result := checkers.Result{Checker: c.Name()}
	total := tally{}
	for _, s := range gather(h, budget.Memory) {
		if s.Fault == "" && ctx.Err() != nil {
			s.Fault = "no time was left for it"
		}
		if s.Fault != "" {
			result.Doubt(s.name(), s.Fault)
			continue
		}
		s.place()
		s.settle()
		result.Anomalies = append(result.Anomalies, s.anomalies(c.Options, &total)...)
		switch n := s.undecided(); {
		case n > 0 && len(s.finals) == 0:
			result.Doubt(s.name(), "no final poll succeeded, so nobody knows what became of the values")
		case n > 0:
			result.Doubt(s.name(), fmt.Sprintf("no final poll came to where %d of the known values should stand", n))
		}
	}
	if len(result.Anomalies) > 0 {
		result.Valid = checkers.Invalid
	}
	result.Figures = total.figures()
	return result
}

const none = -1

// record is one value of a log and all that is known of it. Events are indices in the
// history, or none.
type record struct {
	value    int64
	sent     int     // the invocation of a send that may have happened
	acked    int     // its acknowledgement
	refused  int     // a send of it that certainly failed
	known    int     // acknowledged or first polled, whichever was earlier
	polled   int     // the first poll that returned it
	lastSeen int     // the invocation of the last poll that did
	places   []place // where it was said to stand
	final    bool    // some final poll returned it
	fate     fate
}

// fate is what became of a record.
type fate uint8

const (
	kept      fate = iota // some final poll returned it, or nobody ever knew of it
	lost                  // it was known, and the final polls passed over it
	undecided             // it was known, and no final poll came to where it should stand
)

// place is an offset with the event that first gave it, and whether a poll ever did.
type place struct {
	offset int64
	event  int
	polled bool
}

// poll is one successful poll.
type poll struct {
	call, ret int
	process   int
	from      int64 // the offset that it had to begin with, or none
	back      int64 // an offset that it returned although it had to be past it, or none
	past      int64 // past which it had to be
	entries   []entry
}

type entry struct {
	offset int64
	record int32
}

func (p poll) last() int64 { return p.entries[len(p.entries)-1].offset }

// subject is one log.
type subject struct {
	checkers.Subject
	records  []record
	number   map[int64]int32
	polls    []poll        // by completion
	position map[int]int64 // of each process: one past what it polled last
	finals   []int         // which of the polls are final
	lastSend int           // the last event of a send
	at       []standing    // what stands where, by offset
	room     *int64        // bytes that all polls may still take
}

func (s *subject) record(v int64) (*record, int32) {
	n, found := s.number[v]
	if !found {
		n = int32(len(s.records))
		s.number[v] = n
		s.records = append(s.records, record{value: v, sent: none, acked: none, refused: none, known: none, polled: none, lastSeen: none})
	}
	return &s.records[n], n
}

// gather splits a history into its logs, in order of first use.
func gather(h *history.History, memory int64) []*subject {
	begin := func(of checkers.Subject) *subject {
		return &subject{Subject: of, number: map[int64]int32{}, position: map[int]int64{}, lastSend: none, room: &memory}
	}
	all := checkers.Gather(h, begin, func(s *subject, i int, e history.Op, match []int32) {
		switch e.F {
		case "send":
			s.send(i, e, match)
		case "poll":
			s.poll(i, e, match)
		default:
			s.Reject("operation %d is %q, which a log does not have", i, e.F)
		}
	})
	for _, s := range all {
		s.findFinals()
	}
	return all
}

func (s *subject) send(i int, e history.Op, match []int32) {
	s.lastSend = i
	if e.Type == history.Invoke {
		if e.Value.Kind != history.KindInt {
			s.Reject("operation %d sends %s, which is no integer", i, e.Value)
			return
		}
		r, _ := s.record(e.Value.A)
		switch end := match[i]; {
		case end >= 0 && s.H.At(int(end)).Type == history.Fail:
			r.refused = i
		case r.sent != none:
			s.Reject("value %d is sent twice, by operations %d and %d, so a duplicate proves nothing", r.value, r.sent, i)
		default:
			r.sent = i
		}
		return
	}
	if e.Type != history.OK || match[i] < 0 {
		return
	}
	sent := s.H.At(int(match[i])).Value
	if sent.Kind != history.KindInt {
		return // it was rejected already
	}
	r, _ := s.record(sent.A)
	r.acked = i
	offset := int64(none)
	switch ns := e.Value.Ints(); {
	case e.Value.Kind == history.KindPair:
		offset = e.Value.A
	case len(ns) == 2:
		offset = ns[0]
	}
	if offset >= 0 {
		r.stands(offset, i, false)
	}
	r.learn(i)
}

// stands notes where a record was said to be.
func (r *record) stands(offset int64, event int, polled bool) {
	i := slices.IndexFunc(r.places, func(p place) bool { return p.offset == offset })
	if i < 0 {
		i = len(r.places)
		r.places = append(r.places, place{offset: offset, event: event})
	}
	r.places[i].polled = r.places[i].polled || polled
}

func (r *record) learn(event int) {
	if r.known == none {
		r.known = event
	}
}

func (s *subject) poll(i int, e history.Op, match []int32) {
	if e.Type != history.OK || match[i] < 0 {
		return
	}
	if e.Value.Kind != history.KindList && !e.Value.IsNil() && e.Value.Kind != history.KindPair {
		s.Reject("operation %d polled %s, which is no list of offsets and values", i, e.Value)
		return
	}
	ns := e.Value.Ints()
	if e.Value.Kind == history.KindPair {
		ns = []int64{e.Value.A, e.Value.B}
	}
	if len(ns)%2 > 0 {
		s.Reject("operation %d polled %s, in which an offset or a value is missing", i, e.Value)
		return
	}
	// An entry takes 16 bytes, a number of a list one at least.
	if *s.room -= 16 * int64(len(ns)); *s.room < 0 {
		s.Reject("the polls are too long for the memory given")
		return
	}
	p := poll{call: int(match[i]), ret: i, process: e.Process, from: none, back: none, entries: make([]entry, 0, len(ns)/2)}
	if asked := s.H.At(p.call).Value; asked.Kind == history.KindInt {
		p.from = asked.A
	} else if at, found := s.position[e.Process]; found {
		p.from = at
	}
	past := p.from
	for k := 0; k < len(ns); k += 2 {
		offset := ns[k]
		r, n := s.record(ns[k+1])
		if offset < past && p.back == none {
			p.back, p.past = offset, past
		}
		past = offset + 1
		r.stands(offset, i, true)
		r.learn(i)
		if r.polled == none {
			r.polled = i
		}
		r.lastSeen = max(r.lastSeen, p.call)
		p.entries = append(p.entries, entry{offset, n})
	}
	s.position[e.Process] = past
	s.polls = append(s.polls, p)
}

// findFinals picks the final polls.
func (s *subject) findFinals() {
	isFinal := s.Finals(s.lastSend)
	for n, p := range s.polls {
		if isFinal(p.call) {
			s.finals = append(s.finals, n)
			for _, e := range p.entries {
				s.records[e.record].final = true
			}
		}
	}
}

func (s *subject) name() string {
	if !s.Keyed {
		return "the log"
	}
	return "key " + s.KeyName()
}
