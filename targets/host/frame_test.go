package host

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"
)

func TestFramesSurviveTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bodies := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 1, 8).Draw(t, "bodies")
		var wire []byte
		for i, body := range bodies {
			var err error
			if wire, err = appendNumbered(wire, request, uint64(i), text(body)); err != nil {
				t.Fatal(err)
			}
		}
		fr := newFrameReader(bytes.NewReader(wire))
		for i, body := range bodies {
			f, err := fr.next()
			if err != nil {
				t.Fatal(err)
			}
			number, got, err := f.numbered()
			if err != nil || f.kind != request || number != uint64(i) || !bytes.Equal(got, body) {
				t.Fatalf("frame %d came back as kind %d, number %d, %q, %v", i, f.kind, number, got, err)
			}
		}
		if _, err := fr.next(); !errors.Is(err, io.EOF) {
			t.Fatalf("after the last frame: %v", err)
		}
	})
}

// An altered frame is found out, wherever it was altered, and a frame that was cut off is
// no clean end.
func TestAlteredFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "body")
		wire, err := appendMessage(nil, text(body))
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "cut") {
			n := rapid.IntRange(1, len(wire)-1).Draw(t, "length")
			_, err := newFrameReader(bytes.NewReader(wire[:n])).next()
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("a frame cut to %d of %d bytes: %v", n, len(wire), err)
			}
			return
		}
		at := rapid.IntRange(0, len(wire)-1).Draw(t, "at")
		wire[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if f, err := newFrameReader(bytes.NewReader(wire)).next(); err == nil {
			t.Fatalf("a flipped bit at %d went unnoticed: %v", at, f)
		}
	})
}

// What a length says is not allocated before it has come.
func TestLengthIsNotBelieved(t *testing.T) {
	header := make([]byte, headerSize)
	binary.BigEndian.PutUint32(header, maxFrame)
	fr := newFrameReader(bytes.NewReader(append(header, 1)))
	if _, err := fr.next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if cap(fr.buf) > eager {
		t.Errorf("%d bytes were allocated for a frame of 1", cap(fr.buf))
	}
	binary.BigEndian.PutUint32(header, maxFrame+1)
	if _, err := newFrameReader(bytes.NewReader(header)).next(); !errors.Is(err, errFrame) {
		t.Errorf("a frame beyond the limit: %v", err)
	}
}

func TestOversizedMessageIsRefused(t *testing.T) {
	before := []byte("before")
	if b, err := appendMessage(before, text(make([]byte, maxFrame))); err == nil || !bytes.Equal(b, before) {
		t.Errorf("%d bytes and %v", len(b), err)
	}
}

func FuzzFrames(f *testing.F) {
	add := func(b []byte, err error) {
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	add(hello{peer: true, from: "n1", to: "n2"}.append(nil), nil)
	add(hello{}.append(nil), nil)
	add(appendState(nil, 7, State{ID: "n1", Leads: true, Term: 300}))
	add(appendRefusal(nil, 7, "no"))
	add(appendNumbered(bare(ping), request, 7, text("hello")))
	f.Fuzz(func(t *testing.T, b []byte) {
		fr := newFrameReader(bytes.NewReader(b))
		for {
			got, err := fr.next()
			if err != nil {
				break
			}
			readAll(t, got)
		}
		// Few inputs carry a right checksum: take the bytes for a body as well.
		if len(b) > 0 {
			readAll(t, frame{kind(b[0]), b[1:]})
		}
	})
}

// readAll puts a frame through every parser; what one accepts must be encoded alike.
func readAll(t *testing.T, f frame) {
	_, _ = decodeAnswer(f, textCodec)
	if h, err := parseHello(f); err == nil {
		again, err := newFrameReader(bytes.NewReader(h.append(nil))).next()
		if err != nil {
			t.Fatal(err)
		}
		if h2, err := parseHello(again); err != nil || h2 != h {
			t.Errorf("%+v came back as %+v, %v", h, h2, err)
		}
	}
	if s, err := parseState(f.body); err == nil {
		if s2, err := parseState(s.append(nil)); err != nil || s2 != s {
			t.Errorf("%+v came back as %+v, %v", s, s2, err)
		}
	}
}

func BenchmarkFrames(b *testing.B) {
	wire, err := appendMessage(nil, text(make([]byte, 256)))
	if err != nil {
		b.Fatal(err)
	}
	r := bytes.NewReader(wire)
	fr := newFrameReader(r)
	b.SetBytes(int64(len(wire)))
	for b.Loop() {
		r.Reset(wire)
		fr.r.Reset(r)
		if _, err := fr.next(); err != nil {
			b.Fatal(err)
		}
	}
}
