package dynamo

import "time"

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

// offer sends a home its oldest hints, but for those that it may yet confirm.
func (s *server) offer(p *peer) {
	if !s.ready {
		return
	}
	now := s.env.Now()
	pending := p.offered[:0]
	for _, o := range p.offered {
		if now-o.since < offerAgain {
			pending = append(pending, o)
		}
	}
	p.offered = pending
	h := s.store.home(p.id)
	for _, k := range h.keys {
		if len(p.offered) == offersAtOnce {
			return
		}
		if p.offers(k) {
			continue
		}
		o := offer{call: s.draw(), key: k, value: h.hints[k].view(), since: now}
		p.offered = append(p.offered, o)
		s.env.Send(p.id, &Put{Call: o.call, Key: k, Value: o.value})
	}
}

func (p *peer) offers(k Key) bool {
	for i := range p.offered {
		if p.offered[i].key == k {
			return true
		}
	}
	return false
}

// taken is told that a home keeps what was offered to it under call.
func (s *server) taken(p *peer, call uint64) {
	for i, o := range p.offered {
		if o.call != call {
			continue
		}
		p.offered = append(p.offered[:i], p.offered[i+1:]...)
		settled := record{Kind: recordSettled, Home: p.id, Key: o.key, Value: o.value}
		if s.cfg.Bug == HintsDropped {
			s.store.apply(&settled)
		} else {
			s.store.log(change{record: settled})
		}
		if len(p.offered) == 0 {
			s.offer(p)
		}
		return
	}
}
