package raft

import (
	"encoding/binary"
	"time"

	"go.etcd.io/raft/v3"

	"github.com/faultline-dev/faultline/targets/embedded/route"
)

// Reads need no log entry, only the certainty that this node led while they were under
// way and that it has applied all that was acknowledged before them. A round asks a
// majority; all reads that arrived before its start share it. Whoever arrives during a
// round waits for the next one.
//
// A round that a majority confirmed is a lease too: everybody in that majority heard the
// leader after the round began and helps to elect nobody else for electionMin from then
// on, by its own clock. Until leaseFor after the round's start, by the leader's clock,
// the leader is the only one.

// MaxDrift is the largest part by which clock rates may be off for a lease to hold:
// leaseFor/electionMin is less than (1-MaxDrift)/(1+MaxDrift).
const MaxDrift = 0.05

const leaseFor = electionMin * 9 / 10

// reading is a leader's reads in one term.
type reading struct {
	next    []route.Waiter // the next round's
	current []route.Waiter // wait for the round under way
	asked   bool           // a round is under way
	round   uint64
	began   int64  // when it did, by the lease's clock
	due     []read // confirmed, but the index is not applied yet

	leased bool
	until  int64  // by the lease's clock
	index  uint64 // must be applied before a leased read
}

// read is one that may be answered once index is applied.
type read struct {
	route.Waiter
	index uint64
}

// leaseNow is the clock that measures leases.
func (s *Server) leaseNow() int64 {
	if s.cfg.LeaseClock == WallClock {
		return s.env.Wall()
	}
	return int64(s.env.Now())
}

// read answers a leader's read, or lets it wait.
func (s *Server) read(w route.Waiter) {
	r := &s.reading
	if s.cfg.Reads == ByLease && r.leased && s.applied >= r.index && s.leaseNow() < r.until {
		s.serve(w)
		return
	}
	r.next = append(r.next, w)
}

func (s *Server) serve(w route.Waiter) {
	reply := s.machine.Read(&w.Request)
	s.router.Answer(w, &reply)
}

// askIndex begins a round if reads wait for one.
func (s *Server) askIndex() {
	if s.leading && len(s.reading.next) > 0 {
		s.beginRound()
	}
}

// renewLease begins a round even though nobody waits.
func (s *Server) renewLease() {
	if s.cfg.Reads == ByLease {
		s.beginRound()
	}
}

func (s *Server) beginRound() {
	r := &s.reading
	if r.asked {
		return
	}
	r.asked, r.began = true, s.leaseNow()
	r.round++
	r.current, r.next = r.next, r.current[:0]
	s.core.ReadIndex(binary.LittleEndian.AppendUint64(nil, r.round))
}

// confirmed ends a round: a majority says that this node led when it began.
func (s *Server) confirmed(state *raft.ReadState) {
	r := &s.reading
	if !s.leading || !r.asked || len(state.RequestCtx) != 8 || binary.LittleEndian.Uint64(state.RequestCtx) != r.round {
		return
	}
	r.asked = false
	for _, w := range r.current {
		r.due = append(r.due, read{w, state.Index})
	}
	clear(r.current)
	r.current = r.current[:0]
	if !r.leased {
		r.leased, r.index = true, state.Index
	}
	r.until = r.began + int64(leaseFor/time.Nanosecond)
}

// serveReads answers what is due.
func (s *Server) serveReads() {
	r := &s.reading
	served := 0
	for served < len(r.due) && r.due[served].index <= s.applied {
		s.serve(r.due[served].Waiter)
		served++
	}
	if served == len(r.due) {
		r.due = r.due[:0]
	} else {
		r.due = r.due[served:]
	}
}
