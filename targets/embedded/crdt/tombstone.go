package crdt

import "time"

// When may a tombstone go? When no node will ever again see its tag as live: neither in its
// own state, nor in a delta that is still under way. Two things together see to that.
//
//   - Every peer has confirmed a delta with the tombstone, so that none holds the tag live.
//     It told its own mark then; a delta that could bring the tag live is older than that.
//   - This node has heard every peer up to that mark, or later. It merges no delta that is
//     older than what it has heard (gossip.go), not even in a later life: heard is on its
//     disk before the tombstone is gone from there.
//
// So a tombstone costs space while a node is away, and a moment otherwise.

// settling is how far a peer and this node have settled their changes.
type settling struct {
	settled uint64 // changes of this node up to here: the peer has them, and was heard since
	upto    uint64 // changes that it has confirmed, and
	mark    Mark   // has to be heard up to
}

// confirmed notes that the peer has changes of this node as of its own mark.
func (p *peer) confirmed(m *Confirm) {
	if p.upto <= p.settled {
		p.upto, p.mark = m.Delta.Number, m.Mark
	}
	p.settle()
}

func (p *peer) settle() {
	if p.heard.compare(p.mark) >= 0 {
		p.settled = p.upto
	}
}

// grave is a change that left tombstones.
type grave struct {
	change
	since time.Duration
}

// early is how long TombstoneDroppedEarly waits.
const early = 500 * time.Millisecond

// dropTombstones drops those that all peers have settled.
func (s *server) dropTombstones() {
	settled := s.number
	for i := range s.peers {
		settled = min(settled, s.peers[i].settled)
	}
	n := 0
	for ; n < len(s.graves); n++ {
		g := s.graves[n]
		if g.number > settled && (s.cfg.Bug != TombstoneDroppedEarly || s.env.Now() < g.since+early) {
			break
		}
		if !g.void() {
			s.bury(g.item)
		}
	}
	s.graves = s.graves[n:]
}

// bury drops an item's tombstones: no news for anybody, so it keeps its number.
func (s *server) bury(it *held) {
	it.Dead = nil
	s.journal.Write(func(b []byte) []byte { return appendItem(append(b, recordItem), &it.Item) })
	if len(it.Live) == 0 {
		s.forget(it)
	}
}
