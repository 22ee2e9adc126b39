package raft

import (
	"encoding/binary"
	"errors"
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-dev/faultline/harness/node"
)

// A message is a byte that names its type and then its fields in order: numbers as
// varints, strings and lists behind their length, booleans as a byte.

const (
	tagRequest byte = iota + 1
	tagReply
	tagForward
	tagAnswer
	tagPeer
)

// AppendBinary implements node.Message.
func (m *Request) AppendBinary(b []byte) ([]byte, error) {
	return appendRequest(append(b, tagRequest), m), nil
}

// AppendBinary implements node.Message.
func (m *Reply) AppendBinary(b []byte) ([]byte, error) {
	return appendReply(append(b, tagReply), m), nil
}

// AppendBinary implements node.Message.
func (m *Forward) AppendBinary(b []byte) ([]byte, error) {
	b = appendNumbers(append(b, tagForward), m.Term, m.Session, m.Call)
	return appendRequest(b, &m.Request), nil
}

// AppendBinary implements node.Message.
func (m *Answer) AppendBinary(b []byte) ([]byte, error) {
	b = appendNumbers(append(b, tagAnswer), m.Session, m.Call)
	return appendReply(b, &m.Reply), nil
}

// AppendBinary implements node.Message.
func (m *Peer) AppendBinary(b []byte) ([]byte, error) {
	p := m.M
	b = append(b, tagPeer, byte(p.GetType()), flag(p.GetReject()))
	b = appendNumbers(b, p.GetTo(), p.GetFrom(), p.GetTerm(), p.GetLogTerm(), p.GetIndex(), p.GetCommit(), p.GetRejectHint())
	b = appendBytes(b, p.GetContext())
	b = binary.AppendUvarint(b, uint64(len(p.GetEntries())))
	for _, e := range p.GetEntries() {
		b = appendEntry(b, e)
	}
	b = append(b, flag(p.Snapshot != nil))
	if p.Snapshot != nil {
		b = appendSnapshot(b, p.Snapshot)
	}
	return b, nil
}

// Decode implements node.Codec.
func Decode(b []byte) (node.Message, error) {
	d := decoder{rest: b}
	tag := d.byte()
	var m node.Message
	switch tag {
	case tagRequest:
		r := d.request()
		m = &r
	case tagReply:
		r := d.reply()
		m = &r
	case tagForward:
		m = &Forward{Term: d.uvarint(), Session: d.uvarint(), Call: d.uvarint(), Request: d.request()}
	case tagAnswer:
		m = &Answer{Session: d.uvarint(), Call: d.uvarint(), Reply: d.reply()}
	case tagPeer:
		m = &Peer{M: d.peer()}
	default:
		return nil, fmt.Errorf("raft: no message of type %d", tag)
	}
	if err := d.end(); err != nil {
		return nil, fmt.Errorf("raft: message of type %d: %w", tag, err)
	}
	return m, nil
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

func appendNumbers(b []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func appendBytes(b, data []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(data))), data...)
}

func appendElements(b []byte, elements []int64) []byte {
	b = binary.AppendUvarint(b, uint64(len(elements)))
	for _, e := range elements {
		b = binary.AppendVarint(b, e)
	}
	return b
}

func appendRequest(b []byte, r *Request) []byte {
	b = binary.AppendVarint(append(b, byte(r.Op)), r.Key)
	b = binary.AppendVarint(b, r.Value)
	return binary.AppendVarint(b, r.Expect)
}

func appendReply(b []byte, r *Reply) []byte {
	b = binary.AppendVarint(append(b, byte(r.Status), flag(r.Found)), r.Value)
	b = appendElements(b, r.Elements)
	return append(binary.AppendUvarint(b, uint64(len(r.Reason))), r.Reason...)
}

func appendEntry(b []byte, e *pb.Entry) []byte {
	return appendBytes(appendNumbers(b, e.GetTerm(), e.GetIndex()), e.GetData())
}

func appendSnapshot(b []byte, s *pb.Snapshot) []byte {
	meta := s.GetMetadata()
	b = appendNumbers(b, meta.GetIndex(), meta.GetTerm())
	voters := meta.GetConfState().GetVoters()
	b = binary.AppendUvarint(b, uint64(len(voters)))
	b = appendNumbers(b, voters...)
	return appendBytes(b, s.GetData())
}

var errMalformed = errors.New("malformed")

// decoder takes fields off the front. After the first that is not there it is bad, and
// returns zeros.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) fail() { d.rest, d.bad = nil, true }

// end reports whether everything was there and nothing more.
func (d *decoder) end() error {
	if d.bad || len(d.rest) > 0 {
		return errMalformed
	}
	return nil
}

func (d *decoder) byte() byte {
	if len(d.rest) == 0 {
		d.fail()
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) upTo(last byte) byte {
	b := d.byte()
	if b > last {
		d.fail()
		return 0
	}
	return b
}

func (d *decoder) flag() bool { return d.upTo(1) == 1 }

func (d *decoder) varint() int64 {
	n, w := binary.Varint(d.rest)
	if w <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[w:]
	return n
}

func (d *decoder) uvarint() uint64 {
	n, w := binary.Uvarint(d.rest)
	if w <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[w:]
	return n
}

// length is that of something whose items take at least a byte each.
func (d *decoder) length() int {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return 0
	}
	return int(n)
}

// bytes returns a copy.
func (d *decoder) bytes() []byte {
	n := d.length()
	if n == 0 {
		return nil
	}
	b := append([]byte(nil), d.rest[:n]...)
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) elements() []int64 {
	n := d.length()
	if n == 0 {
		return nil
	}
	elements := make([]int64, n)
	for i := range elements {
		elements[i] = d.varint()
	}
	return elements
}

func (d *decoder) request() Request {
	return Request{Op: Op(d.upTo(byte(OpReadAll))), Key: d.varint(), Value: d.varint(), Expect: d.varint()}
}

func (d *decoder) reply() Reply {
	return Reply{
		Status: Status(d.upTo(byte(NotLeader))), Found: d.flag(), Value: d.varint(),
		Elements: d.elements(), Reason: string(d.bytes()),
	}
}

func (d *decoder) entry() *pb.Entry {
	return &pb.Entry{Term: new(d.uvarint()), Index: new(d.uvarint()), Data: d.bytes()}
}

func (d *decoder) snapshot() *pb.Snapshot {
	meta := &pb.SnapshotMetadata{Index: new(d.uvarint()), Term: new(d.uvarint())}
	voters := make([]uint64, d.length())
	for i := range voters {
		voters[i] = d.uvarint()
	}
	meta.ConfState = &pb.ConfState{Voters: voters}
	return &pb.Snapshot{Metadata: meta, Data: d.bytes()}
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

func (d *decoder) peer() *pb.Message {
	t := pb.MessageType(d.byte())
	if !travels(t) {
		d.fail()
		return nil
	}
	m := &pb.Message{
		Type: &t, Reject: new(d.flag()), To: new(d.uvarint()), From: new(d.uvarint()), Term: new(d.uvarint()),
		LogTerm: new(d.uvarint()), Index: new(d.uvarint()), Commit: new(d.uvarint()), RejectHint: new(d.uvarint()),
		Context: d.bytes(),
	}
	if n := d.length(); n > 0 {
		m.Entries = make([]*pb.Entry, n)
		for i := range m.Entries {
			m.Entries[i] = d.entry()
		}
	}
	if d.flag() {
		m.Snapshot = d.snapshot()
	}
	return m
}
