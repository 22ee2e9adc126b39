package caspaxos

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/journal"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// slot is what an acceptor keeps of a register. Both a promise and what was accepted are on
// its disk before it says so.
type slot struct {
	key      Key
	promised Ballot // nothing below is accepted
	accepted Ballot // in which the state was accepted
	state    State
}

// acceptor holds a node's slots, in the order in which their keys first appeared.
type acceptor struct {
	slots []*slot
	place map[Key]*slot
}

func (a *acceptor) at(k Key) *slot {
	x := a.place[k]
	if x == nil {
		if a.place == nil {
			a.place = map[Key]*slot{}
		}
		x = &slot{key: k}
		a.place[k], a.slots = x, append(a.slots, x)
	}
	return x
}

// prepare promises, unless a greater ballot was seen.
func (s *server) prepare(from node.ID, m *Prepare) {
	x := s.acceptor.at(m.Key)
	if m.Ballot.Less(x.promised) {
		s.env.Send(from, &Conflict{Key: m.Key, Ballot: m.Ballot, Seen: x.promised})
		return
	}
	if x.promised != m.Ballot {
		x.promised = m.Ballot
		s.writePromise(x)
	}
	s.afterSync(from, &Promise{Key: m.Key, Ballot: m.Ballot, Accepted: x.accepted, State: x.state})
}

// accept accepts, unless a greater ballot was seen.
func (s *server) accept(from node.ID, m *Accept) {
	x := s.acceptor.at(m.Key)
	if m.Ballot.Less(x.promised) {
		s.env.Send(from, &Conflict{Key: m.Key, Ballot: m.Ballot, Seen: x.promised})
		return
	}
	if x.accepted != m.Ballot {
		x.promised, x.accepted, x.state = m.Ballot, m.Ballot, m.State
		s.writeAccepted(x)
	}
	s.afterSync(from, &Accepted{Key: m.Key, Ballot: m.Ballot})
}

// A record's payload begins with its kind.
const (
	recordPromise  byte = iota + 1 // of a key
	recordAccepted                 // of a key: a promise too
	recordLife                     // how many lives the node has had
	recordBlock                    // the ids that are being given out; see IDBlockReused
)

func (s *server) writePromise(x *slot) {
	s.journal.Write(func(b []byte) []byte {
		return appendBallot(appendKey(append(b, recordPromise), x.key), x.promised)
	})
}

func (s *server) writeAccepted(x *slot) {
	accepted := x.accepted
	if s.cfg.Bug == AcceptedBallotDropped {
		accepted = Ballot{}
	}
	s.journal.Write(func(b []byte) []byte {
		return appendState(appendBallot(appendKey(append(b, recordAccepted), x.key), accepted), &x.state)
	})
}

func (s *server) writeLife() {
	s.journal.Write(func(b []byte) []byte { return wire.AppendUints(append(b, recordLife), s.life) })
}

// load takes a record that was read back.
func (s *server) load(d *wire.Decoder) {
	switch d.Byte() {
	case recordPromise:
		x := s.acceptor.at(takeKey(d))
		x.promised = takeBallot(d)
	case recordAccepted:
		x := s.acceptor.at(takeKey(d))
		x.accepted, x.state = takeBallot(d), takeState(d)
		if x.promised.Less(x.accepted) {
			x.promised = x.accepted
		}
	case recordLife:
		s.life = d.Uint()
	case recordBlock:
		s.ids.left = block{d.Int(), d.Int()}
	default:
		d.Fail()
	}
}

// snapshot writes the acceptor's state.
func (s *server) snapshot(*journal.Journal) {
	s.writeLife()
	for _, x := range s.acceptor.slots {
		if x.accepted != (Ballot{}) {
			s.writeAccepted(x)
		}
		if x.promised != x.accepted {
			s.writePromise(x)
		}
	}
}

// afterSync sends a message once the disk has all that was written before.
func (s *server) afterSync(to node.ID, m node.Message) {
	s.journal.Then(func() { s.env.Send(to, m) })
}
