package raft

import (
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/route"
)

// leadership is what a node keeps while it leads. Entries of one term are committed in the
// order in which its leader proposed them, so that who waits for them is a queue.
type leadership struct {
	gathered  []route.Waiter // to be proposed together once the disk is free
	commands  [][]byte       // the same, of the store around the group
	proposed  []proposal
	number    uint64
	change    *change         // of the members
	snapshots []time.Duration // when each peer was sent one; 0: none is under way
}

type proposal struct {
	route.Waiter
	entry uint64 // the number in its command
	since time.Duration
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
	s.leader.gathered = append(s.leader.gathered, w)
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
	l := &s.leader
	if len(l.gathered)+len(l.commands) == 0 {
		return
	}
	entries := make([]*pb.Entry, 0, len(l.gathered)+len(l.commands))
	for i := range l.gathered {
		c := command{number: l.number + uint64(i) + 1, request: l.gathered[i].Request}
		entries = append(entries, &pb.Entry{Data: c.append(make([]byte, 0, commandSize))})
	}
	for _, data := range l.commands {
		c := command{data: data}
		entries = append(entries, &pb.Entry{Data: c.append(nil)})
	}
	l.commands = nil
	now := s.env.Now()
	err := s.core.Step(&pb.Message{Type: pb.MsgProp.Enum(), From: &s.self, Entries: entries})
	for _, w := range l.gathered {
		l.number++
		if err != nil {
			s.router.Answer(w, &kv.Reply{Status: kv.NotLeader})
			continue
		}
		if s.cfg.Bug == AckBeforeQuorum && w.Request.Op.Blind() {
			s.router.Answer(w, &kv.Reply{})
			continue
		}
		l.proposed = append(l.proposed, proposal{w, l.number, now})
	}
	clear(l.gathered)
	l.gathered = l.gathered[:0]
}

// commandSize is that of most commands.
const commandSize = 16

// settle answers whoever waits for a command that was applied at an index of the log.
func (l *leadership) settle(s *Server, number uint64, reply *kv.Reply, index uint64) {
	for len(l.proposed) > 0 && l.proposed[0].entry <= number {
		p := l.proposed[0]
		l.proposed = l.proposed[1:]
		if p.entry == number {
			s.router.AnswerAt(p.Waiter, reply, index)
		}
	}
}

// expireProposals answers those that wait in vain. The entries stay in the log and may
// yet be committed.
func (s *Server) expireProposals() {
	l, now := &s.leader, s.env.Now()
	for len(l.proposed) > 0 && now-l.proposed[0].since >= commitWithin {
		p := l.proposed[0]
		l.proposed = l.proposed[1:]
		s.router.Answer(p.Waiter, kv.Doubt("no majority answers the leader"))
	}
}

// resign gives up what this node owes as a leader.
func (s *Server) resign() {
	l, r := s.leader, s.reading
	s.leader, s.reading = leadership{}, reading{round: r.round}
	for _, p := range l.proposed {
		s.router.Answer(p.Waiter, kv.Doubt("the leader stepped down"))
	}
	if l.change != nil {
		s.env.Reply(l.change.id, kv.Doubt("the leader stepped down"))
	}
	notLeader := &kv.Reply{Status: kv.NotLeader}
	for _, w := range l.gathered {
		s.router.Answer(w, notLeader)
	}
	for _, list := range [][]route.Waiter{r.current, r.next} {
		for _, w := range list {
			s.router.Answer(w, notLeader)
		}
	}
	for _, due := range r.due {
		s.router.Answer(due.Waiter, notLeader)
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
