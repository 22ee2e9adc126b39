package raft

import (
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// Elections are timed here, with the node's stream of random numbers, because the core
// draws its timeouts from a source that cannot be seeded. The core is ticked only while
// it leads: then a tick is a heartbeat and, every quorumTicks, a check whether a majority
// still answers. A follower is told to campaign when its own timeout has passed.
//
//	heard ----------- electionMin ------- random timeout, up to electionMax
//	  |  no votes for     |  forget the      |
//	  |  anybody else     |  leader, vote    |  campaign
//
// The first part is a promise to the leader that was heard, and a lease rests on it. So it
// holds after a restart too: the node might have given it before it crashed.
const (
	electionMin = 300 * time.Millisecond
	electionMax = 600 * time.Millisecond
	quorumTicks = 20
)

// election is a node's timer.
type election struct {
	heard time.Duration // when the leader was last heard, or this life began
	from  time.Duration // what the timeout counts from: heard, or a vote since
	limit time.Duration // drawn anew each time
}

func (s *Server) startElections() {
	now := s.env.Now()
	s.election = election{heard: now, from: now, limit: s.drawTimeout()}
	s.env.After(electionMin, s.watch)
}

func (s *Server) drawTimeout() time.Duration {
	return electionMin + time.Duration(s.env.Rand().Int64N(int64(electionMax-electionMin)))
}

// postponeElection begins a new timeout.
func (s *Server) postponeElection() {
	s.election.from, s.election.limit = s.env.Now(), s.drawTimeout()
}

// heed notes that the leader is there. It reports whether the core is to see the message.
func (s *Server) heed(m *pb.Message) bool {
	switch m.GetType() {
	case pb.MsgApp, pb.MsgHeartbeat, pb.MsgSnap:
		if m.GetTerm() >= s.term {
			s.election.heard = s.env.Now()
			s.election.from = s.election.heard
		}
	case pb.MsgVote, pb.MsgPreVote:
		return s.leading || s.env.Now()-s.election.heard >= electionMin
	}
	return true
}

// watch looks whether the leader was silent for too long, and when to look again.
func (s *Server) watch() {
	e, now := &s.election, s.env.Now()
	if s.leading {
		s.env.After(electionMin, s.watch)
		return
	}
	if now-e.heard >= electionMin && s.lead != raft.None {
		if err := s.core.ForgetLeader(); err != nil {
			s.env.Logf("forget the leader: %v", err)
		}
	}
	if now-e.heard >= electionMin && now-e.from >= e.limit {
		s.postponeElection()
		if s.isMember(s.self) {
			s.campaign()
		}
	}
	next := e.from + e.limit - now
	if left := e.heard + electionMin - now; left > 0 {
		next = left
	}
	s.env.After(max(next, time.Millisecond), s.watch)
	s.pump()
}

func (s *Server) campaign() {
	if err := s.core.Campaign(); err != nil {
		s.env.Logf("campaign: %v", err)
	}
}

// changeRole notes who leads now.
func (s *Server) changeRole(soft *raft.SoftState) {
	if soft == nil {
		return
	}
	s.lead = soft.Lead
	leads := soft.RaftState == raft.StateLeader
	switch {
	case leads && !s.leading:
		s.leading = true
		s.leader = newLeadership(len(s.peers))
		s.reading = reading{round: s.reading.round}
		s.env.Leading(s.term, true)
	case !leads && s.leading:
		s.leading = false
		s.env.Leading(s.term, false)
		s.resign()
		s.postponeElection()
	}
	if s.lead != raft.None {
		s.router.Redirect()
	}
}
