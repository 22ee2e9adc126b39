package raft

import (
	"encoding/binary"
	"hash/crc32"

	pb "go.etcd.io/raft/v3/raftpb"
)

// A node's log file is a sequence of records, each behind its length and checksum:
//
//	+--------+--------+---------------------------+
//	| length | CRC-32C| kind, fields of that kind |   length and CRC: 4 bytes, little-endian
//	+--------+--------+---------------------------+
//
// Whatever follows the first record that does not check is the torn end of writes that
// were never synced, so never acknowledged, and is cut off. A snapshot is only ever the
// first record: the file is replaced by one that begins with it.

const (
	recordState    byte = iota + 1 // term, vote and commit index
	recordEntry                    // overrules entries of the same and later indexes
	recordSnapshot                 // of the state machine
)

const frameHeader = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal writes the length and checksum of the record whose frame begins at start.
func seal(b []byte, start int) []byte {
	payload := b[start+frameHeader:]
	binary.LittleEndian.PutUint32(b[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[start+4:], crc32.Checksum(payload, castagnoli))
	return b
}

func open(b []byte, kind byte) []byte { return append(b, 0, 0, 0, 0, 0, 0, 0, 0, kind) }

func appendStateRecord(b []byte, s *pb.HardState) []byte {
	return seal(appendNumbers(open(b, recordState), s.GetTerm(), s.GetVote(), s.GetCommit()), len(b))
}

func appendEntryRecord(b []byte, e *pb.Entry) []byte {
	return seal(appendEntry(open(b, recordEntry), e), len(b))
}

func appendSnapshotRecord(b []byte, s *pb.Snapshot) []byte {
	return seal(appendSnapshot(open(b, recordSnapshot), s), len(b))
}

// record is one that was read back: exactly one of its fields is set.
type record struct {
	state    *pb.HardState
	entry    *pb.Entry
	snapshot *pb.Snapshot
}

// nextRecord takes a record off the front; ok is false at the end and at a torn record.
func nextRecord(b []byte) (r record, rest []byte, ok bool) {
	if len(b) < frameHeader {
		return r, b, false
	}
	n := binary.LittleEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-frameHeader) {
		return r, b, false
	}
	payload := b[frameHeader : frameHeader+int(n)]
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
		return r, b, false
	}
	d := decoder{rest: payload}
	switch d.byte() {
	case recordState:
		r.state = &pb.HardState{Term: new(d.uvarint()), Vote: new(d.uvarint()), Commit: new(d.uvarint())}
	case recordEntry:
		r.entry = d.entry()
	case recordSnapshot:
		r.snapshot = d.snapshot()
	default:
		d.fail()
	}
	if d.end() != nil {
		return record{}, b, false
	}
	return r, b[frameHeader+int(n):], true
}
