package dynamo

import (
	"slices"
	"time"
)

// Hinted handoff: what a node keeps for a home that was down goes there when it is back,
// and is forgotten once the home has it on disk.

const (
	// offersAtOnce bounds the hints under way to one home.
	offersAtOnce = 64
	// offerAgain is how long a home may take to confirm one.
	offerAgain = 2 * answerWithin
)

// offer is a hint under way to its home.
type offer struct {
	call  uint64
	key   Key
	value Value
	since time.Duration
}

// keepHint has a hint kept. What was offered of the key before is not confirmed any more by
// what its home said of it: the home may have handed it on since, and be about to be the
// only one whom this hint goes to.
func (s *server) keepHint(c change) {
	if p := s.peer(c.record.Home); p != nil {
		p.offered = slices.DeleteFunc(p.offered, func(o offer) bool { return o.key == c.record.Key })
	}
	s.store.log(c)
}

// offer sends a home its oldest hints, but for those that it may yet confirm.
func (s *server) offer(p *peer) {
	if !s.ready {
		return
	}
	now := s.env.Now()
	p.offered = slices.DeleteFunc(p.offered, func(o offer) bool { return now-o.since >= offerAgain })
	h := s.store.home(p.id)
	for _, k := range h.keys {
		if len(p.offered) == offersAtOnce {
			return
		}
		if slices.ContainsFunc(p.offered, func(o offer) bool { return o.key == k }) {
			continue
		}
		o := offer{call: s.draw(), key: k, value: h.hints[k].view(), since: now}
		p.offered = append(p.offered, o)
		s.env.Send(p.id, &Put{Call: o.call, Key: k, Value: o.value})
	}
}

// taken is told that a home keeps what was offered to it under call.
func (s *server) taken(p *peer, call uint64) {
	for i := range p.offered {
		o := &p.offered[i]
		if o.call != call {
			continue
		}
		settled := change{record: record{Kind: recordSettled, Home: p.id, Key: o.key, Value: o.value}}
		if s.cfg.Bug == HintsDropped {
			s.store.apply(&settled.record)
			s.settled(settled)
		} else {
			s.store.log(settled)
		}
		return
	}
}

// settled is told when a hint is gone from the disk, too; the next ones may go.
func (s *server) settled(c change) {
	p := s.peer(c.record.Home)
	if p == nil {
		return
	}
	p.offered = slices.DeleteFunc(p.offered, func(o offer) bool { return o.key == c.record.Key })
	if len(p.offered) == 0 {
		s.offer(p)
	}
}
