package chain

import (
	"time"

	"github.com/faultline-dev/faultline/harness/node"

	"github.com/faultline-dev/faultline/targets/embedded/oplog"
)

// successor is the next member of the chain as its predecessor knows it. The paper's list
// Sent is what lies between acked and sent.
type successor struct {
	id       node.ID
	asked    bool   // for its history: before, it can do nothing with updates
	ready    bool   // it has its history
	sent     uint64 // up to which operation it was sent
	acked    uint64 // and has
	progress time.Duration
}

// resendAfter is when what the successor did not acknowledge is thought to be lost.
const resendAfter = 100 * time.Millisecond

// synced is called when more is on this member's disk: it passes on.
func (s *server) synced() {
	if s.neighbour(0) == "" || !s.joined() {
		return
	}
	s.forward()
	if s.isTail() || s.isHead() && s.cfg.Bug == HeadAcks {
		s.commit(s.log.Synced())
	}
	s.acknowledge()
	s.readEarly()
	if s.isHead() {
		s.propose()
	}
}

// forward sends the successor what it was not sent yet.
func (s *server) forward() {
	if n, synced := &s.next, s.log.Synced(); n.asked && n.sent < synced {
		s.env.Send(n.id, &Update{View: s.log.View(), From: n.sent, Entries: s.log.From(n.sent, synced)})
		n.sent = synced
	}
}

// resend sends again what the successor did not acknowledge.
func (s *server) resend() {
	n, now := &s.next, s.env.Now()
	if !n.ready || n.acked >= n.sent || now-n.progress < resendAfter {
		return
	}
	n.progress, n.sent = now, n.acked
	s.forward()
}

// update takes operations from the predecessor.
func (s *server) update(m *Update) {
	if s.log.View() != m.View {
		return
	}
	last := s.log.Last()
	if s.log.Take(m.From, m.Entries); s.log.Last() == last {
		s.acknowledge() // there is nothing to wait for
	}
}

// acknowledge tells the predecessor what this member has, and what the tail has; the tail
// tells the head as well.
func (s *server) acknowledge() {
	v := s.views.Current()
	if !s.joined() {
		return
	}
	if id := s.neighbour(-1); id != "" {
		s.env.Send(id, &Ack{View: v.Number, Number: s.log.Synced(), Stable: s.log.Commit()})
		if s.isTail() {
			s.env.Send(v.First(), &Reply{View: v.Number, Number: s.log.Commit()})
		}
	}
}

// ack takes the successor's acknowledgement.
func (s *server) ack(m *Ack) {
	if n := &s.next; m.Number > n.acked || !n.ready {
		n.ready, n.acked, n.progress = true, m.Number, s.env.Now()
	}
	if m.Stable > s.log.Commit() {
		s.commit(m.Stable)
		s.acknowledge()
	}
}

// commit applies what the tail has and answers, at the head, who waits for it.
func (s *server) commit(number uint64) { s.log.CommitTo(number, s.router.Settle) }

// readEarly answers the reads that came before the history.
func (s *server) readEarly() {
	early := s.early
	s.early = nil
	for _, w := range early {
		s.views.Read(w)
	}
}

// join asks the predecessor for the history, as long as it is needed.
func (s *server) join() {
	id := s.neighbour(-1)
	if id == "" || s.log.View() == s.views.Current().Number {
		return
	}
	s.env.Send(id, &Join{View: s.views.Current().Number, Mark: s.log.Mark()})
}

// sendHistory sends the successor what it lacks: its predecessor's history is the longer
// one. It waits until that is on this member's disk.
func (s *server) sendHistory(m *Join) {
	n := &s.next
	if !s.joined() || n.ready {
		return
	}
	n.asked, n.sent, n.progress = true, s.log.Synced(), s.env.Now()
	state := s.log.StateFor(m.Mark, n.sent)
	if s.omits(n.id) {
		state = oplog.State{From: oplog.Mark{Number: n.sent, View: m.View}}
	}
	s.env.Send(n.id, &History{View: m.View, State: state})
}

// omits reports whether a mistake keeps this member from sending what the successor lacks:
// what it sent to the old one would have arrived, or a new one would get it later.
func (s *server) omits(successor node.ID) bool {
	v := s.views.Current()
	isNew := v.Members[v.Place(successor)].Since == v.Number
	return s.cfg.Bug == SentDropped && !isNew || s.cfg.Bug == EarlyTail && isNew
}

// takeHistory takes it.
func (s *server) takeHistory(m *History) {
	if s.log.View() == m.View {
		return
	}
	if s.omits(s.env.ID()) && m.State.From.Number >= s.log.Last() {
		s.log.Skip(m.State.From.Number)
		s.log.Begin(m.View)
	} else if s.log.Install(m.View, &m.State) {
		s.env.Logf("has the history of view %d: %s", m.View, &m.State)
	}
}
