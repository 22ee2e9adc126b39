// Package wire is how the reference systems write messages and logs as bytes, and read
// them back without trusting them.
//
// The one idea: fields in order - numbers as varints, strings and lists behind their
// length, booleans as a byte - and a Decoder that after the first field which is not there
// returns zeros, so that whoever reads asks once, at the end. Start with Decoder; frame.go
// is for files.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/faultline-dev/faultline/harness/node"
)

// Flag is the byte of a boolean.
func Flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

// AppendUints appends numbers.
func AppendUints(b []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

// AppendInts appends numbers that may be negative.
func AppendInts(b []byte, numbers ...int64) []byte {
	for _, n := range numbers {
		b = binary.AppendVarint(b, n)
	}
	return b
}

// AppendList appends numbers behind their count.
func AppendList(b []byte, numbers []int64) []byte {
	return AppendInts(binary.AppendUvarint(b, uint64(len(numbers))), numbers...)
}

// AppendBytes appends bytes, or a string's, behind their count.
func AppendBytes[T ~[]byte | ~string](b []byte, data T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(data))), data...)
}

var errMalformed = errors.New("malformed")

// Decoder takes fields off the front of bytes. After the first that is not there it is
// bad, and returns zeros.
type Decoder struct {
	rest []byte
	bad  bool
}

// NewDecoder reads b, which it does not keep.
func NewDecoder(b []byte) Decoder { return Decoder{rest: b} }

// Fail makes the decoder bad.
func (d *Decoder) Fail() { d.rest, d.bad = nil, true }

// End reports an error unless everything was there and nothing more.
func (d *Decoder) End() error {
	if d.bad || len(d.rest) > 0 {
		return errMalformed
	}
	return nil
}

// Byte takes a byte.
func (d *Decoder) Byte() byte {
	if len(d.rest) == 0 {
		d.Fail()
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

// UpTo takes a byte of at most last.
func (d *Decoder) UpTo(last byte) byte {
	b := d.Byte()
	if b > last {
		d.Fail()
		return 0
	}
	return b
}

// Flag takes a boolean.
func (d *Decoder) Flag() bool { return d.UpTo(1) == 1 }

// Int takes a number that may be negative.
func (d *Decoder) Int() int64 {
	n, w := binary.Varint(d.rest)
	if w <= 0 {
		d.Fail()
		return 0
	}
	d.rest = d.rest[w:]
	return n
}

// Uint takes a number.
func (d *Decoder) Uint() uint64 {
	n, w := binary.Uvarint(d.rest)
	if w <= 0 {
		d.Fail()
		return 0
	}
	d.rest = d.rest[w:]
	return n
}

// Len takes the count of things that take at least a byte each, so that it is bounded by
// what is there.
func (d *Decoder) Len() int {
	n := d.Uint()
	if n > uint64(len(d.rest)) {
		d.Fail()
		return 0
	}
	return int(n)
}

// Bytes takes bytes behind their count, and copies them.
func (d *Decoder) Bytes() []byte {
	n := d.Len()
	if n == 0 {
		return nil
	}
	b := append([]byte(nil), d.rest[:n]...)
	d.rest = d.rest[n:]
	return b
}

// String takes a string behind its length.
func (d *Decoder) String() string {
	n := d.Len()
	s := string(d.rest[:n])
	d.rest = d.rest[n:]
	return s
}

// Rest takes a copy of all that is left.
func (d *Decoder) Rest() []byte {
	b := append([]byte(nil), d.rest...)
	d.rest = nil
	return b
}

// List takes numbers behind their count.
func (d *Decoder) List() []int64 { return Take(d, (*Decoder).Int) }

// Take takes things behind their count, nil if there is none.
func Take[T any](d *Decoder, one func(*Decoder) T) []T {
	n := d.Len()
	if n == 0 {
		return nil
	}
	list := make([]T, n)
	for i := range list {
		list[i] = one(d)
	}
	return list
}

// Decode reads a message of a system: a byte that names its type, and its fields. Each of
// the families that the system's messages come from takes what follows a tag, or returns
// nil if the tag is none of its own.
func Decode(system string, b []byte, families ...func(tag byte, d *Decoder) node.Message) (node.Message, error) {
	d := NewDecoder(b)
	tag := d.Byte()
	for _, take := range families {
		m := take(tag, &d)
		if m == nil {
			continue
		}
		if err := d.End(); err != nil {
			return nil, fmt.Errorf("%s: message of type %d: %w", system, tag, err)
		}
		return m, nil
	}
	return nil, fmt.Errorf("%s: no message of type %d", system, tag)
}
