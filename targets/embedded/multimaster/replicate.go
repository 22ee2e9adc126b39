package multimaster

import (
	"slices"
	"sort"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
)

// Replication: a node numbers its own writes and knows of each other node up to which of
// them it has got them, its position. It sends what follows the position, one message at a
// time, until that is answered; so after a partition or a crash on either side it goes on
// where it was. A message may come twice or late: the write rule makes that harmless. An
// answer to an earlier life of the node does not count: a write that a later one had made void
// may be the last again, if the crash took that one.

// Replicate brings the rows that the sender wrote since the receiver's position.
type Replicate struct {
	Life uint64 // of the sender
	Upto uint64 // the sender's write that is the receiver's position when it has the rows
	Rows []Row
}

// Replicated says that the receiver has them on its disk.
type Replicated struct{ Life, Upto uint64 }

// peer is what a node knows of another one.
type peer struct {
	id       node.ID
	position uint64 // it has this node's writes up to this number
	sent     uint64 // what the message under way would bring the position to
	since    time.Duration
}

const (
	rowsAtOnce  = 64
	resendAfter = 250 * time.Millisecond
)

// replicate sends what a peer lacks, unless it may yet answer for what was sent before.
func (s *server) replicate(p *peer) {
	if p.sent > p.position && s.env.Now()-p.since < resendAfter {
		return
	}
	m := &Replicate{Life: s.life, Upto: p.position}
	first := sort.Search(len(s.log), func(i int) bool { return s.log[i].number > p.position })
	for _, e := range s.log[first:] {
		if e.number > s.stable || len(m.Rows) == rowsAtOnce {
			break
		}
		m.Upto = e.number
		if s.valid(e) {
			r, _ := s.row(e.key)
			m.Rows = append(m.Rows, r)
		}
	}
	if len(m.Rows) == 0 {
		s.advance(p, m.Upto)
		return
	}
	p.sent, p.since = m.Upto, s.env.Now()
	s.env.Send(p.id, m)
	if s.cfg.Bug == PositionBeforeAck {
		s.advance(p, m.Upto)
	}
}

// valid tells whether a row still holds a write of this node. Else somebody brings, or has
// brought, the others a later one.
func (s *server) valid(e entry) bool {
	r, _ := s.row(e.key)
	return r.Stamp.Node == s.self && r.Stamp.Number == e.number
}

// Receive implements node.Node.
func (s *server) Receive(from node.ID, m node.Message) {
	i := slices.IndexFunc(s.peers, func(p peer) bool { return p.id == from })
	if i < 0 {
		return
	}
	switch m := m.(type) {
	case *Replicate:
		for _, r := range m.Rows {
			s.assign(r)
		}
		s.then(func() { s.env.Send(from, &Replicated{Life: m.Life, Upto: m.Upto}) })
	case *Replicated:
		if p := &s.peers[i]; m.Life == s.life && m.Upto > p.position {
			s.advance(p, m.Upto)
			s.replicate(p)
		}
	}
}

// advance moves a peer's position. It need not be durable: what a peer has already is no
// harm to send again.
func (s *server) advance(p *peer, upto uint64) {
	if upto <= p.position {
		return
	}
	p.position = upto
	s.journal.Write(func(b []byte) []byte { return appendPosition(b, p) })
}

// trim drops the writes that everybody has, and now and then those that are void.
func (s *server) trim() {
	everybody := s.number
	for i := range s.peers {
		everybody = min(everybody, s.peers[i].position)
	}
	had := sort.Search(len(s.log), func(i int) bool { return s.log[i].number > everybody })
	s.log = s.log[had:]
	if len(s.log) > 2*len(s.rows)+rowsAtOnce {
		s.log = slices.DeleteFunc(s.log, func(e entry) bool { return !s.valid(e) })
	}
}

// relist makes the log anew, of the rows that hold a write of this node.
func (s *server) relist() {
	for i := range s.rows {
		if r := &s.rows[i]; r.Stamp.Node == s.self {
			s.log = append(s.log, entry{r.Stamp.Number, r.Key})
		}
	}
	slices.SortFunc(s.log, func(a, b entry) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	s.trim()
}
