package raft

import (
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// A node's log file is a sequence of records, each a frame whose payload begins with the
// record's kind. A snapshot is only ever the first record: the file is replaced by one that
// begins with it.

const (
	recordState    byte = iota + 1 // term, vote and commit index
	recordEntry                    // overrules entries of the same and later indexes
	recordSnapshot                 // of the state machine
)

func open(b []byte, kind byte) []byte { return append(wire.Open(b), kind) }

func appendStateRecord(b []byte, s *pb.HardState) []byte {
	return wire.Seal(wire.AppendUints(open(b, recordState), s.GetTerm(), s.GetVote(), s.GetCommit()), len(b))
}

func appendEntryRecord(b []byte, e *pb.Entry) []byte {
	return wire.Seal(appendEntry(open(b, recordEntry), e), len(b))
}

func appendSnapshotRecord(b []byte, s *pb.Snapshot) []byte {
	return wire.Seal(appendSnapshot(open(b, recordSnapshot), s), len(b))
}

// record is one that was read back: exactly one of its fields is set.
type record struct {
	state    *pb.HardState
	entry    *pb.Entry
	snapshot *pb.Snapshot
}

// nextRecord takes a record off the front; ok is false at the end and at a torn record.
func nextRecord(b []byte) (r record, rest []byte, ok bool) {
	payload, rest, ok := wire.Next(b)
	if !ok {
		return r, b, false
	}
	d := wire.NewDecoder(payload)
	switch d.Byte() {
	case recordState:
		r.state = takeState(&d)
	case recordEntry:
		r.entry = takeEntry(&d)
	case recordSnapshot:
		r.snapshot = takeSnapshot(&d)
	default:
		d.Fail()
	}
	if d.End() != nil {
		return record{}, b, false
	}
	return r, rest, true
}
