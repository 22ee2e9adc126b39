package raft

import (
	"fmt"
	"slices"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/route"
)

// Server is a member of a Raft group: a node by itself, or one of several that a node has.
type Server struct {
	cfg     Config
	env     node.Env
	peers   []node.ID // the core calls them 1, 2, ...
	self    uint64
	core    *raft.RawNode
	store   storage
	machine Machine
	applied uint64
	command command // the one that is being applied

	writing bool // the disk is at work for ready; nothing goes out until it is done
	ready   raft.Ready
	pumping bool

	term    uint64
	lead    uint64 // raft.None: not known
	leading bool

	election election
	router   route.Router
	leader   leadership
	reading  reading
}

// NewServer makes a member of a group, whose machine is new.
func NewServer(cfg Config, machine Machine) *Server {
	if cfg.CompactAt == 0 {
		cfg.CompactAt = DefaultCompactAt
	}
	return &Server{cfg: cfg, machine: machine}
}

// Start implements node.Node.
func (s *Server) Start(env node.Env) {
	s.env, s.peers = env, env.Peers()
	s.self = uint64(slices.Index(s.peers, env.ID()) + 1)
	voters := make([]uint64, len(s.peers))
	for i := range voters {
		voters[i] = uint64(i + 1)
	}
	s.store = storage{disk: env.Disk(), failed: s.fail, voters: &pb.ConfState{Voters: voters}, bug: s.cfg.Bug}
	s.store.state = func() (uint64, []byte) { return s.applied, s.machine.Snapshot() }
	data, torn, err := s.store.load()
	if err != nil {
		s.fail(err)
		return
	}
	if torn > 0 {
		env.Logf("cut a torn end of %d bytes off the log", torn)
	}
	if err := s.machine.Restore(data); err != nil {
		env.Fatalf("restore the snapshot: %v", err)
		return
	}
	if first, err := s.store.FirstIndex(); err == nil {
		s.applied = first - 1
	}
	if state, _, err := s.store.InitialState(); err == nil {
		s.term = state.GetTerm()
	}
	s.core, err = raft.NewRawNode(&raft.Config{
		ID: s.self, Storage: &s.store, Logger: logger{env},
		// Only a leader is ticked; see election.go.
		HeartbeatTick: 1, ElectionTick: quorumTicks,
		PreVote: true, CheckQuorum: true, StepDownOnRemoval: true,
		DisableConfChangeValidation: s.cfg.Bug == ChangeBeforeCommit,
		DisableProposalForwarding:   true,
		MaxSizePerMsg:               16 << 10, MaxInflightMsgs: 256,
	})
	if err != nil {
		env.Fatalf("start the protocol: %v", err)
		return
	}
	s.router.Start(env, s, s.term)
	s.router.HoldBack, s.router.RetryChanges = s.cfg.Reads == Locally, s.cfg.Bug == RetryTwice
	s.router.Applied(s.applied)
	s.startElections()
	if s.cfg.Bug == AckBeforeSync {
		s.syncLater()
	}
	s.tickLater()
	// What was read may be in the kernel's cache alone, left there by a life that was killed
	// before its sync: nothing goes out that rests on it until the disk has it.
	s.writing = true
	s.store.disk.Sync(logFile, s.restored)
}

func (s *Server) restored(err error) {
	if err != nil {
		s.fail(fmt.Errorf("sync the log: %w", err))
		return
	}
	s.writing = false
	s.pump()
}

// lazySync is how often AckBeforeSync syncs.
const lazySync = time.Second

func (s *Server) syncLater() {
	s.env.After(lazySync, func() {
		s.store.disk.Sync(logFile, s.store.check)
		s.syncLater()
	})
}

func (s *Server) fail(err error) { s.env.Fatalf("%v", err) }

// tickEvery is the leader's heartbeat, and how often all nodes look what is overdue.
const tickEvery = 60 * time.Millisecond

func (s *Server) tickLater() { s.env.After(tickEvery, s.tick) }

func (s *Server) tick() {
	s.tickLater()
	if s.leading {
		s.core.Tick()
		s.renewLease()
		s.retrySnapshots()
		s.router.Overdue(commitWithin, "no majority answers the leader")
		s.expireChange()
	}
	s.router.Expire()
	s.pump()
}

// Receive implements node.Node.
func (s *Server) Receive(from node.ID, m node.Message) {
	switch m := m.(type) {
	case *Peer:
		if !s.heed(m.M) {
			return
		}
		if err := s.core.Step(m.M); err != nil {
			s.env.Logf("message %s from %s: %v", m.M.GetType(), from, err)
		}
		s.pump()
	default:
		s.router.Receive(from, m)
		s.pump()
	}
}

// Request implements node.Node.
func (s *Server) Request(id node.RequestID, m node.Message) {
	r, ok := m.(*kv.Request)
	if !ok {
		s.administer(id, m)
		return
	}
	if s.cfg.Reads == Locally && r.Op.Reads() {
		reply := s.machine.Read(r)
		s.env.Reply(id, &reply)
		return
	}
	s.router.Begin(id, r)
	s.pump()
}

func (s *Server) administer(id node.RequestID, m node.Message) {
	switch m := m.(type) {
	case *kv.Change:
		s.change(id, m)
	case kv.AskMembers:
		s.env.Reply(id, &kv.Members{Nodes: s.members()})
	default:
		s.env.Reply(id, kv.Refuse("not a request"))
	}
}

// Leader implements route.Host.
func (s *Server) Leader(*kv.Request) (node.ID, uint64) {
	switch {
	case s.leading:
		return s.env.ID(), s.term
	case s.lead == raft.None || s.lead == s.self:
		return "", s.term
	}
	return s.peers[s.lead-1], s.term
}

// pump does what the core asks for. While the disk works, requests and messages gather,
// and the next round takes them all at once.
func (s *Server) pump() {
	if s.pumping {
		return
	}
	s.pumping = true
	for !s.writing {
		s.propose()
		s.askIndex()
		if !s.core.HasReady() {
			break
		}
		s.ready = s.core.Ready()
		wait, err := s.store.save(&s.ready, s.written)
		if err != nil {
			s.fail(err)
			return
		}
		if s.writing = wait; !wait {
			s.finish()
		}
	}
	s.pumping = false
}

// written is called when the disk has what the last round depends on.
func (s *Server) written(err error) {
	if err != nil {
		s.fail(err)
		return
	}
	s.writing = false
	s.finish()
	s.pump()
}

// finish sends, applies and answers what was waiting for the disk.
func (s *Server) finish() {
	rd := &s.ready
	if rd.HardState != nil {
		s.term = rd.HardState.GetTerm()
	}
	for _, m := range rd.Messages {
		s.send(m)
	}
	if !raft.IsEmptySnap(rd.Snapshot) {
		s.adopt(rd.Snapshot)
	}
	if rd.SoftState != nil || rd.HardState != nil {
		s.changeRole(rd.SoftState)
	}
	compact := s.store.bulky(s.cfg.CompactAt)
	var snapshot []byte
	if compact && s.cfg.Bug == SnapshotBehind {
		snapshot = s.machine.Snapshot()
	}
	for _, e := range rd.CommittedEntries {
		s.apply(e)
	}
	for i := range rd.ReadStates {
		s.confirmed(&rd.ReadStates[i])
	}
	s.ready = raft.Ready{}
	s.core.Advance(raft.Ready{})
	s.serveReads()
	if compact {
		if snapshot == nil {
			snapshot = s.machine.Snapshot()
		}
		if err := s.store.compact(s.applied, snapshot); err != nil {
			s.fail(err)
		}
	}
}

func (s *Server) send(m *pb.Message) {
	to := m.GetTo()
	if !travels(m.GetType()) || to == 0 || to > uint64(len(s.peers)) {
		return
	}
	switch {
	case m.GetType() == pb.MsgSnap:
		s.leader.snapshotSent(to, s.env.Now())
	case m.GetType() == pb.MsgVoteResp && !m.GetReject():
		s.postponeElection() // another one is to be elected
	}
	s.env.Send(s.peers[to-1], &Peer{M: m})
}

// adopt takes over the state that the leader sent.
func (s *Server) adopt(snapshot *pb.Snapshot) {
	if err := s.machine.Restore(snapshot.GetData()); err != nil {
		s.env.Fatalf("restore the leader's snapshot: %v", err)
		return
	}
	s.store.voters = snapshot.GetMetadata().GetConfState()
	s.reach(snapshot.GetMetadata().GetIndex())
}

// apply carries out a committed entry and answers whoever asked this leader for it.
func (s *Server) apply(e *pb.Entry) {
	defer s.reach(e.GetIndex())
	if e.GetType() == pb.EntryConfChange {
		s.applyChange(e)
		return
	}
	if len(e.GetData()) == 0 {
		return // a new leader's first entry
	}
	err := s.command.take(e.GetData())
	c := &s.command
	if err == nil && c.number == 0 {
		err = s.machine.Command(c.data)
	}
	if err != nil {
		s.env.Fatalf("log entry %d: %v", e.GetIndex(), err)
		return
	}
	if c.number == 0 {
		return
	}
	reply := s.machine.Apply(&c.request)
	if s.leading && e.GetTerm() == s.term {
		s.router.SettleAt(c.number, new(reply), e.GetIndex())
	}
}

// reach notes that the state is that of the log up to an index.
func (s *Server) reach(index uint64) {
	s.applied = index
	s.router.Applied(index)
}

// logger hands the core's complaints to the node's log. Its reports of every step are
// left out: a simulated second has thousands.
type logger struct{ env node.Env }

func (logger) Debug(...any)                  {}
func (logger) Debugf(string, ...any)         {}
func (logger) Info(...any)                   {}
func (logger) Infof(string, ...any)          {}
func (l logger) Warning(v ...any)            { l.env.Logf("%v", v) }
func (l logger) Warningf(f string, v ...any) { l.env.Logf(f, v...) }
func (l logger) Error(v ...any)              { l.env.Logf("%v", v) }
func (l logger) Errorf(f string, v ...any)   { l.env.Logf(f, v...) }
func (l logger) Fatal(v ...any)              { l.env.Fatalf("%v", v) }
func (l logger) Fatalf(f string, v ...any)   { l.env.Fatalf(f, v...) }
func (l logger) Panic(v ...any)              { l.env.Fatalf("%v", v) }
func (l logger) Panicf(f string, v ...any)   { l.env.Fatalf(f, v...) }
