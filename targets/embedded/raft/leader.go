package raft

import (
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/route"
)

// leadership is what a node keeps while it leads. Entries of one term are committed in the
// order in which its leader proposed them, and numbered so.
type leadership struct {
	commands  [][]byte // of the store around the group, to be proposed once the disk is free
	number    uint64
	change    *change         // of the members
	snapshots []time.Duration // when each peer was sent one; 0: none is under way
}

// commitWithin is how long a majority may take to confirm an entry before whoever waits
// for it is told that the outcome is open.
const commitWithin = 700 * time.Millisecond

// snapshotWithin is how long a snapshot may take before it is thought to be lost.
const snapshotWithin = time.Second

func newLeadership(peers int) leadership {
	return leadership{snapshots: make([]time.Duration, peers)}
}

// Accept implements route.Host.
func (s *Server) Accept(w route.Waiter) {
	if w.Request.Op.Reads() {
		s.read(w)
		return
	}
	s.router.Gather(w)
}

// Propose puts a command of the store around the group into the log, if this member leads.
// Nobody hears what becomes of it but those who look at the machine: it may be lost, so that
// the store proposes again what it still wants, and takes care that twice does no harm.
func (s *Server) Propose(data []byte) {
	if s.leading {
		s.leader.commands = append(s.leader.commands, data)
		s.pump()
	}
}

// propose hands the gathered changes to the core.
func (s *Server) propose() {
	l, gathered := &s.leader, s.router.Gathered()
	if len(gathered)+len(l.commands) == 0 {
		return
	}
	entries := make([]*pb.Entry, 0, len(gathered)+len(l.commands))
	for i := range gathered {
		c := command{number: l.number + uint64(i) + 1, request: gathered[i].Request}
		entries = append(entries, &pb.Entry{Data: c.append(make([]byte, 0, commandSize))})
	}
	for _, data := range l.commands {
		c := command{data: data}
		entries = append(entries, &pb.Entry{Data: c.append(nil)})
	}
	l.commands = nil
	err := s.core.Step(&pb.Message{Type: pb.MsgProp.Enum(), From: &s.self, Entries: entries})
	if err != nil {
		s.router.NotLeader(gathered)
		return
	}
	for _, w := range gathered {
		l.number++
		if s.cfg.Bug == AckBeforeQuorum && w.Request.Op.Blind() {
			s.router.Answer(w, &kv.Reply{})
			continue
		}
		s.router.Owe(w, l.number)
	}
}

// commandSize is that of most commands.
const commandSize = 16

// resign gives up what this node owes as a leader.
func (s *Server) resign() {
	l, r := s.leader, s.reading
	s.leader, s.reading = leadership{}, reading{round: r.round}
	s.router.Resign()
	if l.change != nil {
		s.env.Reply(l.change.id, kv.Doubt("the leader stepped down"))
	}
	s.router.NotLeader(r.current)
	s.router.NotLeader(r.next)
	for _, due := range r.due {
		s.router.Answer(due.Waiter, &kv.Reply{Status: kv.NotLeader})
	}
}

func (l *leadership) snapshotSent(to uint64, now time.Duration) {
	if l.snapshots != nil {
		l.snapshots[to-1] = max(now, 1)
	}
}

// retrySnapshots lets the core try again to bring a peer up to date.
func (s *Server) retrySnapshots() {
	for i, sent := range s.leader.snapshots {
		if sent != 0 && s.env.Now()-sent >= snapshotWithin {
			s.leader.snapshots[i] = 0
			s.core.ReportSnapshot(uint64(i+1), raft.SnapshotFailure)
		}
	}
}
