package sharded

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/route"
	"github.com/faultline-dev/faultline/targets/embedded/wire/wiretest"
)

func genMessage(t *rapid.T) node.Message {
	shard := rapid.IntRange(0, Shards-1).Draw(t, "shard")
	group := rapid.IntRange(0, MaxGroups)
	version := rapid.Uint64().Draw(t, "version")
	switch rapid.IntRange(0, 2).Draw(t, "message") {
	case 0:
		return &Grouped{Group: group.Draw(t, "group"), M: &route.Answer{Session: version, Reply: kv.Reply{Status: kv.NotHere}}}
	case 1:
		data := []byte(rapid.String().Draw(t, "data"))
		return &Transfer{Shard: shard, Version: version, From: group.Draw(t, "from"), To: group.Draw(t, "to"), Data: data}
	}
	return &Taken{Shard: shard, Version: version, From: group.Draw(t, "from")}
}

// What was decoded encodes to the same bytes, and nothing of it can be missing unnoticed.
func TestCodecRoundTrip(t *testing.T) { wiretest.RoundTrip(t, Decode, genMessage) }

func FuzzDecode(f *testing.F) {
	wiretest.Fuzz(f, Decode,
		&Grouped{Group: 1, M: &route.Forward{Call: 3}}, &Transfer{Shard: 2, Data: []byte("x")}, &Taken{Version: 7},
	)
}

// Whatever is in a log or a snapshot, a machine takes it or says why not.
func FuzzMachines(f *testing.F) {
	f.Add((&command{kind: install, shard: 1, version: 2}).encode())
	f.Add(newHoldings(1, 2, NoBug, func() {}).Snapshot())
	f.Add(newTable(3, func() {}).Snapshot())
	f.Fuzz(func(t *testing.T, b []byte) {
		h, table := newHoldings(1, 2, NoBug, func() {}), newTable(2, func() {})
		if h.Restore(b) == nil && len(b) > 0 {
			again := newHoldings(1, 2, NoBug, func() {})
			if err := again.Restore(h.Snapshot()); err != nil || !bytes.Equal(again.Snapshot(), h.Snapshot()) {
				t.Errorf("holdings of %x do not survive their snapshot: %v", b, err)
			}
		}
		_, _, _ = h.Command(b), table.Restore(b), table.Command(b)
	})
}
