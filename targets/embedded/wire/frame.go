package wire

import (
	"encoding/binary"
	"hash/crc32"
)

// A file of a node is a sequence of frames:
//
//	+--------+---------+---------+
//	| length | CRC-32C | payload |   length and CRC: 4 bytes, little-endian
//	+--------+---------+---------+
//
// Whatever follows the first frame that does not check is the torn end of writes that
// were never synced, so never acknowledged, and is to be cut off. No payload is empty:
// a hole of zeros would check as that.

const frameHeader = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Open begins a frame at the end of b: append the payload, then Seal it.
func Open(b []byte) []byte { return append(b, 0, 0, 0, 0, 0, 0, 0, 0) }

// Seal writes the length and checksum of the frame that was opened when b was start long.
func Seal(b []byte, start int) []byte {
	payload := b[start+frameHeader:]
	binary.LittleEndian.PutUint32(b[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[start+4:], crc32.Checksum(payload, castagnoli))
	return b
}

// Next takes a frame off the front; ok is false at the end and at a torn frame.
func Next(b []byte) (payload, rest []byte, ok bool) {
	if len(b) < frameHeader {
		return nil, b, false
	}
	n := binary.LittleEndian.Uint32(b)
	if n == 0 || uint64(n) > uint64(len(b)-frameHeader) {
		return nil, b, false
	}
	payload = b[frameHeader : frameHeader+int(n)]
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
		return nil, b, false
	}
	return payload, b[frameHeader+int(n):], true
}
