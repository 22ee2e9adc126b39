package caspaxos

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
	"github.com/faultline-dev/faultline/targets/embedded/wire/wiretest"
)

func genMessage(t *rapid.T) node.Message {
	n := func(what string) uint64 { return rapid.Uint64().Draw(t, what) }
	b := func(what string) Ballot { return Ballot{n(what), n(what)} }
	k := Key{Kind(rapid.IntRange(0, int(lastKind)).Draw(t, "kind")), rapid.Int64().Draw(t, "number")}
	x := State{
		Found: rapid.Bool().Draw(t, "found"), Value: rapid.Int64().Draw(t, "value"),
		Elements: rapid.SliceOfN(rapid.Int64(), 0, 4).Draw(t, "elements"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "changes") {
		x.Changes = append(x.Changes, b("change"))
	}
	return rapid.SampledFrom([]node.Message{
		&Prepare{k, b("ballot")}, &Promise{k, b("ballot"), b("accepted"), x}, &Accept{k, b("ballot"), x},
		&Accepted{k, b("ballot")}, &Conflict{k, b("ballot"), b("seen")},
	}).Draw(t, "message")
}

// What was decoded encodes to the same bytes, and no part of it is missing unnoticed.
func TestCodecRoundTrip(t *testing.T) { wiretest.RoundTrip(t, Decode, genMessage) }

func FuzzDecode(f *testing.F) {
	k := Key{list, 3}
	wiretest.Fuzz(f, Decode,
		&kv.Request{Op: kv.OpAppend, Key: 1}, &Promise{k, Ballot{2, 7}, Ballot{1, 5}, State{Elements: []int64{1, -2}}},
		&Accept{k, Ballot{2, 7}, State{Found: true, Value: 3}.by(1, 3, Ballot{2, 7})},
	)
}

// A record that makes no sense does no harm.
func FuzzRecord(f *testing.F) {
	f.Add(appendBallot(appendKey([]byte{recordPromise}, Key{plain, 1}), Ballot{2, 7}))
	f.Add(appendState(appendBallot(appendKey([]byte{recordAccepted}, Key{counter, 1}), Ballot{2, 7}), &State{Value: 3}))
	f.Add([]byte{recordLife, 4})
	f.Fuzz(func(t *testing.T, payload []byte) {
		var s server
		d := wire.NewDecoder(payload)
		if s.load(&d); len(s.acceptor.slots) > 1 {
			t.Errorf("%x made %d registers", payload, len(s.acceptor.slots))
		}
	})
}

// A state does not change when another one is made from it.
func TestStatesStand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var states []State
		var then [][]byte
		var x State
		for i := range rapid.IntRange(1, 30).Draw(t, "steps") {
			r := kv.Request{Op: rapid.SampledFrom([]kv.Op{kv.OpAppend, kv.OpWrite, kv.OpIncrement, kv.OpCompareAndSet, kv.OpReadList}).Draw(t, "op"), Value: int64(i)}
			if len(states) > 0 && rapid.IntRange(0, 3).Draw(t, "go back") == 0 {
				x = states[rapid.IntRange(0, len(states)-1).Draw(t, "to")]
			}
			next, _, changed := x.change(&r)
			if changed {
				next = next.by(i%3, 3, Ballot{uint64(i), 1})
			}
			x = next
			states, then = append(states, x), append(then, appendState(nil, &x))
		}
		for i := range states {
			if now := appendState(nil, &states[i]); !bytes.Equal(now, then[i]) {
				t.Fatalf("state %d was %x and is %x", i, then[i], now)
			}
		}
	})
}
