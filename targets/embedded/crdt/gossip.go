package crdt

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
)

// Mark is a moment of a node: its life and the number of its last change then.
type Mark struct{ Life, Number uint64 }

func (m Mark) compare(n Mark) int {
	return cmp.Or(cmp.Compare(m.Life, n.Life), cmp.Compare(m.Number, n.Number))
}

// Delta brings the items that changed at the sender since the receiver last confirmed: with
// them, it knows all that the sender did at the mark, and more.
type Delta struct {
	Mark  Mark
	Items []Item
}

// Confirm says that the receiver has merged a delta and has it on its disk, and what its own
// mark is, as of which it knew what the delta brought.
type Confirm struct{ Delta, Mark Mark }

// peer is what a node knows of another one.
type peer struct {
	id       node.ID
	position uint64 // it has this node's changes up to this number
	sent     uint64 // up to which the delta under way goes
	since    time.Duration
	heard    Mark // its last delta that was merged
	settling      // see tombstone.go
}

const (
	gossipEvery = 50 * time.Millisecond
	itemsAtOnce = 128
	resendAfter = 250 * time.Millisecond
)

// gossip tells a peer the news, and drops what nobody needs any more.
func (s *server) gossip() {
	if len(s.peers) > 0 {
		s.tell(&s.peers[s.env.Rand().IntN(len(s.peers))])
	}
	s.dropTombstones()
	s.trim()
	s.env.After(gossipEvery, s.gossip)
}

// tell sends what a peer lacks, unless it may yet confirm what was sent before. What is not
// on the disk yet goes out when it is: else a crash could take a tag back that others know,
// and it would be given again.
func (s *server) tell(p *peer) {
	if p.sent > p.position && s.env.Now()-p.since < resendAfter {
		return
	}
	m := &Delta{Mark: Mark{s.life, p.position}}
	first := sort.Search(len(s.changes), func(i int) bool { return s.changes[i].number > p.position })
	for _, c := range s.changes[first:] {
		if len(m.Items) == itemsAtOnce {
			break
		}
		m.Mark.Number = c.number
		if !c.void() {
			m.Items = append(m.Items, c.item.Item)
		}
	}
	if m.Mark.Number == p.position {
		return
	}
	p.sent, p.since = m.Mark.Number, s.env.Now()
	s.journal.Then(func() { s.env.Send(p.id, m) })
}

// Receive implements node.Node.
func (s *server) Receive(from node.ID, m node.Message) {
	i := slices.IndexFunc(s.peers, func(p peer) bool { return p.id == from })
	if i < 0 {
		return
	}
	p := &s.peers[i]
	switch m := m.(type) {
	case *Delta:
		s.merge(p, m)
	case *Confirm:
		if m.Delta.Life == s.life && m.Delta.Number >= p.position {
			p.position = m.Delta.Number
			p.confirmed(m)
			s.tell(p)
		}
	}
}

// merge takes a delta in. One that is older than what was heard from the peer brings nothing
// new, and must not be believed: since then this node may have dropped tombstones that
// guarded against it.
func (s *server) merge(p *peer, m *Delta) {
	if m.Mark.compare(p.heard) > 0 {
		for i := range m.Items {
			it := s.item(m.Items[i].Name)
			merge := it.merge
			switch {
			case s.cfg.Bug == RemoveDropsAdd:
				merge = it.removeWins
			case s.cfg.Bug == CounterLastWriter && it.Node != s.self:
				merge = it.replace
			}
			if merge(&m.Items[i]) {
				s.changed(it)
			}
		}
		p.heard = m.Mark
		s.journal.Write(func(b []byte) []byte { return appendHeard(b, p) })
		p.settle()
	}
	confirm := &Confirm{Delta: m.Mark, Mark: Mark{s.life, s.number}}
	s.journal.Then(func() { s.env.Send(p.id, confirm) })
}

// trim drops the changes that everybody has, and now and then those that are void.
func (s *server) trim() {
	everybody := s.number
	for i := range s.peers {
		everybody = min(everybody, s.peers[i].position)
	}
	had := sort.Search(len(s.changes), func(i int) bool { return s.changes[i].number > everybody })
	s.changes = s.changes[had:]
	if len(s.changes) > 2*len(s.items)+itemsAtOnce {
		s.changes = slices.DeleteFunc(s.changes, change.void)
	}
}
