package dynamo

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"pgregory.net/rapid"
)

func genValue(t *rapid.T) Value {
	return Value{
		Stamp: Stamp{
			Time: rapid.Int64().Draw(t, "time"), Node: node.ID(rapid.StringN(0, 4, 8).Draw(t, "node")),
			Serial: rapid.Uint64().Draw(t, "serial"),
		},
		Int:      rapid.Int64().Draw(t, "int"),
		Elements: genElements(t), Versions: genVersions(t),
	}
}

func genDots(t *rapid.T, name string) (dots []Dot) {
	for range rapid.IntRange(0, 2).Draw(t, name) {
		actor := Actor{node.ID(rapid.SampledFrom([]string{"n1", "n2"}).Draw(t, "node")), rapid.Uint64Range(1, 2).Draw(t, "life")}
		dots = append(dots, Dot{actor, rapid.Uint64Range(1, 4).Draw(t, "number")})
	}
	return dots
}

func genContext(t *rapid.T) Context {
	return Context{Upto: genDots(t, "upto"), Dots: genDots(t, "dots")}
}

func genVersions(t *rapid.T) (versions []Version) {
	for _, d := range genDots(t, "versions") {
		versions = append(versions, Version{
			Item: rapid.Int64().Draw(t, "item"), Dot: d, Past: genContext(t), Int: rapid.Int64().Draw(t, "int"), Gone: rapid.Bool().Draw(t, "gone"),
		})
	}
	return versions
}

func genElements(t *rapid.T) []int64 {
	e := rapid.SliceOfN(rapid.Int64(), 0, 5).Draw(t, "elements")
	if len(e) == 0 {
		return nil
	}
	return e
}

func genKey(t *rapid.T) Key {
	return Key{Kind: rapid.SampledFrom([]Kind{Register, Set}).Draw(t, "kind"), ID: rapid.Int64().Draw(t, "id")}
}

func genMessage(t *rapid.T) node.Message {
	call := rapid.Uint64().Draw(t, "call")
	switch rapid.IntRange(0, 12).Draw(t, "type") {
	case 0:
		return &kv.Request{
			Op: kv.Op(rapid.IntRange(0, int(kv.OpReadAll)).Draw(t, "op")), Key: rapid.Int64().Draw(t, "key"),
			Value: rapid.Int64().Draw(t, "value"), Expect: rapid.Int64().Draw(t, "expect"),
		}
	case 1:
		return &kv.Reply{
			Status: kv.Status(rapid.IntRange(0, int(kv.Uncertain)).Draw(t, "status")), Found: rapid.Bool().Draw(t, "found"),
			Value: rapid.Int64().Draw(t, "value"), Elements: genElements(t), Reason: rapid.String().Draw(t, "reason"),
		}
	case 2:
		if rapid.Bool().Draw(t, "one") {
			return &Get{Call: call, Key: genKey(t), One: true, Element: rapid.Int64().Draw(t, "element")}
		}
		return &Get{Call: call, Key: genKey(t)}
	case 3:
		return &Put{
			Call: call, Key: genKey(t), Value: genValue(t),
			For: node.ID(rapid.String().Draw(t, "for")), Report: rapid.Bool().Draw(t, "report"),
		}
	case 4:
		return &Held{Call: call, Value: genValue(t)}
	case 5:
		return &Ask{Request: kv.Request{Op: kv.OpRemove, Key: int64(call)}, Seen: genContext(t), InContext: rapid.Bool().Draw(t, "in context")}
	case 6:
		return &Answer{Reply: kv.Reply{Elements: genElements(t)}, Seen: []Context{genContext(t), {}}}
	case 7:
		return &Compare{Child: byte(call % 17), Hashes: []uint64{call, 0, 1}}
	case 8:
		return &Want{byte(call)}
	case 9:
		return &View{[]Seat{{call, true}, {1, false}}}
	case 10:
		return &Viewed{[]Seat{{call, false}}}
	case 11:
		return Probe{}
	default:
		return Alive{}
	}
}

// What is encoded is decoded again, also in front of nothing and behind something.
func TestCodecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := genMessage(t)
		prefix := []byte("before")
		b, err := m.AppendBinary(prefix)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(b, prefix) {
			t.Fatalf("%T did not append", m)
		}
		got, err := Decode(b[len(prefix):])
		if err != nil {
			t.Fatalf("%#v: %v", m, err)
		}
		if !reflect.DeepEqual(got, m) {
			t.Fatalf("got %#v, want %#v", got, m)
		}
	})
}

// No bytes make Decode panic, and what it accepts it can write and read again.
func FuzzDecode(f *testing.F) {
	for _, m := range []node.Message{
		&kv.Request{Op: kv.OpWrite, Key: 1, Value: 2}, &kv.Reply{Found: true, Value: 7, Elements: []int64{1, 2}, Reason: "why"},
		&Get{Call: 9, Key: Key{Set, 3}}, &Get{Call: 9, Key: Key{Set, 3}, One: true, Element: -4}, &Put{Call: 1, Value: Value{Stamp: Stamp{5, "n1", 6}, Int: 7}, For: "n2", Report: true},
		&Held{Call: 2, Value: Value{Elements: []int64{4}}}, Probe{}, Alive{},
	} {
		b, _ := m.AppendBinary(nil)
		f.Add(b)
	}
	f.Add([]byte{tagHeld, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		b2, err := m.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		m2, err := Decode(b2)
		if err != nil || !reflect.DeepEqual(m, m2) {
			t.Fatalf("%#v came back as %#v, %v", m, m2, err)
		}
	})
}

// No log makes a node panic, and what is read is a prefix of what was written.
func FuzzLog(f *testing.F) {
	var b []byte
	for _, r := range []record{
		{Kind: recordLife, Life: 3}, {Kind: recordData, Key: Key{Set, 1}, Value: Value{Elements: []int64{1}}},
		{Kind: recordHint, Home: "n2", Value: Value{Stamp: Stamp{1, "n1", 1}}}, {Kind: recordSettled, Home: "n2"},
	} {
		b = appendRecord(b, &r)
	}
	f.Add(b)
	f.Add(b[:len(b)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		for {
			_, rest, ok := nextRecord(b)
			if !ok {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("a record took nothing")
			}
			b = rest
		}
	})
}
