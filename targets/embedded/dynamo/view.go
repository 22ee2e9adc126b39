package dynamo

import (
	"slices"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// Membership (DeCandia and others, section 4.8): an administrator tells any node who joins
// the ring or leaves it; the node writes that down and tells the others, and gossip brings it
// to whoever did not hear. Each node's seat has a version, and the later one stands, so that
// views merge like everything else. Nobody agrees on anything: for a while nodes may have
// different views, and take different nodes for a key's homes.
//
// So data may be where it does not belong: at a node that was a key's home, or that somebody
// takes for one. Such a node keeps it as hints for the homes that it knows, and hinted
// handoff does the rest; what it has handed over is gone from there. A home gives new homes
// what it holds in the same way.

// Seat says whether a node is a member.
type Seat struct {
	Version uint64
	Member  bool
}

// less tells whether t is later; of two changes made without knowledge of each other the one
// to join is.
func (s Seat) less(t Seat) bool {
	return s.Version < t.Version || s.Version == t.Version && !s.Member && t.Member
}

// View tells the seats of all nodes, in the cluster's order; the answer is Viewed.
type View struct{ Seats []Seat }

// Viewed says that the receiver knows at least the seats of a view.
type Viewed struct{ Seats []Seat }

// changing is an administrator's request under way.
type changing struct {
	request node.RequestID
	seats   []Seat
	heard   []node.ID
}

const changeWithin = 500 * time.Millisecond

// members in the cluster's order; all nodes if two changes at once left none.
func (s *server) members() []node.ID {
	var list, all []node.ID
	for i := range s.peers {
		all = append(all, s.peers[i].id)
		if s.store.seats[i].Member {
			list = append(list, s.peers[i].id)
		}
	}
	if len(list) == 0 {
		return all
	}
	return list
}

// homes of a key, as far as this node knows.
func (s *server) homes(k Key) []node.ID {
	list := s.ring.preference(k)
	return list[:min(s.cfg.N, len(list))]
}

// change has a node join or leave. It is done when most nodes know.
func (s *server) change(id node.RequestID, c *kv.Change) {
	i := slices.IndexFunc(s.peers, func(p peer) bool { return p.id == c.Node })
	members := s.members()
	switch {
	case s.cfg.Mode == Atomic:
		s.env.Reply(id, &kv.Reply{Status: kv.Unsupported})
		return
	case i < 0:
		s.env.Reply(id, kv.Refuse("no such node"))
		return
	case !c.Join && len(members) == 1 && members[0] == c.Node:
		s.env.Reply(id, kv.Refuse("it is the last member"))
		return
	}
	seats := slices.Clone(s.store.seats)
	if seats[i].Member != c.Join {
		seats[i] = Seat{seats[i].Version + 1, c.Join}
	}
	ch := &changing{request: id, seats: seats}
	s.changes = append(s.changes, ch)
	s.adopt(seats, func() {
		for _, p := range s.peers {
			s.send(p.id, &View{Seats: s.store.seats})
		}
	})
	s.env.After(changeWithin, func() {
		if at := slices.Index(s.changes, ch); at >= 0 {
			s.changes = slices.Delete(s.changes, at, at+1)
			s.env.Reply(id, kv.Doubt("few nodes know of it yet"))
		}
	})
}

// viewed notes that a node knows of the changes under way.
func (s *server) viewed(from node.ID, m *Viewed) {
	s.changes = slices.DeleteFunc(s.changes, func(ch *changing) bool {
		for i := range ch.seats {
			if i >= len(m.Seats) || m.Seats[i].less(ch.seats[i]) {
				return false
			}
		}
		if !slices.Contains(ch.heard, from) {
			ch.heard = append(ch.heard, from)
		}
		if len(ch.heard) <= len(s.peers)/2 {
			return false
		}
		s.env.Reply(ch.request, &kv.Reply{})
		return true
	})
}

// adopt merges seats into this node's, and calls then once they are on the disk.
func (s *server) adopt(seats []Seat, then func()) {
	if len(seats) != len(s.store.seats) {
		return
	}
	if slices.Equal(merged(s.store.seats, seats), s.store.seats) {
		then()
		return
	}
	s.store.log(change{record: record{Kind: recordSeats, Seats: seats}, then: then})
}

// merged takes the later of each two seats.
func merged(a, b []Seat) []Seat {
	m := slices.Clone(a)
	for i := range min(len(m), len(b)) {
		if m[i].less(b[i]) {
			m[i] = b[i]
		}
	}
	return m
}

// rearrange follows a change of the members: the ring is made anew, and data that others are
// homes of now goes to them.
func (s *server) rearrange() {
	before := s.ring
	s.ring = newRing(s.members(), s.cfg.VirtualNodes)
	for _, k := range slices.Clone(s.store.keys) {
		old := before.preference(k)
		s.handOver(k, old[:min(s.cfg.N, len(old))])
	}
}

// handOverRest goes on, in a new life, where a crash came between a change of the members and
// the hints that it makes. What new homes then lack of keys that this node is still a home of
// they get by comparing.
func (s *server) handOverRest() {
	for _, k := range slices.Clone(s.store.keys) {
		if !slices.Contains(s.homes(k), s.self) {
			s.handOver(k, nil)
		}
	}
}

// handOver keeps hints of a key for its homes but those that have it already, and drops it if
// this node is none of them.
func (s *server) handOver(k Key, has []node.ID) {
	c := s.store.data[k]
	if c == nil || c.empty() {
		return
	}
	homes := s.homes(k)
	mine := slices.Contains(homes, s.self)
	if !mine {
		has = nil // whoever has it, this copy may hold what they lack
	}
	v := c.view()
	if s.cfg.Bug != DropBeforeHandover {
		for _, h := range homes {
			if h != s.self && !slices.Contains(has, h) {
				s.keepHint(change{record: record{Kind: recordHint, Home: h, Key: k, Value: v}})
			}
		}
	}
	if !mine {
		s.store.log(change{record: record{Kind: recordMoved, Key: k, Value: v}})
	}
}
