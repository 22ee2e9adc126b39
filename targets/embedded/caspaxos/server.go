package caspaxos

import (
	"slices"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/journal"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// server is a node.
type server struct {
	cfg     Config
	env     node.Env
	peers   []node.ID
	self    int // its index among them
	journal journal.Journal

	acceptor acceptor

	life      uint64
	proposer  uint64 // its name in this life
	counter   uint64 // of the greatest ballot heard of
	proposers map[Key]*proposer
	usual     time.Duration // what a phase takes
	active    []*proposer   // in the order in which they came to have something to do
	ids       idSource
	ready     bool // the disk knows of this life
	early     []func()
}

// Start implements node.Node.
func (s *server) Start(env node.Env) {
	s.env, s.peers = env, env.Peers()
	s.self = s.index(env.ID())
	s.proposers, s.usual = map[Key]*proposer{}, leastUsual
	s.journal = journal.Journal{Snapshot: s.snapshot, CompactAt: s.cfg.CompactAt}
	if err := s.journal.Open(env, s.load); err != nil {
		env.Fatalf("%v", err)
		return
	}
	s.life++
	s.proposer = s.life*uint64(len(s.peers)) + uint64(s.self)
	if s.cfg.Bug == NamelessBallots {
		s.proposer = 0
	}
	s.writeLife()
	s.journal.Then(s.born)
	s.tickLater()
}

func (s *server) index(id node.ID) int { return slices.Index(s.peers, id) }

// tickEvery is how often a node looks what is overdue.
const tickEvery = 50 * time.Millisecond

func (s *server) tickLater() { s.env.After(tickEvery, s.tick) }

func (s *server) tick() {
	s.tickLater()
	s.tend()
}

// Receive implements node.Node.
func (s *server) Receive(from node.ID, m node.Message) {
	switch m := m.(type) {
	case *Prepare:
		s.prepare(from, m)
	case *Promise:
		s.promised(from, m)
	case *Accept:
		s.accept(from, m)
	case *Accepted:
		s.acceptedBy(from, m)
	case *Conflict:
		s.conflict(m)
	}
}

// born lets this life propose, once the disk knows of it.
func (s *server) born() {
	s.ready = true
	for _, f := range s.early {
		f()
	}
	s.early = nil
}

// Request implements node.Node.
func (s *server) Request(id node.RequestID, m node.Message) {
	r, ok := m.(*kv.Request)
	if !ok {
		s.env.Reply(id, kv.Refuse("not a request"))
		return
	}
	k, ok := keyOf(r)
	if !ok {
		s.env.Reply(id, &kv.Reply{Status: kv.Unsupported})
		return
	}
	take := func() {
		if k.Kind == ids {
			s.nextID(id)
			return
		}
		s.propose(k, &request{id: id, op: *r, began: s.env.Now()})
	}
	if s.ready {
		take()
	} else {
		s.early = append(s.early, take)
	}
}

// reply brings an outcome to whoever asked.
func (s *server) reply(r *request, reply *kv.Reply) {
	if r.op.Op == kv.OpNextID {
		s.blockTaken(reply)
		return
	}
	s.env.Reply(r.id, reply)
}
