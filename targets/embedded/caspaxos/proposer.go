package caspaxos

import (
	"math/bits"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// phase is what a proposer is at.
type phase int

const (
	idle phase = iota
	backingOff
	preparing
	accepting
)

// request is a client's, at the node that it was sent to.
type request struct {
	id    node.RequestID
	op    kv.Request
	began time.Duration
	done  bool // it was answered
}

// proposer changes one register on behalf of a node's clients. A round carries all requests
// that wait when it begins: functions one after the other are a function too.
type proposer struct {
	key     Key
	waiting []*request
	batch   []*request // carried by the round under way and, if it fails, by the next
	tried   []attempt  // to have the batch accepted; it stays as it is from the first on

	phase    phase
	ballot   Ballot
	promises []*Promise
	answered uint64        // by whom, in this phase: a bit for each
	asking   node.Message  // what this phase sends to acceptors
	began    time.Duration // when it did
	sent     time.Duration // when it did last
	failures int           // since the last success
	outcome  attempt
}

// attempt is a round in which acceptors may have accepted the batch.
type attempt struct {
	ballot  Ballot
	replies []kv.Reply
}

const (
	// giveUpAfter is how long a node tries on behalf of a client.
	giveUpAfter = 1500 * time.Millisecond
	// resendAfter is when a round's messages are thought to be lost.
	resendAfter = 100 * time.Millisecond
	// leastUsual is the least that a phase is thought to take.
	leastUsual = 5 * time.Millisecond
	// backOffMost bounds a backoff.
	backOffMost = 600 * time.Millisecond
)

// propose takes a request.
func (s *server) propose(k Key, r *request) {
	p := s.proposers[k]
	if p == nil {
		p = &proposer{key: k}
		s.proposers[k] = p
		s.active = append(s.active, p)
	}
	p.waiting = append(p.waiting, r)
	if p.phase == idle {
		s.begin(p)
	}
}

// begin is the first phase of a round.
func (s *server) begin(p *proposer) {
	if len(p.tried) == 0 {
		p.batch, p.waiting = append(p.batch, p.waiting...), nil
	}
	s.counter++
	p.ballot, p.promises = Ballot{s.counter, s.proposer}, nil
	s.ask(p, preparing, &Prepare{Key: p.key, Ballot: p.ballot})
}

// ask begins a phase: a majority is to answer.
func (s *server) ask(p *proposer, ph phase, m node.Message) {
	p.phase, p.asking, p.answered, p.began = ph, m, 0, s.env.Now()
	s.send(p)
}

// send asks whoever has not answered. Acceptors answer the same message twice alike.
func (s *server) send(p *proposer) {
	p.sent = s.env.Now()
	for i, peer := range s.peers {
		if p.answered&(1<<i) == 0 {
			s.env.Send(peer, p.asking)
		}
	}
}

// current is the proposer whose round a message belongs to, in the phase that it answers.
func (s *server) current(k Key, b Ballot, ph phase) *proposer {
	if p := s.proposers[k]; p != nil && p.phase == ph && p.ballot == b {
		return p
	}
	return nil
}

// count notes who has answered, and reports whether they just became a majority.
func (s *server) count(p *proposer, from node.ID) (first, majority bool) {
	bit := uint64(1) << s.index(from)
	if p.answered&bit != 0 {
		return false, false
	}
	p.answered |= bit
	return true, bits.OnesCount64(p.answered) > len(s.peers)/2
}

// promised ends the first phase once a majority has promised: the state that was accepted
// in the greatest ballot is the register's.
func (s *server) promised(from node.ID, m *Promise) {
	p := s.current(m.Key, m.Ballot, preparing)
	if p == nil {
		return
	}
	first, majority := s.count(p, from)
	if first {
		p.promises = append(p.promises, m)
	}
	if !majority {
		return
	}
	s.usual = max(leastUsual, (3*s.usual+s.env.Now()-p.began)/4)
	newest, agreed := p.promises[0], true
	for _, q := range p.promises[1:] {
		agreed = agreed && q.Accepted == newest.Accepted
		if newest.Accepted.Less(q.Accepted) {
			newest = q
		}
	}
	next, changed := s.apply(p, newest.State)
	if !changed && (agreed || s.cfg.Bug == IdentityNotAccepted) {
		// A majority has accepted this very state: it need not accept it again.
		s.succeed(p)
		return
	}
	s.ask(p, accepting, &Accept{Key: p.key, Ballot: p.ballot, State: next})
}

// apply applies the batch to a state, unless an earlier attempt to have it accepted is in
// there: then that one's outcome holds.
func (s *server) apply(p *proposer, x State) (next State, changed bool) {
	for _, t := range p.tried {
		if x.lastBy(s.self) == t.ballot {
			p.outcome = t
			return x, false
		}
	}
	p.outcome = attempt{ballot: p.ballot}
	for _, r := range p.batch {
		var reply kv.Reply
		if !r.done { // else the client was told that it failed, or may have
			var effect bool
			x, reply, effect = x.change(&r.op)
			changed = changed || effect
		}
		p.outcome.replies = append(p.outcome.replies, reply)
	}
	if changed {
		x = x.by(s.self, len(s.peers), p.ballot)
		p.tried = append(p.tried, p.outcome)
	}
	return x, changed
}

// acceptedBy ends the second phase once a majority has accepted.
func (s *server) acceptedBy(from node.ID, m *Accepted) {
	if p := s.current(m.Key, m.Ballot, accepting); p != nil {
		if _, majority := s.count(p, from); majority {
			s.succeed(p)
		}
	}
}

// succeed answers the batch.
func (s *server) succeed(p *proposer) {
	for i, r := range p.batch {
		s.answer(r, &p.outcome.replies[i])
	}
	p.batch, p.tried, p.failures, p.phase = nil, nil, 0, idle
	if len(p.waiting) > 0 {
		s.begin(p)
	}
}

// conflict makes a proposer try again later, above all ballots that it knows of.
func (s *server) conflict(m *Conflict) {
	s.counter = max(s.counter, m.Seen.Counter)
	p := s.proposers[m.Key]
	if p != nil && p.ballot == m.Ballot && (p.phase == preparing || p.phase == accepting) {
		s.backOff(p)
	}
}

// backOff waits for a random time, so that one of those who are in each other's way comes
// through: longer after each conflict, and in proportion to what a phase usually takes.
func (s *server) backOff(p *proposer) {
	p.phase = backingOff
	most := min(s.usual<<min(p.failures, 10), backOffMost)
	p.failures++
	s.env.After(time.Duration(s.env.Rand().Int64N(int64(most))), func() {
		if p.phase != backingOff {
			return
		}
		if p.phase = idle; len(p.batch)+len(p.waiting) > 0 {
			s.begin(p)
		}
	})
}

// tend looks after what has taken too long.
func (s *server) tend() {
	now := s.env.Now()
	busy := s.active[:0]
	for _, p := range s.active {
		s.expire(p, now)
		if (p.phase == preparing || p.phase == accepting) && now-p.sent >= resendAfter {
			if s.cfg.Bug == TimedOutApplied {
				p.tried = nil
				s.begin(p)
			} else {
				s.send(p)
			}
		}
		if p.phase == idle && len(p.batch)+len(p.waiting) == 0 {
			delete(s.proposers, p.key)
		} else {
			busy = append(busy, p)
		}
	}
	clear(s.active[len(busy):])
	s.active = busy
}

// expire answers clients that have waited for too long. A change that was tried is in
// doubt: acceptors may have accepted it, and other proposers may find it there.
func (s *server) expire(p *proposer, now time.Duration) {
	open := 0
	for _, r := range p.batch {
		switch {
		case r.done:
		case now-r.began < giveUpAfter:
			open++
		case len(p.tried) > 0 && !r.op.Op.Reads():
			s.answer(r, kv.Doubt("no majority accepts the change"))
		default:
			s.answer(r, kv.Refuse("no majority answers"))
		}
	}
	if open == 0 && len(p.batch) > 0 {
		p.batch, p.tried, p.phase = nil, nil, idle
	}
	late := 0
	for late < len(p.waiting) && now-p.waiting[late].began >= giveUpAfter {
		s.answer(p.waiting[late], kv.Refuse("no majority answers"))
		late++
	}
	p.waiting = p.waiting[late:]
	if p.phase == idle && len(p.waiting) > 0 {
		s.begin(p)
	}
}

func (s *server) answer(r *request, reply *kv.Reply) {
	if !r.done {
		r.done = true
		s.reply(r, reply)
	}
}
