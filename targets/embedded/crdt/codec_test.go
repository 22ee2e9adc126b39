package crdt

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

func genTags(t *rapid.T, name string) (tags []Tag) {
	for range rapid.IntRange(0, 3).Draw(t, name) {
		tags = append(tags, Tag{node.ID(rapid.String().Draw(t, "node")), rapid.Uint64().Draw(t, "number")})
	}
	return tags
}

// What was decoded encodes to the same bytes.
func TestCodecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mark := func() Mark { return Mark{rapid.Uint64().Draw(t, "life"), rapid.Uint64().Draw(t, "number")} }
		delta := &Delta{Mark: mark()}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			delta.Items = append(delta.Items, Item{
				Name: Name{rapid.Int64().Draw(t, "key"), rapid.Int64().Draw(t, "element"), node.ID(rapid.String().Draw(t, "of"))},
				Live: genTags(t, "live"), Dead: genTags(t, "dead"),
				Plus: rapid.Uint64().Draw(t, "plus"), Minus: rapid.Uint64().Draw(t, "minus"),
			})
		}
		for _, m := range []node.Message{delta, &Confirm{mark(), mark()}, &kv.Request{Op: kv.OpNextID}} {
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

func FuzzDecode(f *testing.F) {
	for _, m := range []node.Message{
		&kv.Request{Op: kv.OpAdd, Key: 1}, &kv.Reply{Elements: []int64{1, -2}}, &Confirm{Mark{1, 2}, Mark{3, 4}},
		&Delta{Mark: Mark{1, 300}, Items: []Item{{Name: Name{Element: 5}, Live: []Tag{{"n1", 2}}, Dead: []Tag{{"n2", 9}}}, {Name: Name{Node: "n1"}, Plus: 3}}},
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
