// Package wiretest holds for the messages of any reference system that bytes and messages
// become each other, and that nothing else is taken for a message.
//
// It is imported by tests alone. Start with RoundTrip.
package wiretest

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/harness/node"
)

// RoundTrip fails the test unless what was decoded encodes to the same bytes, for messages
// drawn at random, and no part of them passes for a message.
func RoundTrip(t *testing.T, decode node.Codec, draw func(*rapid.T) node.Message) {
	rapid.Check(t, func(t *rapid.T) {
		m := draw(t)
		b, err := m.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(b)
		if err != nil {
			t.Fatalf("%T: %v", m, err)
		}
		again, err := got.AppendBinary(nil)
		if err != nil || !bytes.Equal(b, again) {
			t.Fatalf("%T: %x became %x (%v)", m, b, again, err)
		}
		for n := range b {
			if _, err := decode(b[:n]); err == nil {
				t.Fatalf("%T: the first %d bytes of %d passed", m, n, len(b))
			}
		}
	})
}

// Fuzz holds that no bytes make the codec panic, and that what it accepts it can encode.
func Fuzz(f *testing.F, decode node.Codec, seeds ...node.Message) {
	for _, m := range seeds {
		b, err := m.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode(b)
		if err != nil {
			return
		}
		if _, err := m.AppendBinary(nil); err != nil {
			t.Errorf("decoded %x, but cannot encode it: %v", b, err)
		}
	})
}
