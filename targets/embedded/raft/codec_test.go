package raft

import (
	"bytes"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/route"
	"github.com/faultline-dev/faultline/targets/embedded/wire/wiretest"
)

func genMessage(t *rapid.T) node.Message {
	number := rapid.Uint64()
	kind := rapid.SampledFrom([]pb.MessageType{pb.MsgApp, pb.MsgAppResp, pb.MsgVote, pb.MsgSnap, pb.MsgHeartbeatResp}).Draw(t, "kind")
	m := &pb.Message{
		Type: &kind, To: new(number.Draw(t, "to")), From: new(number.Draw(t, "from")), Term: new(number.Draw(t, "term")),
		Index: new(number.Draw(t, "index")), Reject: new(rapid.Bool().Draw(t, "reject")), Context: []byte(rapid.String().Draw(t, "context")),
	}
	for range rapid.IntRange(0, 3).Draw(t, "entries") {
		m.Entries = append(m.Entries, &pb.Entry{
			Term: new(number.Draw(t, "entry term")), Index: new(number.Draw(t, "entry index")), Data: []byte(rapid.String().Draw(t, "data")),
		})
	}
	if kind == pb.MsgSnap {
		m.Snapshot = &pb.Snapshot{Data: []byte(rapid.String().Draw(t, "snapshot")), Metadata: &pb.SnapshotMetadata{
			Index: new(number.Draw(t, "snapshot index")), ConfState: &pb.ConfState{Voters: []uint64{1, 2, 3}},
		}}
	}
	return &Peer{M: m}
}

// What was decoded encodes to the same bytes.
func TestCodecRoundTrip(t *testing.T) { wiretest.RoundTrip(t, Decode, genMessage) }

func FuzzDecode(f *testing.F) {
	wiretest.Fuzz(f, Decode,
		&kv.Request{Op: kv.OpAdd, Key: 1}, &kv.Reply{Elements: []int64{1, -2}}, &route.Forward{Call: 3}, &route.Answer{Session: 9},
		&Peer{M: &pb.Message{Type: pb.MsgApp.Enum(), Entries: []*pb.Entry{{Data: []byte("x")}}}},
	)
}

func FuzzRecord(f *testing.F) {
	f.Add(appendEntryRecord(nil, &pb.Entry{Term: new(uint64(1)), Data: []byte("x")}))
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		for {
			_, rest, ok := nextRecord(b)
			if !ok {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("a record took nothing")
			}
			b = rest
		}
	})
}

// A record that is cut anywhere, or whose end is zeros, is not one.
func TestTornRecords(t *testing.T) {
	whole := appendEntryRecord(nil, &pb.Entry{Term: new(uint64(7)), Index: new(uint64(9)), Data: []byte("command")})
	if r, rest, ok := nextRecord(whole); !ok || len(rest) != 0 || r.entry.GetIndex() != 9 {
		t.Fatalf("the whole record: %+v, %v", r, ok)
	}
	for n := range whole {
		if _, _, ok := nextRecord(whole[:n]); ok {
			t.Errorf("accepted the first %d bytes", n)
		}
		zeros := append(bytes.Clone(whole[:n]), make([]byte, len(whole)-n)...)
		if _, _, ok := nextRecord(zeros); ok && !bytes.Equal(zeros, whole) {
			t.Errorf("accepted %d bytes and zeros", n)
		}
	}
}
