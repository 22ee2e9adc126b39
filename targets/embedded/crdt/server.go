package crdt

import (
	"slices"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/journal"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// server is a node.
type server struct {
	cfg     Config
	env     node.Env
	self    node.ID
	index   uint64 // among all nodes, of which there are
	nodes   uint64
	journal journal.Journal

	items   map[Name]*held
	objects map[int64]*object
	keys    []int64 // of objects, in the order in which they first appeared
	tags    uint64  // given to additions so far
	ids     uint64  // given out so far
	life    uint64  // the how-manieth of this node

	number  uint64   // of the last change of an item in this life
	changes []change // by number
	graves  []grave  // those that left tombstones
	peers   []peer
}

// object is the set and the counter of a key, in the order in which their items appeared.
type object struct{ elements, counts []*held }

// held is an item as this node holds it.
type held struct {
	Item
	number uint64 // of its last change
}

// change is an item's. It is void once the item has changed again.
type change struct {
	number uint64
	item   *held
}

func (c change) void() bool { return c.item.number != c.number }

// Start implements node.Node.
func (s *server) Start(env node.Env) {
	s.env, s.self = env, env.ID()
	s.items, s.objects = map[Name]*held{}, map[int64]*object{}
	all := env.Peers()
	s.nodes, s.index = uint64(len(all)), uint64(slices.Index(all, s.self))
	for _, id := range all {
		if id != s.self {
			s.peers = append(s.peers, peer{id: id})
		}
	}
	s.journal = journal.Journal{Snapshot: s.snapshot, CompactAt: s.cfg.CompactAt}
	if err := s.journal.Open(env, s.restore); err != nil {
		env.Fatalf("%v", err)
		return
	}
	s.each(s.renumber) // what a peer has of an earlier life's changes is not known
	s.life++
	s.journal.Write(s.appendSelf)
	s.journal.Then(s.gossip)
}

// Request implements node.Node. No answer tells of anything that a crash could take back.
func (s *server) Request(id node.RequestID, m node.Message) {
	r, ok := m.(*kv.Request)
	if !ok {
		s.env.Reply(id, kv.Refuse("not a request"))
		return
	}
	reply := s.answer(r)
	if r.Op == kv.OpIncrement && s.cfg.Bug == CounterNotPersisted {
		s.env.Reply(id, reply)
		return
	}
	s.journal.Then(func() { s.env.Reply(id, reply) })
}

func (s *server) answer(r *kv.Request) *kv.Reply {
	element := Name{Key: r.Key, Element: r.Value}
	switch r.Op {
	case kv.OpAdd:
		it, t := s.item(element), Tag{}
		if s.cfg.Sets == ObservedRemove {
			s.tags++
			t = Tag{s.self, s.tags}
		}
		it.add(t)
		s.changed(it)
	case kv.OpRemove:
		if s.cfg.Sets != ObservedRemove {
			return &kv.Reply{Status: kv.Unsupported}
		}
		if it := s.items[element]; it != nil && len(it.Live) > 0 {
			it.remove()
			s.changed(it)
		}
	case kv.OpReadAll:
		return &kv.Reply{Elements: s.readSet(r.Key)}
	case kv.OpIncrement:
		it := s.item(Name{Key: r.Key, Node: s.self})
		if r.Value >= 0 {
			it.Plus += uint64(r.Value)
		} else {
			it.Minus += uint64(-r.Value)
		}
		s.changed(it)
	case kv.OpReadCounter:
		sum := int64(0)
		for _, it := range s.object(r.Key).counts {
			sum += int64(it.Plus - it.Minus)
		}
		return &kv.Reply{Value: sum}
	case kv.OpNextID:
		s.ids++
		if s.cfg.Bug != IDsReset {
			s.journal.Write(s.appendSelf)
		}
		return &kv.Reply{Value: int64((s.ids-1)*s.nodes + s.index)}
	default:
		return &kv.Reply{Status: kv.Unsupported}
	}
	return &kv.Reply{}
}

func (s *server) readSet(key int64) []int64 {
	var elements []int64
	for _, it := range s.object(key).elements {
		if len(it.Live) > 0 {
			elements = append(elements, it.Element)
		}
	}
	return elements
}

// item finds an item, or makes it as it is before anybody knows of it.
func (s *server) item(n Name) *held {
	it := s.items[n]
	if it == nil {
		it = &held{Item: Item{Name: n}}
		s.items[n] = it
		o := s.object(n.Key)
		if n.Node == "" {
			o.elements = append(o.elements, it)
		} else {
			o.counts = append(o.counts, it)
		}
	}
	return it
}

func (s *server) object(key int64) *object {
	o := s.objects[key]
	if o == nil {
		o = &object{}
		s.objects[key] = o
		s.keys = append(s.keys, key)
	}
	return o
}

// each calls f for all items.
func (s *server) each(f func(*held)) {
	for _, key := range s.keys {
		o := s.objects[key]
		for _, it := range o.elements {
			f(it)
		}
		for _, it := range o.counts {
			f(it)
		}
	}
}

// forget is the reverse of item, for an element of which nothing is left.
func (s *server) forget(it *held) {
	delete(s.items, it.Name)
	it.number = 0
	o := s.object(it.Key)
	at := slices.Index(o.elements, it)
	o.elements = slices.Delete(o.elements, at, at+1)
}

// changed writes an item down and numbers the change.
func (s *server) changed(it *held) {
	s.journal.Write(func(b []byte) []byte { return appendItem(append(b, recordItem), &it.Item) })
	s.renumber(it)
}

func (s *server) renumber(it *held) {
	s.number++
	it.number = s.number
	c := change{s.number, it}
	s.changes = append(s.changes, c)
	if len(it.Dead) > 0 {
		s.graves = append(s.graves, grave{c, s.env.Now()})
	}
}
