package paxos

import (
	"slices"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/journal"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/route"
)

// server is a node.
type server struct {
	cfg     Config
	env     node.Env
	peers   []node.ID
	self    int // its index among them
	journal journal.Journal
	log     log
	machine kv.Machine // after all slots before log.chosen
	router  route.Router

	promised Ballot        // the lowest to take part in
	seen     Ballot        // the highest heard of
	led      Ballot        // whose leader was heard last; 0: nobody's since then
	heard    time.Duration // when
	asked    time.Duration // when this node last asked what it had missed
	synced   time.Duration // when what nobody waits for was last written

	role     role
	ballot   Ballot        // its own, unless it follows
	promises []*Promise    // by acceptor
	bound    bool          // it has asked itself to promise
	waits    time.Duration // for a leader, since when
	patience time.Duration // and for how long
	leader   leadership
}

func newServer(cfg Config) *server { return &server{cfg: cfg} }

// Start implements node.Node.
func (s *server) Start(env node.Env) {
	s.env, s.peers = env, env.Peers()
	s.self = s.index(env.ID())
	s.journal = journal.Journal{Snapshot: s.snapshot, CompactAt: s.cfg.CompactAt}
	k := kept{log: newLog(1)}
	err := s.journal.Open(env, k.add)
	if err != nil {
		env.Fatalf("%v", err)
		return
	}
	if s.machine, err = kv.Restore(k.snapshot); err != nil {
		env.Fatalf("restore the snapshot: %v", err)
		return
	}
	s.promised, s.seen, s.log = k.promised, k.promised, k.log
	s.router.Start(env, s, uint64(s.promised))
	// What was read may be in the kernel's cache alone, left there by a life that was
	// killed before its sync: nothing that rests on it goes out before the disk has it.
	s.writePromise()
	s.journal.Then(s.pump)
	known := s.log.chosen
	for known < k.chosen && s.log.at(known).Ballot != 0 {
		known++
	}
	s.carryOut(known)
	s.asked = -tickEvery
	s.postponeElection()
	s.tickLater()
}

func (s *server) index(id node.ID) int { return slices.Index(s.peers, id) }

func (s *server) sendAll(m node.Message) {
	for _, peer := range s.peers {
		s.env.Send(peer, m)
	}
}

func (s *server) sendOthers(m node.Message) {
	for i, peer := range s.peers {
		if i != s.self {
			s.env.Send(peer, m)
		}
	}
}

const (
	// tickEvery is the leader's heartbeat, and how often all nodes look what is overdue.
	tickEvery = 50 * time.Millisecond
	// lazyEvery is how often what nobody waits for is written.
	lazyEvery = time.Second
)

func (s *server) tickLater() { s.env.After(tickEvery, s.tick) }

func (s *server) tick() {
	s.tickLater()
	now := s.env.Now()
	switch {
	case s.role == leading:
		s.tend()
	case now-s.waits >= s.patience:
		s.campaign()
	}
	if now-s.synced >= lazyEvery {
		s.synced = now
		s.journal.Then(s.pump)
	}
	s.router.Expire()
	s.pump()
}

// pump hands on what has gathered.
func (s *server) pump() {
	s.proposeGathered()
	s.beginRound()
}

// Receive implements node.Node.
func (s *server) Receive(from node.ID, m node.Message) {
	switch m := m.(type) {
	case *Prepare:
		s.prepare(from, m)
	case *Promise:
		s.promiseGiven(from, m)
	case *Accept:
		s.accept(from, m)
	case *Accepted:
		s.acceptedBy(from, m)
	case *Nack:
		s.nack(m)
	case *Heartbeat:
		s.heartbeat(from, m)
	case *Alive:
		s.aliveAt(from, m)
	case *CatchUp:
		s.catchUp(from, m)
	case *Learn:
		s.learn(&m.Suffix)
	default:
		s.router.Receive(from, m)
	}
	s.pump()
}

// Request implements node.Node.
func (s *server) Request(id node.RequestID, m node.Message) {
	r, ok := m.(*kv.Request)
	if !ok {
		s.env.Reply(id, kv.Refuse("not a request"))
		return
	}
	s.router.Begin(id, r)
	s.pump()
}

// Leader implements route.Host. A ballot is a term: one node owns it.
func (s *server) Leader(*kv.Request) (node.ID, uint64) {
	switch {
	case s.role == leading:
		return s.env.ID(), uint64(s.ballot)
	case s.led == 0 || s.led != s.promised:
		return "", uint64(s.promised)
	}
	return s.peers[s.led.owner(len(s.peers))], uint64(s.led)
}
