package wire

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// What was written is read back, and nothing of it can be missing unnoticed.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, i := rapid.Uint64().Draw(t, "uint"), rapid.Int64().Draw(t, "int")
		list := rapid.SliceOfN(rapid.Int64(), 0, 5).Draw(t, "list")
		text, set := rapid.String().Draw(t, "text"), rapid.Bool().Draw(t, "set")
		b := AppendList(AppendInts(AppendUints([]byte{Flag(set)}, u), i), list)
		b = AppendBytes(b, text)
		read := func(b []byte) (same bool, err error) {
			d := NewDecoder(b)
			same = d.Flag() == set && d.Uint() == u && d.Int() == i
			same = slices.Equal(d.List(), list) && string(d.Bytes()) == text && same
			return same, d.End()
		}
		if same, err := read(b); err != nil || !same {
			t.Fatalf("same %t, %v", same, err)
		}
		for n := range b {
			if _, err := read(b[:n]); err == nil {
				t.Fatalf("the first %d bytes of %d passed", n, len(b))
			}
		}
		if _, err := read(append(b, 0)); err == nil {
			t.Fatal("one byte too many passed")
		}
	})
}

// A frame that is cut anywhere, or whose end is zeros, is none.
func TestTornFrames(t *testing.T) {
	whole := Seal(append(Open(nil), "payload"...), 0)
	if payload, rest, ok := Next(whole); !ok || len(rest) != 0 || string(payload) != "payload" {
		t.Fatalf("%q, %d bytes left, %t", payload, len(rest), ok)
	}
	for n := range whole {
		if _, _, ok := Next(whole[:n]); ok {
			t.Errorf("accepted the first %d bytes", n)
		}
		zeros := append(bytes.Clone(whole[:n]), make([]byte, len(whole)-n)...)
		if _, _, ok := Next(zeros); ok && !bytes.Equal(zeros, whole) {
			t.Errorf("accepted %d bytes and zeros", n)
		}
	}
}
