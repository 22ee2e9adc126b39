package dynamo

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/faultline-dev/faultline/harness/node"
)

// A node's log is a sequence of records, each behind its length and checksum:
//
//	+--------+--------+---------------------------+
//	| length | CRC-32C| kind, fields of that kind |   length and CRC: 4 bytes, little-endian
//	+--------+--------+---------------------------+
//
// Whatever follows the first record that does not check is the torn end of writes that
// were never synced, so never acknowledged, and is cut off.

type recordKind uint8

const (
	recordLife    recordKind = iota + 1 // the node began its Life-th life
	recordData                          // Value was merged into Key
	recordHint                          // Value was kept as a hint for Home
	recordSettled                       // Home confirmed Value, so the hint of it is void
)

// record is one change of a node's durable state.
type record struct {
	Kind  recordKind
	Life  uint64
	Home  node.ID
	Key   Key
	Value Value
}

const frameHeader = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord frames a record.
func appendRecord(b []byte, r *record) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, byte(r.Kind))
	switch r.Kind {
	case recordLife:
		b = binary.AppendUvarint(b, r.Life)
	case recordData:
		b = appendValue(appendKey(b, r.Key), r.Value)
	default:
		b = appendValue(appendKey(appendString(b, string(r.Home)), r.Key), r.Value)
	}
	payload := b[start+frameHeader:]
	binary.LittleEndian.PutUint32(b[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[start+4:], crc32.Checksum(payload, castagnoli))
	return b
}

// nextRecord takes a record off the front; ok is false at the end and at a torn record.
func nextRecord(b []byte) (r record, rest []byte, ok bool) {
	if len(b) < frameHeader {
		return r, b, false
	}
	n := binary.LittleEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-frameHeader) {
		return r, b, false
	}
	payload := b[frameHeader : frameHeader+int(n)]
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
		return r, b, false
	}
	d := decoder{rest: payload}
	switch r.Kind = recordKind(d.byte()); r.Kind {
	case recordLife:
		r.Life = d.uvarint()
	case recordData:
		r.Key, r.Value = d.key(), d.value()
	case recordHint, recordSettled:
		r.Home, r.Key, r.Value = node.ID(d.string()), d.key(), d.value()
	default:
		d.fail()
	}
	if d.end() != nil {
		return r, b, false
	}
	return r, b[frameHeader+int(n):], true
}
