package paxos

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
	"github.com/faultline-dev/faultline/targets/embedded/wire/wiretest"
)

func genMessage(t *rapid.T) node.Message {
	n := func(what string) uint64 { return rapid.Uint64().Draw(t, what) }
	b := func(what string) Ballot { return Ballot(n(what)) }
	value := func() []byte { return []byte(rapid.String().Draw(t, "value")) }
	x := Suffix{Slot: n("slot"), Chosen: n("chosen")}
	var values [][]byte
	for range rapid.IntRange(0, 3).Draw(t, "entries") {
		x.Entries = append(x.Entries, Entry{b("entry ballot"), value()})
		values = append(values, value())
	}
	if rapid.Bool().Draw(t, "snapshot") {
		x.Snapshot = value()
	}
	return rapid.SampledFrom([]node.Message{
		&Prepare{b("ballot"), n("slot")}, &Promise{b("ballot"), x}, &Accept{b("ballot"), n("slot"), values},
		&Accepted{b("ballot"), n("slot"), n("count")}, &Nack{b("ballot"), b("promised")},
		&Heartbeat{b("ballot"), n("chosen"), n("round")}, &Alive{b("ballot"), n("round")}, &CatchUp{n("slot")}, &Learn{x},
	}).Draw(t, "message")
}

// What was decoded encodes to the same bytes, and no part of it is missing unnoticed.
func TestCodecRoundTrip(t *testing.T) { wiretest.RoundTrip(t, Decode, genMessage) }

func FuzzDecode(f *testing.F) {
	wiretest.Fuzz(f, Decode,
		&kv.Request{Op: kv.OpAdd, Key: 1}, &Promise{7, Suffix{Slot: 3, Entries: []Entry{{5, []byte("x")}}, Snapshot: []byte{}}},
		&Accept{5, 1, [][]byte{nil, []byte("x")}}, &Heartbeat{5, 2, 3}, &Learn{},
	)
}

// A record that makes no sense neither panics nor takes the memory.
func FuzzRecord(f *testing.F) {
	f.Add(wire.AppendUints([]byte{recordPromise}, 7))
	f.Add(appendEntry(wire.AppendUints([]byte{recordEntry}, 1), Entry{7, []byte("x")}))
	f.Add(wire.AppendUints([]byte{recordChosen}, 2))
	f.Add(wire.AppendBytes(wire.AppendUints([]byte{recordSnapshot}, 2), []byte{}))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) == 0 {
			return
		}
		k := kept{log: newLog(1)}
		d := wire.NewDecoder(payload)
		if k.add(&d); payload[0] == recordEntry && k.log.next() > maxGap+1 {
			t.Errorf("a record of %d bytes made a log of %d slots", len(payload), k.log.next())
		}
	})
}

// Ballots of different nodes differ, and each node has one above every ballot.
func TestBallots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.IntRange(1, 9).Draw(t, "nodes")
		index := rapid.IntRange(0, nodes-1).Draw(t, "index")
		b := Ballot(rapid.Uint64Range(0, 1<<40).Draw(t, "ballot"))
		if next := b.above(index, nodes); next <= b || next.owner(nodes) != index {
			t.Fatalf("above %d for node %d of %d: %d", b, index, nodes, next)
		}
	})
}
