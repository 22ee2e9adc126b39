package paxos

import (
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/route"
)

// role is what the proposer of a node is at.
type role int

const (
	following role = iota
	preparing      // phase 1
	leading        // phase 2
)

// electionMax bounds the time, drawn anew each time, after which a node that hears no
// leader prepares a ballot of its own.
const electionMax = 2 * electionMin

func (s *server) postponeElection() {
	s.patience = electionMin + time.Duration(s.env.Rand().Int64N(int64(electionMax-electionMin)))
	s.waits = s.env.Now()
}

// campaign begins phase 1, or repeats it as long as no higher ballot is known. The node
// asks itself last, once a majority would follow with it: one that is cut off stays bound
// to the leader that it had, and comes back without a fuss.
func (s *server) campaign() {
	s.postponeElection()
	if s.role != preparing || s.ballot < s.seen {
		s.ballot = s.seen.above(s.self, len(s.peers))
		s.seen = s.ballot
	}
	s.role, s.led, s.promises, s.bound = preparing, 0, make([]*Promise, len(s.peers)), false
	s.sendOthers(&Prepare{Ballot: s.ballot, Slot: s.log.chosen})
	s.promiseSelf()
}

// promiseSelf completes a majority.
func (s *server) promiseSelf() {
	if !s.bound && s.majority(s.promisesGiven()+1) {
		s.bound = true
		s.env.Send(s.env.ID(), &Prepare{Ballot: s.ballot, Slot: s.log.chosen})
	}
}

func (s *server) promisesGiven() (n int) {
	for _, m := range s.promises {
		if m != nil {
			n++
		}
	}
	return n
}

func (s *server) majority(n int) bool { return n > len(s.peers)/2 }

// promiseGiven ends phase 1 when a majority has promised.
func (s *server) promiseGiven(from node.ID, m *Promise) {
	if s.role != preparing || m.Ballot != s.ballot {
		return
	}
	if s.cfg.Bug != PromisesIgnored {
		s.learn(&m.Suffix)
	}
	if m.Slot > s.log.chosen {
		return // it was asked for less
	}
	s.promises[s.index(from)] = m
	if s.promises[s.self] != nil && s.majority(s.promisesGiven()) {
		s.lead()
		return
	}
	s.promiseSelf()
}

// lead begins phase 2: whatever may have been chosen is proposed again, and slots of which
// no promise tells become no-ops.
func (s *server) lead() {
	promises := s.promises
	s.role, s.promises = leading, nil
	ready := s.log.chosen
	for _, m := range promises {
		if m != nil {
			ready = max(ready, m.Slot+uint64(len(m.Entries)))
		}
	}
	now := s.env.Now()
	s.leader = leadership{next: s.log.chosen, ready: ready, alive: make([]time.Duration, len(s.peers))}
	for i := range s.leader.alive {
		s.leader.alive[i] = now
	}
	s.env.Leading(uint64(s.ballot), true)
	var values [][]byte
	for slot := s.log.chosen; slot < ready; slot++ {
		values = append(values, s.constrained(slot, promises))
	}
	s.propose(values)
	s.beat()
	s.router.Redirect()
}

// constrained is the value that promises demand for a slot: that of the highest ballot.
func (s *server) constrained(slot uint64, promises []*Promise) []byte {
	var best Entry
	for i, m := range promises {
		if m == nil || s.cfg.Bug == PromisesIgnored && i != s.self {
			continue
		}
		if e := m.at(slot); e.Ballot > best.Ballot {
			best = e
		}
	}
	return best.Value
}

// leadership is what a node keeps while it leads.
type leadership struct {
	ready uint64 // from this slot on values are its own
	next  uint64 // the slot of the next command
	// accepting says that the node's own disk is at work for its last proposal. Commands
	// gather meanwhile.
	accepting bool
	open      []proposal // of the slots from the first that is not chosen on
	alive     []time.Duration
	reading
}

// proposal is of a slot whose value is not chosen yet.
type proposal struct {
	value []byte
	acks  acks
	sent  time.Duration
}

// acks are the acceptors that have accepted.
type acks struct {
	from  uint64 // a bit for each
	count int
}

func (a *acks) add(i int, bug Bug) {
	if a.from&(1<<i) != 0 && bug != QuorumCountsDuplicates {
		return
	}
	a.from |= 1 << i
	a.count++
}

// Accept implements route.Host.
func (s *server) Accept(w route.Waiter) {
	if w.Request.Op.Reads() && s.cfg.Reads == ByRound {
		s.read(w)
		return
	}
	s.router.Gather(w)
}

// proposeGathered gives slots to the commands that have come in.
func (s *server) proposeGathered() {
	if s.role != leading || s.leader.accepting {
		return
	}
	var values [][]byte
	for i, w := range s.router.Gathered() {
		values = append(values, kv.AppendRequest(nil, &w.Request))
		s.router.Owe(w, s.leader.next+uint64(i))
	}
	s.propose(values)
}

// propose is phase 2a.
func (s *server) propose(values [][]byte) {
	if len(values) == 0 {
		return
	}
	l := &s.leader
	m := &Accept{Ballot: s.ballot, Slot: l.next, Values: values}
	for _, v := range values {
		l.open = append(l.open, proposal{value: v, sent: s.env.Now()})
	}
	l.next += uint64(len(values))
	l.accepting = true
	s.sendAll(m)
}

// acceptedBy counts, and finds out what is chosen. Slots are carried out in order, once
// this node too has accepted them.
func (s *server) acceptedBy(from node.ID, m *Accepted) {
	if s.role != leading || m.Ballot != s.ballot {
		return
	}
	l, i := &s.leader, s.index(from)
	if i == s.self && m.Slot+m.Count == l.next {
		l.accepting = false
	}
	for slot := max(m.Slot, s.log.chosen); slot < min(m.Slot+m.Count, l.next); slot++ {
		l.open[slot-s.log.chosen].acks.add(i, s.cfg.Bug)
	}
	chosen := s.log.chosen
	for chosen < l.next && s.majority(l.open[chosen-s.log.chosen].acks.count) && s.log.at(chosen).Ballot == s.ballot {
		chosen++
	}
	s.carryOut(chosen)
	s.serveReads()
}

const (
	// commitWithin is how long a command may take to be chosen before whoever waits for it
	// is told that the outcome is open.
	commitWithin = 700 * time.Millisecond
	// resendAfter is when messages of phase 2 are thought to be lost.
	resendAfter = 100 * time.Millisecond
	// resendAtOnce bounds the slots that are proposed again together.
	resendAtOnce = 256
	// quorumWithin is how long a leader goes on without hearing of a majority.
	quorumWithin = 1200 * time.Millisecond
)

// tend looks after what a leader has under way.
func (s *server) tend() {
	l, now, alive := &s.leader, s.env.Now(), 1
	for i, at := range l.alive {
		if i != s.self && now-at < quorumWithin {
			alive++
		}
	}
	if !s.majority(alive) {
		s.resign()
		return
	}
	s.router.Overdue(commitWithin, "no majority accepts the command")
	s.resend(now)
	s.beat()
}

// resend proposes again what has been open for too long. Whoever has accepted it says so
// once more, which counts once.
func (s *server) resend(now time.Duration) {
	m := &Accept{Ballot: s.ballot, Slot: s.log.chosen}
	for i := range s.leader.open {
		p := &s.leader.open[i]
		if now-p.sent < resendAfter || i == resendAtOnce {
			break
		}
		p.sent = now
		m.Values = append(m.Values, p.value)
	}
	if len(m.Values) > 0 {
		s.sendAll(m)
	}
}

// beat tells all that the leader is there, and what is chosen.
func (s *server) beat() {
	s.sendOthers(&Heartbeat{Ballot: s.ballot, Chosen: s.log.chosen, Round: s.leader.round})
}

// nack hears that an acceptor has promised more to somebody else.
func (s *server) nack(m *Nack) {
	s.seen = max(s.seen, m.Promised)
	if s.role != following && m.Ballot == s.ballot && m.Promised > s.ballot {
		s.resign()
	}
}

// resign gives up the ballot, and what this node owes as a leader. Commands that are
// proposed may yet be chosen.
func (s *server) resign() {
	led, l := s.role == leading, s.leader
	s.role, s.leader, s.promises = following, leadership{}, nil
	s.postponeElection()
	if !led {
		return
	}
	s.led = 0
	s.env.Leading(uint64(s.ballot), false)
	s.router.Resign()
	l.reading.giveUp(&s.router)
}
