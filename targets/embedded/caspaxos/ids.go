package caspaxos

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// Unique ids come from one register that counts them. A node takes a block of them by one
// change and gives them out by itself; what is left of it when the node dies is never used.

const blockSize = 100

// block is what is left of one: from next on, before end.
type block struct{ next, end int64 }

// idSource gives ids out.
type idSource struct {
	left    block
	waiting []node.RequestID // for the next block
}

// nextID answers at once if ids are left, or else asks for a block.
func (s *server) nextID(id node.RequestID) {
	if g := &s.ids; g.left.next < g.left.end {
		s.env.Reply(id, &kv.Reply{Value: g.left.next})
		g.left.next++
		return
	}
	s.ids.waiting = append(s.ids.waiting, id)
	if len(s.ids.waiting) == 1 {
		s.takeBlock()
	}
}

func (s *server) takeBlock() {
	s.propose(Key{Kind: ids}, &request{op: kv.Request{Op: kv.OpNextID, Value: blockSize}, began: s.env.Now()})
}

// blockTaken gives ids to all that wait, or tells them that there are none.
func (s *server) blockTaken(reply *kv.Reply) {
	waiting := s.ids.waiting
	s.ids.waiting = nil
	if reply.Status != kv.Done {
		for _, id := range waiting {
			s.env.Reply(id, kv.Refuse("no block of ids could be had"))
		}
		return
	}
	s.ids.left = block{reply.Value - blockSize + 1, reply.Value + 1}
	if s.cfg.Bug == IDBlockReused {
		// The block is kept so that a restart wastes none, but not how much is given out.
		s.journal.Write(func(b []byte) []byte {
			return wire.AppendInts(append(b, recordBlock), s.ids.left.next, s.ids.left.end)
		})
	}
	for _, id := range waiting {
		s.nextID(id)
	}
}
