package view

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
	"github.com/faultline-dev/faultline/targets/embedded/wire/wiretest"
)

func genView(t *rapid.T, least int) View {
	v := View{Number: rapid.Uint64().Draw(t, "number")}
	for range rapid.IntRange(least, 4).Draw(t, "members") {
		v.Members = append(v.Members, Member{node.ID(rapid.String().Draw(t, "id")), rapid.Uint64().Draw(t, "since")})
	}
	return v
}

func genMessage(t *rapid.T) node.Message {
	n := func(what string) uint64 { return rapid.Uint64().Draw(t, what) }
	switch rapid.IntRange(0, 7).Draw(t, "kind") {
	case 0:
		return &Prepare{Current: genView(t, 1), Ballot: n("ballot")}
	case 1:
		return &Promise{View: n("view"), Ballot: n("ballot"), Accepted: n("accepted"), Value: genView(t, 1)}
	case 2:
		return &Accept{Ballot: n("ballot"), Value: genView(t, 1)}
	case 3:
		return &Accepted{View: n("view"), Ballot: n("ballot")}
	case 4:
		return &Decided{View: genView(t, 1)}
	case 5:
		return &Beat{View: n("view"), Heard: rapid.SliceOfN(rapid.Bool(), 1, 5).Draw(t, "heard"), Ready: rapid.Bool().Draw(t, "ready")}
	case 6:
		return &Ask{View: n("view"), Round: n("round")}
	}
	return &Confirm{View: n("view"), Round: n("round")}
}

func decode(b []byte) (node.Message, error) { return wire.Decode("view", b, Message) }

// What was encoded is decoded to the same.
func TestCodecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := genMessage(t)
		b, err := m.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decode(b); err != nil || !reflect.DeepEqual(got, m) {
			t.Fatalf("%+v became %+v (%v)", m, got, err)
		}
	})
}

// A view without members is no view: whoever got one would ask for its first.
func TestNoViewIsEmpty(t *testing.T) {
	for _, m := range []node.Message{&Prepare{}, &Accept{}, &Decided{}, &Promise{Accepted: 1}} {
		b, err := m.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decode(b); err == nil {
			t.Errorf("decoded %+v", got)
		}
	}
}

func FuzzMessage(f *testing.F) {
	wiretest.Fuzz(f, decode,
		&Prepare{Current: View{1, []Member{{"n1", 1}}}}, &Promise{Ballot: 3}, &Accept{Value: View{2, []Member{{"n2", 0}}}},
		&Accepted{View: 1}, &Decided{View: View{1, []Member{{"n1", 1}}}}, &Beat{Heard: []bool{true}}, &Ask{View: 1}, &Confirm{Round: 2})
}
