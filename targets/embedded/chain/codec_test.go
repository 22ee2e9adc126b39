package chain

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/oplog"
	"github.com/faultline-dev/faultline/targets/embedded/route"
	"github.com/faultline-dev/faultline/targets/embedded/view"
	"github.com/faultline-dev/faultline/targets/embedded/wire/wiretest"
)

func genEntries(t *rapid.T) (entries []oplog.Entry) {
	for range rapid.IntRange(0, 3).Draw(t, "entries") {
		entries = append(entries, oplog.Entry{View: rapid.Uint64().Draw(t, "entry view"), Request: kv.Request{
			Op: kv.OpWrite, Key: rapid.Int64().Draw(t, "key"), Value: rapid.Int64().Draw(t, "value"),
		}})
	}
	return entries
}

func genMessage(t *rapid.T) node.Message {
	n := func(what string) uint64 { return rapid.Uint64().Draw(t, what) }
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		return &Update{View: n("view"), From: n("from"), Entries: genEntries(t)}
	case 1:
		return &Ack{View: n("view"), Number: n("number"), Stable: n("stable")}
	case 2:
		return &Reply{View: n("view"), Number: n("number")}
	case 3:
		return &Join{View: n("view"), Mark: oplog.Mark{Number: n("number"), View: n("mark")}}
	}
	return &History{View: n("view"), State: oplog.State{
		From: oplog.Mark{Number: n("from"), View: n("mark")}, Whole: rapid.Bool().Draw(t, "whole"),
		Snapshot: []byte(rapid.String().Draw(t, "snapshot")), Entries: genEntries(t), Commit: n("commit"),
	}}
}

// What was decoded encodes to the same bytes.
func TestCodecRoundTrip(t *testing.T) { wiretest.RoundTrip(t, Decode, genMessage) }

func FuzzDecode(f *testing.F) {
	wiretest.Fuzz(f, Decode,
		&kv.Request{Op: kv.OpAdd, Key: 1}, &route.Forward{Call: 3}, &view.Beat{Heard: []bool{true, false}},
		&Update{View: 1, Entries: []oplog.Entry{{View: 1}}}, &Ack{View: 2}, &Reply{View: 3}, &Join{View: 4},
		&History{View: 5, State: oplog.State{Snapshot: []byte("x")}},
	)
}
