package multimaster

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/wire/wiretest"
)

func genRow(t *rapid.T) Row {
	return Row{
		Key:   Key{rapid.SampledFrom([]Kind{Register, Set}).Draw(t, "kind"), rapid.Int64().Draw(t, "key")},
		Stamp: Stamp{rapid.Int64().Draw(t, "time"), node.ID(rapid.String().Draw(t, "node")), rapid.Uint64().Draw(t, "number")},
		Value: rapid.Int64().Draw(t, "value"), Elements: rapid.SliceOfN(rapid.Int64(), 0, 4).Draw(t, "elements"),
	}
}

func genMessage(t *rapid.T) node.Message {
	m := &Replicate{Life: rapid.Uint64().Draw(t, "life"), Upto: rapid.Uint64().Draw(t, "upto")}
	for range rapid.IntRange(0, 3).Draw(t, "rows") {
		m.Rows = append(m.Rows, genRow(t))
	}
	return rapid.SampledFrom([]node.Message{m, &Replicated{Life: m.Life, Upto: m.Upto}, &kv.Request{Op: kv.OpAdd}}).Draw(t, "message")
}

// What was decoded encodes to the same bytes.
func TestCodecRoundTrip(t *testing.T) { wiretest.RoundTrip(t, Decode, genMessage) }

// Of two different writes one is the later one, and of three it is the same in any order.
func TestStampsAreOrdered(t *testing.T) {
	stamp := rapid.Custom(func(t *rapid.T) Stamp {
		few := rapid.IntRange(0, 2)
		return Stamp{int64(few.Draw(t, "time")), []node.ID{"n1", "n2", "n3"}[few.Draw(t, "node")], uint64(few.Draw(t, "number"))}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := stamp.Draw(t, "a"), stamp.Draw(t, "b"), stamp.Draw(t, "c")
		if a.compare(b) != -b.compare(a) || (a.compare(b) == 0) != (a == b) {
			t.Fatalf("%v and %v", a, b)
		}
		if a.compare(b) <= 0 && b.compare(c) <= 0 && a.compare(c) > 0 {
			t.Fatalf("%v, %v, %v", a, b, c)
		}
	})
}

func FuzzDecode(f *testing.F) {
	wiretest.Fuzz(f, Decode,
		&kv.Request{Op: kv.OpAdd, Key: 1}, &kv.Reply{Elements: []int64{1, -2}}, &Replicated{Life: 7, Upto: 3},
		&Replicate{Life: 7, Upto: 300, Rows: []Row{{Key: Key{Set, 1}, Stamp: Stamp{1, "n1", 2}, Elements: []int64{4, 5}}}},
	)
}
