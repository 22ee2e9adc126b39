package dynamo

import (
	"slices"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
)

// Anti-entropy (DeCandia and others, section 4.7): now and then a node compares with another
// one the keys that both are homes of, and they give each other what either lacks: what
// neither a hint nor a read has mended. They compare hashes, in a Merkle tree of two levels,
// so that of replicas that agree 16 numbers say so, and others find the few keys in which
// they do not:
//
//	n1 -- Compare the root: 16 hashes ----------------------> n2
//	n1 <- Compare those children that differ: 16 hashes each - n2
//	n1 -- Put the keys of leaves that differ, Want theirs ---> n2
//	n1 <- Put ------------------------------------------------ n2

const (
	fanout       = 16
	entropyEvery = time.Second
	theRoot      = fanout // as a child: none
)

// Compare tells the hashes below the root, or below one of its children.
type Compare struct {
	Child  byte // theRoot, or the how-manieth child
	Hashes []uint64
}

// Want asks for all keys of a leaf.
type Want struct{ Leaf byte }

// leaf of the tree that a key belongs to.
func (k Key) leaf() byte { return byte(mix(uint64(k.ID)<<1^uint64(k.Kind)) >> 56) }

// hash of a value: the same whatever order its parts arrived in.
func (c *cell) hash() uint64 {
	h := mix(hashName(string(c.value.Stamp.Node)) ^ mix(uint64(c.value.Stamp.Time)^mix(c.value.Stamp.Serial)))
	for _, e := range c.value.Elements {
		h += mix(uint64(e) ^ 1)
	}
	for _, v := range c.history.all() {
		h += mix(hashName(string(v.Dot.Node)) ^ mix(v.Dot.Life^mix(v.Dot.Number)))
	}
	return h
}

// shared calls f for the keys that this node and another one are both homes of.
func (s *server) shared(with node.ID, f func(Key)) {
	for _, k := range s.store.keys {
		homes := s.homes(k)
		if slices.Contains(homes, s.self) && slices.Contains(homes, with) {
			f(k)
		}
	}
}

// leaves are the hashes of the tree that this node shares with another one; an empty leaf's
// is 0.
func (s *server) leaves(with node.ID) []uint64 {
	hashes := make([]uint64, fanout*fanout)
	s.shared(with, func(k Key) {
		if c := s.store.data[k]; !c.empty() {
			hashes[k.leaf()] += mix(c.hash() ^ mix(uint64(k.ID)<<1^uint64(k.Kind)))
		}
	})
	return hashes
}

// below are the hashes below the root, or below one of its children.
func below(leaves []uint64, child byte) []uint64 {
	if child != theRoot {
		return leaves[int(child)*fanout : (int(child)+1)*fanout]
	}
	hashes := make([]uint64, fanout)
	for i := range leaves {
		hashes[i/fanout] = mix(hashes[i/fanout]*31 + leaves[i])
	}
	return hashes
}

// reconcile tells a node drawn at random the members, if they ever changed, and begins to
// compare with it.
func (s *server) reconcile() {
	p := s.peers[s.env.Rand().IntN(len(s.peers))].id
	if p != s.self && s.ready {
		if slices.ContainsFunc(s.store.seats, func(t Seat) bool { return t.Version > 0 }) {
			s.env.Send(p, &View{Seats: s.store.seats})
		}
		if s.cfg.AntiEntropy {
			s.env.Send(p, &Compare{Child: theRoot, Hashes: below(s.leaves(p), theRoot)})
		}
	}
	s.env.After(entropyEvery, s.reconcile)
}

// compare goes on where the hashes differ: to the next level, or to the keys.
func (s *server) compare(from node.ID, m *Compare) {
	leaves := s.leaves(from)
	own := below(leaves, m.Child)
	for i := range min(len(own), len(m.Hashes)) {
		switch {
		case own[i] == m.Hashes[i]:
		case m.Child == theRoot:
			s.env.Send(from, &Compare{Child: byte(i), Hashes: below(leaves, byte(i))})
		default:
			leaf := m.Child*fanout + byte(i)
			s.give(from, leaf)
			s.env.Send(from, &Want{leaf})
		}
	}
}

// give sends another home all keys of a leaf.
func (s *server) give(to node.ID, leaf byte) {
	s.shared(to, func(k Key) {
		if c := s.store.data[k]; k.leaf() == leaf && !c.empty() {
			s.env.Send(to, &Put{Key: k, Value: c.view()})
		}
	})
}
