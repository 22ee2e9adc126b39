package dynamo

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/faultline-dev/faultline/harness/node"
)

// A message is a byte that names its type and then its fields in order: numbers as
// varints, strings and lists behind their length, booleans as bits of a flag byte.

const (
	tagRequest byte = iota + 1
	tagReply
	tagGet
	tagPut
	tagHeld
	tagProbe
	tagAlive
)

// AppendBinary implements node.Message.
func (m *Request) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, tagRequest, byte(m.Op))
	b = binary.AppendVarint(b, m.Key)
	b = binary.AppendVarint(b, m.Value)
	return binary.AppendVarint(b, m.Expect), nil
}

// AppendBinary implements node.Message.
func (m *Reply) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, tagReply, byte(m.Status), flag(m.Found))
	b = binary.AppendVarint(b, m.Value)
	b = appendElements(b, m.Elements)
	return appendString(b, m.Reason), nil
}

// AppendBinary implements node.Message.
func (m *Get) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(append(b, tagGet), m.Call)
	return appendKey(b, m.Key), nil
}

// AppendBinary implements node.Message.
func (m *Put) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(append(b, tagPut, flag(m.Report)), m.Call)
	b = appendKey(b, m.Key)
	b = appendValue(b, m.Value)
	return appendString(b, string(m.For)), nil
}

// AppendBinary implements node.Message.
func (m *Held) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(append(b, tagHeld), m.Call)
	return appendValue(b, m.Value), nil
}

// AppendBinary implements node.Message.
func (Probe) AppendBinary(b []byte) ([]byte, error) { return append(b, tagProbe), nil }

// AppendBinary implements node.Message.
func (Alive) AppendBinary(b []byte) ([]byte, error) { return append(b, tagAlive), nil }

// Decode implements node.Codec.
func Decode(b []byte) (node.Message, error) {
	d := decoder{rest: b}
	tag := d.byte()
	var m node.Message
	switch tag {
	case tagRequest:
		m = &Request{Op: Op(d.upTo(byte(OpReadAll))), Key: d.varint(), Value: d.varint(), Expect: d.varint()}
	case tagReply:
		m = &Reply{Status: Status(d.upTo(byte(Uncertain))), Found: d.flag(), Value: d.varint(), Elements: d.elements(), Reason: d.string()}
	case tagGet:
		m = &Get{Call: d.uvarint(), Key: d.key()}
	case tagPut:
		m = &Put{Report: d.flag(), Call: d.uvarint(), Key: d.key(), Value: d.value(), For: node.ID(d.string())}
	case tagHeld:
		m = &Held{Call: d.uvarint(), Value: d.value()}
	case tagProbe:
		m = Probe{}
	case tagAlive:
		m = Alive{}
	default:
		return nil, fmt.Errorf("dynamo: no message of type %d", tag)
	}
	if err := d.end(); err != nil {
		return nil, fmt.Errorf("dynamo: message of type %d: %w", tag, err)
	}
	return m, nil
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendKey(b []byte, k Key) []byte {
	return binary.AppendVarint(append(b, byte(k.Kind)), k.ID)
}

func appendElements(b []byte, elements []int64) []byte {
	b = binary.AppendUvarint(b, uint64(len(elements)))
	for _, e := range elements {
		b = binary.AppendVarint(b, e)
	}
	return b
}

func appendValue(b []byte, v Value) []byte {
	b = binary.AppendVarint(b, v.Stamp.Time)
	b = appendString(b, string(v.Stamp.Node))
	b = binary.AppendUvarint(b, v.Stamp.Serial)
	b = binary.AppendVarint(b, v.Int)
	return appendElements(b, v.Elements)
}

var errMalformed = errors.New("malformed")

// decoder takes fields off the front. After the first that is not there it is bad, and
// returns zeros.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) fail() { d.rest, d.bad = nil, true }

// end reports whether everything was there and nothing more.
func (d *decoder) end() error {
	if d.bad || len(d.rest) > 0 {
		return errMalformed
	}
	return nil
}

func (d *decoder) byte() byte {
	if len(d.rest) == 0 {
		d.fail()
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) upTo(last byte) byte {
	b := d.byte()
	if b > last {
		d.fail()
		return 0
	}
	return b
}

func (d *decoder) flag() bool { return d.upTo(1) == 1 }

func (d *decoder) varint() int64 {
	n, w := binary.Varint(d.rest)
	if w <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[w:]
	return n
}

func (d *decoder) uvarint() uint64 {
	n, w := binary.Uvarint(d.rest)
	if w <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[w:]
	return n
}

// length is that of something whose items take at least a byte each.
func (d *decoder) length() int {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) string() string {
	n := d.length()
	s := string(d.rest[:n])
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) key() Key { return Key{Kind: Kind(d.upTo(byte(Set))), ID: d.varint()} }

func (d *decoder) elements() []int64 {
	n := d.length()
	if n == 0 {
		return nil
	}
	elements := make([]int64, n)
	for i := range elements {
		elements[i] = d.varint()
	}
	return elements
}

func (d *decoder) value() Value {
	return Value{
		Stamp:    Stamp{Time: d.varint(), Node: node.ID(d.string()), Serial: d.uvarint()},
		Int:      d.varint(),
		Elements: d.elements(),
	}
}
