package paxos

import (
	"math/bits"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/route"
)

// A read needs no slot, only the certainty that nothing was acknowledged before it which
// this leader does not know. A round asks: an acceptor that answers Alive had promised
// nothing to a later leader by then, so that once a majority has, no later leader had
// ended its phase 1 when the round began. What earlier leaders had chosen stands in the
// slots before ready, and what this one had in those that it has carried out.
//
// All reads that arrived before a round's start share it; whoever arrives during a round
// waits for the next one.

// reading is a leader's reads.
type reading struct {
	later   []route.Waiter // the next round's
	current []route.Waiter // wait for the round under way
	due     []dueRead      // confirmed, but the slots before theirs are not carried out yet
	round   uint64         // heartbeats carry it
	asked   bool           // a round is under way
	yes     uint64         // who has confirmed it, a bit for each
	before  uint64         // all slots before it must be carried out
}

// dueRead is a read that may be answered once all slots before one are carried out.
type dueRead struct {
	route.Waiter
	before uint64
}

// read lets a read wait for its round.
func (s *server) read(w route.Waiter) {
	if s.cfg.Bug == UnconfirmedRead && s.log.chosen >= s.leader.ready {
		s.serve(w)
		return
	}
	s.leader.reading.later = append(s.leader.reading.later, w)
}

func (s *server) serve(w route.Waiter) {
	reply := s.machine.Read(&w.Request)
	s.router.Answer(w, &reply)
}

// beginRound begins a round if reads wait for one.
func (s *server) beginRound() {
	r := &s.leader.reading
	if s.role != leading || r.asked || len(r.later) == 0 {
		return
	}
	r.asked, r.yes, r.before = true, 1<<s.self, max(s.leader.ready, s.log.chosen)
	if s.cfg.Bug == ReadBeforeReady {
		r.before = s.log.chosen
	}
	r.round++
	r.current, r.later = r.later, r.current[:0]
	s.beat()
	s.confirm()
}

// aliveAt hears that an acceptor is there and has promised nothing to a later leader.
func (s *server) aliveAt(from node.ID, m *Alive) {
	if s.role != leading || m.Ballot != s.ballot {
		return
	}
	i := s.index(from)
	s.leader.alive[i] = s.env.Now()
	if r := &s.leader.reading; r.asked && m.Round == r.round {
		r.yes |= 1 << i
		s.confirm()
	}
}

// confirm ends a round when a majority has confirmed it.
func (s *server) confirm() {
	r := &s.leader.reading
	if !s.majority(bits.OnesCount64(r.yes)) {
		return
	}
	r.asked = false
	for _, w := range r.current {
		r.due = append(r.due, dueRead{w, r.before})
	}
	clear(r.current)
	r.current = r.current[:0]
	s.serveReads()
}

// serveReads answers what is due.
func (s *server) serveReads() {
	r := &s.leader.reading
	for len(r.due) > 0 && r.due[0].before <= s.log.chosen {
		s.serve(r.due[0].Waiter)
		r.due = r.due[1:]
	}
}

// giveUp sends all back that wait.
func (r *reading) giveUp(router *route.Router) {
	router.NotLeader(r.current)
	router.NotLeader(r.later)
	for _, d := range r.due {
		router.Answer(d.Waiter, &kv.Reply{Status: kv.NotLeader})
	}
}
