package paxos

import (
	"slices"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/route"
)

// server is a node.
type server struct {
	cfg     Config
	env     node.Env
	peers   []node.ID
	self    int // its index among them
	store   storage
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
	ballot   Ballot // its own, unless it follows
	promises []given
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
	s.store = storage{env: env, failed: s.fail, idle: s.pump}
	k, err := s.store.load()
	if err != nil {
		s.fail(err)
		return
	}
	if k.torn > 0 {
		env.Logf("cut a torn end of %d bytes off the log", k.torn)
	}
	if s.machine, err = kv.Restore(k.snapshot); err != nil {
		env.Fatalf("restore the snapshot: %v", err)
		return
	}
	s.promised, s.seen, s.log = k.promised, k.promised, k.log
	s.router.Start(env, s, uint64(s.promised))
	known := s.log.chosen
	for known < k.chosen && s.log.at(known).Ballot != 0 {
		known++
	}
	s.carryOut(known)
	s.asked = -tickEvery
	s.postponeElection()
	s.tickLater()
}

func (s *server) fail(err error) { s.env.Fatalf("%v", err) }

func (s *server) index(id node.ID) int { return slices.Index(s.peers, id) }

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
		s.store.write()
	}
	s.router.Expire()
	s.pump()
}

// pump hands on what has gathered. While the disk works, commands gather, and the next
// round takes them all at once.
func (s *server) pump() {
	if !s.store.busy {
		s.proposeGathered()
	}
	s.beginRound()
	s.store.flush()
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
