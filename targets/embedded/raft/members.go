package raft

import (
	"slices"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// Members change one at a time, each change an entry of the log, so that a majority of the
// members before it and one after it always meet (Ongaro: Consensus: Bridging Theory and
// Practice, 2014, section 4.1). With this core a change counts when its entry is applied, and
// a leader proposes the next one only then. All nodes are members at first; which are later
// follows from the log, and a snapshot says it.
//
// The process of a node that has left runs on. It knows no leader, or soon none, so that it
// refuses its clients' requests.

// change is one that a leader has proposed and that is not applied yet.
type change struct {
	id    node.RequestID
	entry *pb.ConfChange
	since time.Duration
}

// members are the members' names, as far as this node has applied the log.
func (s *Server) members() []node.ID {
	var names []node.ID
	for _, v := range s.store.voters.GetVoters() {
		names = append(names, s.peers[v-1])
	}
	return names
}

func (s *Server) isMember(id uint64) bool { return slices.Contains(s.store.voters.GetVoters(), id) }

// change takes an administrator's request. Only the leader can do something about it.
func (s *Server) change(id node.RequestID, c *kv.Change) {
	who := uint64(slices.Index(s.peers, c.Node) + 1)
	switch {
	case who == 0:
		s.env.Reply(id, kv.Refuse("there is no such node"))
	case !s.leading:
		s.env.Reply(id, kv.Refuse("only the leader changes members"))
	case s.leader.change != nil:
		s.env.Reply(id, kv.Refuse("another change of members is under way"))
	case !c.Join && len(s.store.voters.GetVoters()) == 1 && s.isMember(who):
		s.env.Reply(id, kv.Refuse("it is the last member"))
	default:
		// What seems to be so already is proposed all the same, and changes nothing: a leader
		// that was deposed without knowing may not have heard of the last change.
		kind := pb.ConfChangeRemoveNode
		if c.Join {
			kind = pb.ConfChangeAddNode
		}
		s.proposeChange(id, &pb.ConfChange{Type: &kind, NodeId: &who})
	}
}

func (s *Server) proposeChange(id node.RequestID, entry *pb.ConfChange) {
	if err := s.core.ProposeConfChange(entry); err != nil {
		s.env.Reply(id, kv.Refuse(err.Error()))
		return
	}
	s.leader.change = &change{id: id, entry: entry, since: s.env.Now()}
	if s.cfg.Bug == ChangeBeforeCommit {
		s.changed(entry)
	}
	s.pump()
}

// applyChange carries out a change of members that is committed.
func (s *Server) applyChange(e *pb.Entry) {
	entry := &pb.ConfChange{}
	if err := proto.Unmarshal(e.GetData(), entry); err != nil {
		s.env.Fatalf("log entry %d: %v", e.GetIndex(), err)
		return
	}
	s.changed(entry)
}

// changed has a change take effect and tells whoever asked for it.
func (s *Server) changed(entry *pb.ConfChange) {
	s.store.voters = s.core.ApplyConfChange(entry)
	if c := s.leader.change; c != nil && proto.Equal(c.entry, entry) {
		s.leader.change = nil
		s.env.Reply(c.id, &kv.Reply{})
	}
}

// expireChange gives up on a change that no majority confirms, or that the core has put
// aside because one of an earlier leader is not applied yet.
func (s *Server) expireChange() {
	if c := s.leader.change; c != nil && s.env.Now()-c.since >= commitWithin {
		s.leader.change = nil
		s.env.Reply(c.id, kv.Doubt("no majority answers the leader"))
	}
}

// Snapshot implements the core's storage: what is sent to a node that lacks too much. One
// that was made before the members changed may not know its receiver, who would not take it.
func (s *storage) Snapshot() (*pb.Snapshot, error) {
	last, err := s.MemoryStorage.Snapshot()
	if err != nil || slices.Equal(last.GetMetadata().GetConfState().GetVoters(), s.voters.GetVoters()) {
		return last, err
	}
	index, data := s.state()
	if index <= last.GetMetadata().GetIndex() {
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	return s.CreateSnapshot(index, s.voters, data)
}
