package backup

import (
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/route"
	"github.com/faultline-dev/faultline/targets/embedded/view"
)

// primary is what the first member keeps of a view.
type primary struct {
	backups []backup
	// inherited is the last operation of earlier views: some of them may have been
	// acknowledged there, so nothing is read before all are committed here.
	inherited uint64
	early     []route.Waiter // reads that wait for that
}

// backup is a backup as the primary knows it.
type backup struct {
	id       node.ID
	asked    bool   // for its state: before, it can do nothing with operations
	ready    bool   // it has its state
	sent     uint64 // up to which operation it was sent
	acked    uint64 // and confirmed
	told     uint64 // up to where it was told that they are committed
	progress time.Duration
}

// resendAfter is when what a backup did not confirm is thought to be lost.
const resendAfter = 100 * time.Millisecond

// takeOver begins a view as its primary. What the old primary sent and this node has is
// kept, committed or not: it may have been acknowledged.
func (s *server) takeOver(v *view.View, anew bool) {
	if s.cfg.Bug == ForgottenTail && anew {
		s.log.Forget()
	}
	s.log.Begin(v.Number)
	s.primary.inherited, s.primary.backups = s.log.Last(), nil
	for _, m := range v.Members[1:] {
		s.primary.backups = append(s.primary.backups, backup{id: m.ID})
	}
}

// Accept implements route.Host.
func (s *server) Accept(w route.Waiter) {
	if w.Request.Op.Reads() {
		s.waitToRead(w)
		return
	}
	s.router.Gather(w)
	s.propose()
}

// propose numbers the changes that came in while the disk was at work, and sends them out.
func (s *server) propose() {
	if s.log.Syncing() || !s.log.AppendGathered(&s.router) {
		return
	}
	for i := range s.primary.backups {
		s.send(&s.primary.backups[i])
	}
}

// send sends a backup what it was not sent yet.
func (s *server) send(b *backup) {
	if !b.asked {
		return
	}
	last := s.log.Last()
	if s.log.Has(b.sent) {
		s.env.Send(b.id, &Prepare{View: s.log.View(), From: b.sent, Entries: s.log.From(b.sent, last), Commit: s.log.Commit()})
	} else {
		// Nobody waited for it, and what it lacks was compacted.
		s.env.Send(b.id, &NewState{View: s.log.View(), State: s.log.Whole(last)})
	}
	b.sent, b.told = last, s.log.Commit()
}

// resend sends again what was not confirmed, and tells of what was committed since.
func (s *server) resend() {
	now := s.env.Now()
	for i := range s.primary.backups {
		b := &s.primary.backups[i]
		if !b.ready {
			continue // it will ask for its state again
		}
		if b.acked < b.sent && now-b.progress >= resendAfter {
			b.progress, b.sent = now, b.acked
		}
		if b.sent < s.log.Last() || b.told < s.log.Commit() {
			s.send(b)
		}
	}
}

// prepareOK notes what a backup has.
func (s *server) prepareOK(from node.ID, m *PrepareOK) {
	for i := range s.primary.backups {
		if b := &s.primary.backups[i]; b.id == from && (m.Number > b.acked || !b.ready) {
			b.ready, b.acked, b.progress = true, m.Number, s.env.Now()
			s.commit()
			return
		}
	}
}

// commit commits and answers what all members have.
func (s *server) commit() {
	number := s.log.Synced()
	if s.cfg.Replication == Sync && s.cfg.Bug != AckBeforeBackups {
		for _, b := range s.primary.backups {
			number = min(number, b.acked) // 0 before it has its state
		}
	}
	s.log.CommitTo(number, s.router.Settle)
	s.readEarly()
}

// sendState sends a backup what it lacks.
func (s *server) sendState(to node.ID, m *GetState) {
	for i := range s.primary.backups {
		if b := &s.primary.backups[i]; b.id == to && !b.ready {
			b.asked, b.sent, b.progress = true, s.log.Last(), s.env.Now()
			s.env.Send(to, &NewState{View: m.View, State: s.log.StateFor(m.Mark, s.log.Last())})
		}
	}
}

// waitToRead answers a read once everything before it is applied and no later view can
// have done anything. Who replicates asynchronously asks nobody.
func (s *server) waitToRead(w route.Waiter) {
	switch {
	case s.cfg.Replication == Async:
		s.Serve(w)
	case s.log.Commit() < s.primary.inherited:
		s.primary.early = append(s.primary.early, w)
	default:
		s.views.Read(w)
	}
}

func (s *server) readEarly() {
	if len(s.primary.early) == 0 || s.log.Commit() < s.primary.inherited {
		return
	}
	early := s.primary.early
	s.primary.early = nil
	for _, w := range early {
		s.views.Read(w)
	}
}

// Serve implements view.Host.
func (s *server) Serve(w route.Waiter) {
	reply := s.log.Machine.Read(&w.Request)
	s.router.Answer(w, &reply)
}

// dismissReads sends those back that wait for a read: another node may lead now.
func (s *server) dismissReads() {
	s.views.Dismiss(&s.router)
	s.router.NotLeader(s.primary.early)
	s.primary.early = nil
}
