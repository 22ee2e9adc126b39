package crdt

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/wire/wiretest"
)

func genTags(t *rapid.T, name string) (tags []Tag) {
	for range rapid.IntRange(0, 3).Draw(t, name) {
		tags = append(tags, Tag{node.ID(rapid.String().Draw(t, "node")), rapid.Uint64().Draw(t, "number")})
	}
	return tags
}

func genMessage(t *rapid.T) node.Message {
	mark := func() Mark { return Mark{rapid.Uint64().Draw(t, "life"), rapid.Uint64().Draw(t, "number")} }
	delta := &Delta{Mark: mark()}
	for range rapid.IntRange(0, 3).Draw(t, "items") {
		delta.Items = append(delta.Items, Item{
			Name: Name{rapid.Int64().Draw(t, "key"), rapid.Int64().Draw(t, "element"), node.ID(rapid.String().Draw(t, "of"))},
			Live: genTags(t, "live"), Dead: genTags(t, "dead"),
			Plus: rapid.Uint64().Draw(t, "plus"), Minus: rapid.Uint64().Draw(t, "minus"),
		})
	}
	return rapid.SampledFrom([]node.Message{delta, &Confirm{mark(), mark()}, &kv.Request{Op: kv.OpNextID}}).Draw(t, "message")
}

// What was decoded encodes to the same bytes.
func TestCodecRoundTrip(t *testing.T) { wiretest.RoundTrip(t, Decode, genMessage) }

func FuzzDecode(f *testing.F) {
	wiretest.Fuzz(f, Decode,
		&kv.Request{Op: kv.OpAdd, Key: 1}, &kv.Reply{Elements: []int64{1, -2}}, &Confirm{Mark{1, 2}, Mark{3, 4}},
		&Delta{Mark: Mark{1, 300}, Items: []Item{{Name: Name{Element: 5}, Live: []Tag{{"n1", 2}}, Dead: []Tag{{"n2", 9}}}, {Name: Name{Node: "n1"}, Plus: 3}}},
	)
}
