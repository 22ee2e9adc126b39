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
			same = slices.Equal(d.List(), list) && d.String() == text && same
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

// What a write leaves that did not end is not taken for damage, however the frames lie in it.
func TestTornEndsAreNotDamage(t *testing.T) {
	whole := frames(t)
	for n := range whole {
		if rest := tail(whole[:n]); Damaged(rest) {
			t.Errorf("the first %d bytes are damaged: % x", n, rest)
		}
		zeros := append(bytes.Clone(whole[:n]), make([]byte, len(whole)-n)...)
		if rest := tail(zeros); Damaged(rest) {
			t.Errorf("%d bytes and zeros are damaged: % x", n, rest)
		}
	}
}

// One bit that turned over is damage, wherever it is, and also before a torn end.
func TestFlippedBitsAreDamage(t *testing.T) {
	whole := frames(t)
	torn := append(bytes.Clone(whole), whole[:frameHeader+2]...)
	for bit := range 8 * len(whole) {
		for _, of := range [][]byte{whole, torn} {
			b := bytes.Clone(of)
			b[bit/8] ^= 1 << (bit % 8)
			rest := tail(b)
			lastOne := bit/8 >= len(whole)-frameHeader-len("another")-1
			if !Damaged(rest) && (len(of) == len(whole) || !lastOne) {
				t.Errorf("bit %d of byte %d passed for a torn end", bit%8, bit/8)
			}
		}
	}
}

func frames(t *testing.T) (b []byte) {
	for _, payload := range []string{"payload", "zeros\x00\x00", "another"} {
		b = Seal(append(Open(b), payload...), len(b))
	}
	if rest := tail(b); len(rest) > 0 {
		t.Fatalf("% x is left", rest)
	}
	return b
}

// tail is what no frame is in.
func tail(b []byte) []byte {
	for {
		_, rest, ok := Next(b)
		if !ok {
			return rest
		}
		b = rest
	}
}
