package multimaster

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

func genRow(t *rapid.T) Row {
	return Row{
		Key:   Key{rapid.SampledFrom([]Kind{Register, Set}).Draw(t, "kind"), rapid.Int64().Draw(t, "key")},
		Stamp: Stamp{rapid.Int64().Draw(t, "time"), node.ID(rapid.String().Draw(t, "node")), rapid.Uint64().Draw(t, "number")},
		Value: rapid.Int64().Draw(t, "value"), Elements: rapid.SliceOfN(rapid.Int64(), 0, 4).Draw(t, "elements"),
	}
}

// What was decoded encodes to the same bytes.
func TestCodecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &Replicate{Upto: rapid.Uint64().Draw(t, "upto")}
		for range rapid.IntRange(0, 3).Draw(t, "rows") {
			m.Rows = append(m.Rows, genRow(t))
		}
		for _, m := range []node.Message{m, &Replicated{Upto: m.Upto}, &kv.Request{Op: kv.OpAdd}} {
			b, err := m.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Decode(b)
			if err != nil {
				t.Fatalf("%T: %v", m, err)
			}
			if again, err := got.AppendBinary(nil); err != nil || !bytes.Equal(b, again) {
				t.Fatalf("%T: %x became %x (%v)", m, b, again, err)
			}
		}
	})
}

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
	for _, m := range []node.Message{
		&kv.Request{Op: kv.OpAdd, Key: 1}, &kv.Reply{Elements: []int64{1, -2}}, &Replicated{Upto: 3},
		&Replicate{Upto: 300, Rows: []Row{{Key: Key{Set, 1}, Stamp: Stamp{1, "n1", 2}, Elements: []int64{4, 5}}}},
	} {
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
