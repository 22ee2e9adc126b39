package multimaster

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
	self    node.ID
	journal journal.Journal

	life  uint64
	rows  []Row // in the order in which their keys first appeared
	place map[Key]int

	time   int64   // of this node's last write: its own times never go back
	number uint64  // of this node's last write
	stable uint64  // of the last one that others may know of
	log    []entry // this node's writes that somebody may lack, by number
	peers  []peer
}

// entry is a write of this node. It is void once its row holds a later one.
type entry struct {
	number uint64
	key    Key
}

// Start implements node.Node.
func (s *server) Start(env node.Env) {
	s.env, s.self, s.place = env, env.ID(), map[Key]int{}
	s.life = uint64(env.Rand().Uint32())
	for _, id := range env.Peers() {
		if id != s.self {
			s.peers = append(s.peers, peer{id: id})
		}
	}
	s.journal = journal.Journal{Snapshot: s.snapshot, CompactAt: s.cfg.CompactAt}
	if err := s.journal.Open(env, s.restore); err != nil {
		env.Fatalf("%v", err)
		return
	}
	s.relist()
	// What was read may be in the kernel's cache alone, left there by a life that was killed
	// before its sync.
	known := s.number
	s.journal.Write(s.appendLast)
	s.journal.Then(func() {
		s.stable = known
		s.tick()
	})
	if s.cfg.Bug == ReplicatedBeforeSync {
		s.syncLater()
	}
}

const (
	tickEvery = 100 * time.Millisecond // how often a node looks what is overdue
	lazySync  = time.Second            // how often ReplicatedBeforeSync syncs
)

func (s *server) syncLater() {
	s.journal.Then(func() {})
	s.env.After(lazySync, s.syncLater)
}

func (s *server) tick() {
	for i := range s.peers {
		s.replicate(&s.peers[i])
	}
	s.trim()
	s.env.After(tickEvery, s.tick)
}

// Request implements node.Node. No answer tells of anything that a crash could take back.
func (s *server) Request(id node.RequestID, m node.Message) {
	reply := s.answer(m)
	s.then(func() { s.env.Reply(id, reply) })
}

// then calls f when others may know what was written down so far.
func (s *server) then(f func()) {
	if s.cfg.Bug == ReplicatedBeforeSync {
		f()
		return
	}
	s.journal.Then(f)
}

func (s *server) answer(m node.Message) *kv.Reply {
	r, ok := m.(*kv.Request)
	if !ok {
		return kv.Refuse("not a request")
	}
	register, set := Key{Register, r.Key}, Key{Set, r.Key}
	switch r.Op {
	case kv.OpRead:
		held, found := s.row(register)
		return &kv.Reply{Found: found, Value: held.Value}
	case kv.OpReadAll:
		held, _ := s.row(set)
		return &kv.Reply{Elements: held.Elements}
	case kv.OpWrite:
		s.write(Row{Key: register, Value: r.Value})
	case kv.OpAdd:
		held, _ := s.row(set)
		if !slices.Contains(held.Elements, r.Value) {
			s.write(Row{Key: set, Elements: append(slices.Clone(held.Elements), r.Value)})
		}
	case kv.OpRemove:
		held, _ := s.row(set)
		without := func(e int64) bool { return e == r.Value }
		s.write(Row{Key: set, Elements: slices.DeleteFunc(slices.Clone(held.Elements), without)})
	default:
		return &kv.Reply{Status: kv.Unsupported}
	}
	return &kv.Reply{}
}

// write stamps a client's write and takes it in. Others hear of it once it is on the disk:
// if they could know a write that a crash then took from its own node, nobody would ever
// tell that node.
func (s *server) write(r Row) {
	s.time = max(s.time, s.env.Wall()/int64(time.Millisecond))
	s.number++
	r.Stamp = Stamp{Time: s.time, Node: s.self, Number: s.number}
	if !s.assign(r) {
		return // another node's clock is ahead: its write stands
	}
	s.log = append(s.log, entry{r.Stamp.Number, r.Key})
	s.then(func() {
		s.stable = r.Stamp.Number
		for i := range s.peers {
			s.replicate(&s.peers[i])
		}
	})
}

// assign is the Thomas write rule: a write that is older than what the row holds has no
// effect. It reports whether there was one.
func (s *server) assign(r Row) bool {
	held, found := s.row(r.Key)
	late := found && r.Stamp.compare(held.Stamp) <= 0
	if s.cfg.Bug == TieByArrival && r.Stamp.Time == held.Stamp.Time {
		late = false
	}
	if late {
		return false
	}
	s.put(r)
	s.journal.Write(func(b []byte) []byte { return appendRow(append(b, recordRow), &r) })
	return true
}

func (s *server) row(k Key) (Row, bool) {
	i, found := s.place[k]
	if !found {
		return Row{}, false
	}
	return s.rows[i], true
}

func (s *server) put(r Row) {
	i, found := s.place[r.Key]
	if !found {
		i = len(s.rows)
		s.place[r.Key] = i
		s.rows = append(s.rows, Row{})
	}
	s.rows[i] = r
}
