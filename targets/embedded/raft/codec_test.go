package raft

import (
	"bytes"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/harness/node"
)

func genMessage(t *rapid.T) node.Message {
	number := rapid.Uint64()
	request := Request{
		Op: Op(rapid.IntRange(0, int(OpReadAll)).Draw(t, "op")), Key: rapid.Int64().Draw(t, "key"),
		Value: rapid.Int64().Draw(t, "value"), Expect: rapid.Int64().Draw(t, "expect"),
	}
	reply := Reply{
		Status: Status(rapid.IntRange(0, int(NotLeader)).Draw(t, "status")), Found: rapid.Bool().Draw(t, "found"),
		Value: rapid.Int64().Draw(t, "seen"), Elements: rapid.SliceOfN(rapid.Int64(), 0, 4).Draw(t, "elements"),
		Reason: rapid.String().Draw(t, "reason"),
	}
	switch rapid.IntRange(0, 4).Draw(t, "type") {
	case 0:
		return &request
	case 1:
		return &reply
	case 2:
		return &Forward{Term: number.Draw(t, "term"), Session: number.Draw(t, "session"), Call: number.Draw(t, "call"), Request: request}
	case 3:
		return &Answer{Session: number.Draw(t, "session"), Call: number.Draw(t, "call"), Reply: reply}
	}
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
func TestCodecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := genMessage(t)
		b, err := m.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatalf("%T: %v", m, err)
		}
		again, err := got.AppendBinary(nil)
		if err != nil || !bytes.Equal(b, again) {
			t.Fatalf("%T: %x became %x (%v)", m, b, again, err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, m := range []node.Message{&Request{Op: OpAdd, Key: 1}, &Reply{Elements: []int64{1, -2}}, &Forward{Call: 3}, &Answer{Session: 9},
		&Peer{M: &pb.Message{Type: pb.MsgApp.Enum(), Entries: []*pb.Entry{{Data: []byte("x")}}}}} {
		b, err := m.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		if _, err := m.AppendBinary(nil); err != nil {
			t.Errorf("decoded %x, but cannot encode it: %v", b, err)
		}
	})
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

// A snapshot of a machine makes an equal one, and replicas share no memory.
func TestMachineSnapshot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine()
		for range rapid.IntRange(0, 50).Draw(t, "steps") {
			m.apply(&Request{
				Op:  rapid.SampledFrom([]Op{OpWrite, OpCompareAndSet, OpAdd}).Draw(t, "op"),
				Key: rapid.Int64Range(0, 3).Draw(t, "key"), Value: rapid.Int64Range(0, 9).Draw(t, "value"), Expect: rapid.Int64Range(0, 9).Draw(t, "expect"),
			})
		}
		snapshot := m.snapshot()
		n, err := restore(snapshot)
		if err != nil {
			t.Fatal(err)
		}
		if again := n.snapshot(); !bytes.Equal(snapshot, again) {
			t.Fatalf("%x became %x", snapshot, again)
		}
	})
}

// A call counts as fresh once, in whatever order calls arrive.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		seen, high := map[uint64]bool{}, uint64(0)
		for _, n := range rapid.SliceOf(rapid.Uint64Range(1, 4000)).Draw(t, "calls") {
			want := !seen[n] && (n > high || high-n < windowSize)
			if got := w.add(n); got != want {
				t.Fatalf("call %d after %d: fresh %v, want %v", n, high, got, want)
			}
			seen[n], high = true, max(high, n)
		}
	})
}
