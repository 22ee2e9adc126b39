package raft

import (
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// The protocol core's messages and what they hold, field by field.

func appendPeer(b []byte, m *pb.Message) []byte {
	b = append(b, byte(m.GetType()), wire.Flag(m.GetReject()))
	b = wire.AppendUints(b, m.GetTo(), m.GetFrom(), m.GetTerm(), m.GetLogTerm(), m.GetIndex(), m.GetCommit(), m.GetRejectHint())
	b = wire.AppendBytes(b, m.GetContext())
	b = wire.AppendUints(b, uint64(len(m.GetEntries())))
	for _, e := range m.GetEntries() {
		b = appendEntry(b, e)
	}
	b = append(b, wire.Flag(m.Snapshot != nil))
	if m.Snapshot != nil {
		b = appendSnapshot(b, m.Snapshot)
	}
	return b
}

func appendEntry(b []byte, e *pb.Entry) []byte {
	b = append(b, byte(e.GetType()))
	return wire.AppendBytes(wire.AppendUints(b, e.GetTerm(), e.GetIndex()), e.GetData())
}

func appendSnapshot(b []byte, s *pb.Snapshot) []byte {
	meta := s.GetMetadata()
	voters := meta.GetConfState().GetVoters()
	b = wire.AppendUints(b, meta.GetIndex(), meta.GetTerm(), uint64(len(voters)))
	b = wire.AppendUints(b, voters...)
	return wire.AppendBytes(b, s.GetData())
}

func takeEntry(d *wire.Decoder) *pb.Entry {
	var kind *pb.EntryType
	if t := pb.EntryType(d.UpTo(byte(pb.EntryConfChange))); t != pb.EntryNormal {
		kind = &t
	}
	// A restart reads a whole log: an entry and its numbers are one piece of memory.
	e := new(struct {
		entry       pb.Entry
		term, index uint64
	})
	e.term, e.index = d.Uint(), d.Uint()
	e.entry.Type, e.entry.Term, e.entry.Index, e.entry.Data = kind, &e.term, &e.index, d.Bytes()
	return &e.entry
}

func takeState(d *wire.Decoder) *pb.HardState {
	s := new(struct {
		state              pb.HardState
		term, vote, commit uint64
	})
	s.term, s.vote, s.commit = d.Uint(), d.Uint(), d.Uint()
	s.state.Term, s.state.Vote, s.state.Commit = &s.term, &s.vote, &s.commit
	return &s.state
}

func takeSnapshot(d *wire.Decoder) *pb.Snapshot {
	meta := &pb.SnapshotMetadata{Index: new(d.Uint()), Term: new(d.Uint())}
	meta.ConfState = &pb.ConfState{Voters: wire.Take(d, (*wire.Decoder).Uint)}
	return &pb.Snapshot{Metadata: meta, Data: d.Bytes()}
}

// travels reports whether messages of this type go from node to node. The others are a
// core's to itself, or ask for what this store does otherwise.
func travels(t pb.MessageType) bool {
	switch t {
	case pb.MsgApp, pb.MsgAppResp, pb.MsgVote, pb.MsgVoteResp, pb.MsgPreVote, pb.MsgPreVoteResp,
		pb.MsgSnap, pb.MsgHeartbeat, pb.MsgHeartbeatResp:
		return true
	}
	return false
}

func takePeer(d *wire.Decoder) *pb.Message {
	t := pb.MessageType(d.Byte())
	if !travels(t) {
		d.Fail()
		return nil
	}
	m := &pb.Message{
		Type: &t, Reject: new(d.Flag()), To: new(d.Uint()), From: new(d.Uint()), Term: new(d.Uint()),
		LogTerm: new(d.Uint()), Index: new(d.Uint()), Commit: new(d.Uint()), RejectHint: new(d.Uint()),
		Context: d.Bytes(), Entries: wire.Take(d, takeEntry),
	}
	if d.Flag() {
		m.Snapshot = takeSnapshot(d)
	}
	return m
}

// command is a log entry's data: a client's request behind the number that its proposer
// gave it, or behind a zero what the store around the group has to say.
type command struct {
	number  uint64
	request kv.Request
	data    []byte
}

func (c *command) append(b []byte) []byte {
	b = wire.AppendUints(b, c.number)
	if c.number == 0 {
		return append(b, c.data...)
	}
	return kv.AppendRequest(b, &c.request)
}

func (c *command) take(data []byte) error {
	d := wire.NewDecoder(data)
	*c = command{number: d.Uint()}
	if c.number == 0 {
		c.data = d.Rest()
	} else {
		c.request = kv.TakeRequest(&d)
	}
	return d.End()
}
