package paxos

import (
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// The acceptor and the learner of a node.
//
// An acceptor makes two kinds of promises, and both are on its disk before they leave it: a
// Promise, that it accepts nothing any more in ballots before that one; and Accepted, which
// it tells in every later Promise.

// electionMin is how long a node that hears a leader promises nothing to anybody else, so
// that one that was cut off and comes back unseats nobody. To leave a message unanswered is
// always safe.
const electionMin = 300 * time.Millisecond

// prepare is phase 1b.
func (s *server) prepare(from node.ID, m *Prepare) {
	s.seen = max(s.seen, m.Ballot)
	if m.Ballot < s.promised {
		s.env.Send(from, &Nack{Ballot: m.Ballot, Promised: s.promised})
		return
	}
	if from != s.env.ID() && (s.role == leading || s.role == preparing && m.Ballot < s.ballot || s.hearsLeader()) {
		return
	}
	s.promise(m.Ballot)
	s.postponeElection()
	s.afterSync(from, &Promise{Ballot: m.Ballot, Suffix: s.suffix(m.Slot, s.log.next())})
}

// promise raises the lowest ballot that this node takes part in.
func (s *server) promise(b Ballot) {
	if b <= s.promised {
		return
	}
	s.promised = b
	s.writePromise()
	if s.role != following && s.ballot != b {
		s.resign()
	}
}

// accept is phase 2b, for a run of slots.
func (s *server) accept(from node.ID, m *Accept) {
	if !s.heed(from, m.Ballot) {
		return
	}
	for i, value := range m.Values {
		slot := m.Slot + uint64(i)
		// What is chosen already can only be the same value.
		if slot >= s.log.chosen && s.log.at(slot).Ballot != m.Ballot {
			s.enter(slot, Entry{m.Ballot, value})
		}
	}
	accepted := &Accepted{Ballot: m.Ballot, Slot: m.Slot, Count: uint64(len(m.Values))}
	if s.cfg.Bug == AcceptedBeforeSync {
		s.env.Send(from, accepted)
	} else {
		s.afterSync(from, accepted)
	}
}

// enter accepts.
func (s *server) enter(slot uint64, e Entry) {
	s.log.set(slot, e)
	s.writeEntry(slot, e)
}

// heartbeat answers that nothing was promised to a later leader.
func (s *server) heartbeat(from node.ID, m *Heartbeat) {
	if !s.heed(from, m.Ballot) {
		return
	}
	s.env.Send(from, &Alive{Ballot: m.Ballot, Round: m.Round})
	s.hear(from, m.Ballot, m.Chosen)
}

// heed reports whether a leader's message counts, and tells it if not.
func (s *server) heed(from node.ID, b Ballot) bool {
	s.seen = max(s.seen, b)
	if b < s.promised {
		s.env.Send(from, &Nack{Ballot: b, Promised: s.promised})
		return false
	}
	if b != s.ballot && s.role == preparing {
		s.resign() // a leader is there
	}
	s.promise(b)
	if s.led != b {
		s.led = b
		s.router.Redirect()
	}
	s.heard = s.env.Now()
	s.postponeElection()
	return true
}

func (s *server) hearsLeader() bool {
	return s.led == s.promised && s.led != 0 && s.env.Now()-s.heard < electionMin
}

// hear learns that the leader of a ballot knows all slots before one to be chosen. What was
// accepted in that very ballot is what it means.
func (s *server) hear(from node.ID, b Ballot, chosen uint64) {
	if s.role == leading {
		return
	}
	known := s.log.chosen
	for known < chosen && s.log.at(known).Ballot == b {
		known++
	}
	s.carryOut(known)
	if now := s.env.Now(); known < chosen && now-s.asked >= tickEvery {
		s.asked = now
		s.env.Send(from, &CatchUp{Slot: known})
	}
}

// catchUp tells another node what is chosen.
func (s *server) catchUp(from node.ID, m *CatchUp) {
	if m.Slot < s.log.chosen {
		s.env.Send(from, &Learn{s.suffix(m.Slot, s.log.chosen)})
	}
}

// suffix is what this node knows of the slots from one on and before another.
func (s *server) suffix(from, to uint64) Suffix {
	if from >= s.log.first {
		return Suffix{Slot: from, Chosen: s.log.chosen, Entries: s.log.between(from, to)}
	}
	from = s.log.chosen
	return Suffix{Slot: from, Chosen: from, Entries: s.log.between(from, to), Snapshot: s.machine.Snapshot()}
}

// learn takes what another node knows to be chosen.
func (s *server) learn(x *Suffix) {
	if s.role == leading || x.Slot > s.log.chosen && x.Snapshot == nil {
		return
	}
	if x.Slot > s.log.chosen {
		m, err := kv.Restore(x.Snapshot)
		if err != nil {
			s.env.Logf("a snapshot that cannot be restored: %v", err)
			return
		}
		s.machine = m
		s.log.forget(x.Slot)
		s.log.chosen = x.Slot
		s.writeMachine()
	}
	known := s.log.chosen
	for ; known < x.Chosen; known++ {
		e := x.at(known)
		if e.Ballot == 0 {
			break
		}
		if s.log.at(known).Ballot != e.Ballot {
			s.enter(known, e)
		}
	}
	s.carryOut(known)
}

// carryOut applies the chosen commands before a slot, and answers whoever asked this
// leader for them.
func (s *server) carryOut(before uint64) {
	if before <= s.log.chosen {
		return
	}
	for s.log.chosen < before {
		e := s.log.at(s.log.chosen)
		s.log.chosen++
		var reply kv.Reply
		if len(e.Value) > 0 {
			r, err := takeCommand(e.Value)
			if err != nil {
				s.env.Fatalf("slot %d: %v", s.log.chosen-1, err)
				return
			}
			reply = s.machine.Apply(&r)
		}
		if s.role == leading {
			s.leader.open = s.leader.open[1:]
			s.router.Settle(s.log.chosen-1, &reply)
		}
	}
	s.writeChosen()
}
