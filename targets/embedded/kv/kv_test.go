package kv

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

func draw(t *rapid.T) Request {
	return Request{
		Op: Op(rapid.IntRange(0, int(lastOp)).Draw(t, "op")), Key: rapid.Int64Range(0, 3).Draw(t, "key"),
		Value: rapid.Int64Range(0, 5).Draw(t, "value"), Expect: rapid.Int64Range(0, 5).Draw(t, "expect"),
	}
}

// A machine made from another one's snapshot answers as that does, whatever comes.
func TestSnapshot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m Machine
		for range rapid.IntRange(0, 50).Draw(t, "steps") {
			r := draw(t)
			m.Apply(&r)
		}
		snapshot := m.Snapshot()
		n, err := Restore(snapshot)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 10).Draw(t, "further steps") {
			r := draw(t)
			a, b := m.Apply(&r), n.Apply(&r)
			if x, y := AppendReply(nil, &a), AppendReply(nil, &b); !bytes.Equal(x, y) {
				t.Fatalf("%+v: %+v became %+v", r, a, b)
			}
		}
	})
}

// What was read does not change when the machine goes on.
func TestRepliesStand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m Machine
		var replies []Reply
		var then [][]byte
		for range rapid.IntRange(0, 50).Draw(t, "steps") {
			r := draw(t)
			replies = append(replies, m.Apply(&r))
			then = append(then, AppendReply(nil, &replies[len(replies)-1]))
		}
		for i := range replies {
			if now := AppendReply(nil, &replies[i]); !bytes.Equal(now, then[i]) {
				t.Fatalf("reply %d was %x and is %x", i, then[i], now)
			}
		}
	})
}

// Requests and replies come back from their bytes.
func TestMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := draw(t)
		reply := Reply{
			Status: Status(rapid.IntRange(0, int(lastStatus)).Draw(t, "status")), Found: rapid.Bool().Draw(t, "found"),
			Value: rapid.Int64().Draw(t, "value"), Elements: rapid.SliceOfN(rapid.Int64(), 0, 4).Draw(t, "elements"),
			Reason: rapid.String().Draw(t, "reason"),
		}
		change := Change{Join: rapid.Bool().Draw(t, "join"), Node: node.ID(rapid.String().Draw(t, "node"))}
		members := Members{Nodes: []node.ID{"n1", change.Node}[:rapid.IntRange(0, 2).Draw(t, "members")]}
		for _, m := range []interface {
			AppendBinary([]byte) ([]byte, error)
		}{&r, &reply, &change, AskMembers{}, &members} {
			b, err := m.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			d := wire.NewDecoder(b)
			got := Message(d.Byte(), &d)
			if err := d.End(); err != nil || got == nil {
				t.Fatalf("%x: %v, %v", b, got, err)
			}
			if again, err := got.AppendBinary(nil); err != nil || !bytes.Equal(b, again) {
				t.Fatalf("%x became %x (%v)", b, again, err)
			}
		}
	})
}

// A lock goes to one at a time until its time is up, with tokens that rise.
func TestLock(t *testing.T) {
	var m Machine
	acquire := func(now int64) Reply { return m.Apply(&Request{Op: OpAcquire, Expect: now}) }
	release := func(token int64) Reply { return m.Apply(&Request{Op: OpRelease, Value: token}) }
	first := acquire(0)
	if first.Status != Done || first.Value != 1 {
		t.Fatalf("first: %+v", first)
	}
	if r := acquire(int64(LockTTL) - 1); r.Status != Refused {
		t.Errorf("held, but: %+v", r)
	}
	if r := acquire(int64(LockTTL)); r.Status != Done || r.Value != 2 {
		t.Errorf("its time was up, but: %+v", r)
	}
	if r := release(first.Value); r.Status != Refused {
		t.Errorf("an old token released it: %+v", r)
	}
	if r := release(2); r.Status != Done {
		t.Errorf("release: %+v", r)
	}
	if r := acquire(0); r.Status != Done || r.Value != 3 {
		t.Errorf("free, but: %+v", r)
	}
}
