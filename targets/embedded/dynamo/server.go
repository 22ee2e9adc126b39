package dynamo

import (
	"slices"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// How long things take. A link of a few milliseconds and a disk that syncs in a few more
// leave a live replica ample time; a client waits for seconds.
const (
	// answerWithin is how long a replica may take before it is thought to be down.
	answerWithin = 250 * time.Millisecond
	// giveUpAfter is how long a coordinator tries on behalf of a client.
	giveUpAfter = 1500 * time.Millisecond
	// probeEvery is how often nodes that are thought to be down are asked whether they
	// are back, and hints offered that were not confirmed.
	probeEvery = 200 * time.Millisecond
	// lazySync is how often AckBeforeSync syncs.
	lazySync = time.Second
)

// server is a node: a replica for its peers and a coordinator for its clients.
type server struct {
	cfg   Config
	env   node.Env
	self  node.ID
	ring  ring
	store store
	peers []peer

	ready   bool                  // the disk knows of this life
	waiting []request             // until then
	counts  map[Key]uint64        // versions of keys that were named in this life
	changes []*changing           // of the members, under way
	graves  []grave               // tombstones, by age
	serial  uint64                // the last one drawn, see Stamp.Serial
	ops     map[uint64]*operation // under way, by the call they wait for
	ticking bool
}

// peer is what a node knows of another one.
type peer struct {
	id      node.ID
	down    bool // it left something unanswered and has not been heard of since
	offered []offer
}

type request struct {
	id node.RequestID
	m  *Ask
}

func newServer(cfg Config) *server {
	return &server{cfg: cfg, ops: map[uint64]*operation{}, counts: map[Key]uint64{}}
}

// Start implements node.Node.
func (s *server) Start(env node.Env) {
	s.env, s.self = env, env.ID()
	all := env.Peers()
	for _, id := range all {
		s.peers = append(s.peers, peer{id: id})
	}
	s.store = store{
		disk: env.Disk(), fatal: env.Fatalf, done: s.durable,
		compactAt: s.cfg.CompactAt, lazy: s.cfg.Bug == AckBeforeSync,
	}
	torn, err := s.store.open(all)
	if err != nil {
		env.Fatalf("read the log: %v", err)
		return
	}
	s.ring = newRing(s.members(), s.cfg.VirtualNodes)
	if torn > 0 {
		env.Logf("cut a torn end of %d bytes off the log", torn)
	}
	if s.store.lazy {
		s.syncLater()
	}
	s.store.log(change{record: record{Kind: recordLife, Life: s.store.life + 1}})
	s.tickLater()
	s.env.After(entropyEvery, s.reconcile)
	if s.cfg.Mode == Siblings {
		for _, k := range s.store.keys {
			s.note(k, s.store.data[k].history.all())
		}
	}
}

func (s *server) syncLater() {
	s.env.After(lazySync, func() {
		s.store.flush()
		s.syncLater()
	})
}

// durable is told of each change that the disk now keeps.
func (s *server) durable(c change) {
	if c.record.Kind == recordHint {
		s.tickLater() // before it is durable, a tick does not see it
	}
	switch {
	case c.record.Kind == recordLife:
		s.serial, s.ready = c.record.Life<<32, true
		s.handOverRest()
		waiting := s.waiting
		s.waiting = nil
		for _, r := range waiting {
			s.begin(r.id, r.m)
		}
	case c.record.Kind == recordSettled:
		s.settled(c)
	case c.record.Kind == recordSeats:
		s.rearrange()
		c.then()
	case c.put != nil:
		if c.record.Kind == recordData {
			s.note(c.record.Key, c.record.Value.Versions)
		}
		s.answer(c.from, c.put)
		if c.record.Kind == recordData && !slices.Contains(s.homes(c.record.Key), s.self) {
			s.handOver(c.record.Key, nil)
		}
	}
}

// draw returns a number that this node never drew before, in any of its lives.
func (s *server) draw() uint64 {
	s.serial++
	return s.serial
}

// Request implements node.Node.
func (s *server) Request(id node.RequestID, m node.Message) {
	r, ok := m.(*Ask)
	if plain, is := m.(*kv.Request); is {
		r, ok = &Ask{Request: *plain}, true
	}
	switch m := m.(type) {
	case *kv.Change:
		s.change(id, m)
		return
	case kv.AskMembers:
		s.env.Reply(id, &kv.Members{Nodes: s.members()})
		return
	}
	switch {
	case !ok:
		s.env.Reply(id, kv.Refuse("not a request"))
	case s.ready:
		s.begin(id, r)
	default:
		s.waiting = append(s.waiting, request{id, r})
	}
}

// Receive implements node.Node.
func (s *server) Receive(from node.ID, m node.Message) {
	p := s.peer(from)
	if p == nil || !s.ready {
		// What was read from the log may be in the kernel's cache alone, left there by a life
		// that was killed before its sync: it is told to nobody before the disk has it.
		return
	}
	if p.down {
		p.down = false
		s.offer(p)
	}
	switch m := m.(type) {
	case *Get:
		held := &Held{Call: m.Call}
		if m.One {
			held.Value = s.store.element(m.Key, m.Element)
		} else {
			held.Value = s.store.read(m.Key)
		}
		s.send(from, held)
	case *Put:
		s.put(from, m)
	case *Held:
		if op := s.ops[m.Call]; op != nil {
			op.held(from, m.Value)
		} else {
			s.taken(p, m.Call)
		}
	case Probe:
		s.env.Send(from, Alive{})
	case *Compare:
		s.compare(from, m)
	case *View:
		s.adopt(m.Seats, func() { s.send(from, &Viewed{Seats: s.store.seats}) })
	case *Viewed:
		s.adopt(m.Seats, func() {})
		s.viewed(from, m)
	case *Want:
		s.give(from, m.Leaf)
	}
}

// put merges what a coordinator sent and answers when the disk has it.
func (s *server) put(from node.ID, m *Put) {
	if s.cfg.Bug == RepairResurrects && m.Call == 0 && m.For == "" {
		s.overwrite(m)
	}
	r := record{Kind: recordData, Home: m.For, Key: m.Key, Value: s.store.news(m.Key, m.Value, m.For)}
	if m.For != "" {
		r.Kind = recordHint
	}
	switch {
	case r.Value.Empty():
		s.answer(from, m)
	case r.Kind == recordHint && s.cfg.Bug == HintsDropped:
		s.store.apply(&r)
		s.answer(from, m)
		s.tickLater()
	case r.Kind == recordHint:
		s.keepHint(change{record: r, from: from, put: m})
	default:
		s.store.log(change{record: r, from: from, put: m})
	}
}

func (s *server) answer(to node.ID, m *Put) {
	if m.Call == 0 {
		return
	}
	held := &Held{Call: m.Call}
	if m.Report {
		held.Value = s.store.read(m.Key)
	}
	s.send(to, held)
}

// send is Env.Send, but a node reaches itself without the network.
func (s *server) send(to node.ID, m node.Message) {
	if to == s.self {
		s.Receive(s.self, m)
		return
	}
	s.env.Send(to, m)
}

func (s *server) peer(id node.ID) *peer {
	i := slices.IndexFunc(s.peers, func(p peer) bool { return p.id == id })
	if i < 0 {
		return nil
	}
	return &s.peers[i]
}

// suspect notes that a node left something unanswered.
func (s *server) suspect(id node.ID) {
	if p := s.peer(id); p != nil && id != s.self {
		p.down = true
		s.tickLater()
	}
}

func (s *server) up(id node.ID) bool {
	p := s.peer(id)
	return p != nil && !p.down
}

// tickLater makes sure that tick is called while there is something for it to do.
func (s *server) tickLater() {
	if !s.ticking {
		s.ticking = true
		s.env.After(probeEvery, s.tick)
	}
}

// tick probes the nodes that are thought to be down and offers the others their hints.
func (s *server) tick() {
	s.ticking = false
	again := false
	for i := range s.peers {
		p := &s.peers[i]
		switch {
		case p.down:
			s.env.Send(p.id, Probe{})
			again = true
		case len(s.store.homes[i].keys) > 0:
			s.offer(p)
			again = true
		}
	}
	if again {
		s.tickLater()
	}
}
