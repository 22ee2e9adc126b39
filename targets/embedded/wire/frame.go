package wire

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// A file of a node is a sequence of frames:
//
//	+--------+-------------------+---------+---------+------+
//	| length | CRC-32C of length | CRC-32C | payload | 0xff |   4 bytes each, little-endian
//	+--------+-------------------+---------+---------+------+
//
// What follows the first frame that does not check is the torn end of writes that were never
// synced, so never acknowledged, and is to be cut off; or it is damaged, and what it held may
// have been acknowledged, so that a node that cut it off would forget what it had promised.
// The length has a checksum of its own, and the end a mark, so that Damaged can tell the one
// from the other. No payload is empty: a hole of zeros would check as that.

const (
	frameHeader = 12
	frameMark   = 0xff
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// Open begins a frame at the end of b: append the payload, then Seal it.
func Open(b []byte) []byte { return append(b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) }

// Seal completes the frame that was opened when b was start long.
func Seal(b []byte, start int) []byte {
	frame := b[start:]
	payload := frame[frameHeader:]
	binary.LittleEndian.PutUint32(frame, uint32(len(payload)))
	binary.LittleEndian.PutUint32(frame[4:], sum(frame[:4]))
	binary.LittleEndian.PutUint32(frame[8:], sum(payload))
	return append(b, frameMark)
}

// header reads a frame's length; ok is false if there is none.
func header(b []byte) (length uint32, ok bool) {
	if len(b) < frameHeader || sum(b[:4]) != binary.LittleEndian.Uint32(b[4:]) {
		return 0, false
	}
	length = binary.LittleEndian.Uint32(b)
	return length, length > 0
}

// Next takes a frame off the front; ok is false at the end and at a frame that does not check.
func Next(b []byte) (payload, rest []byte, ok bool) {
	n, ok := header(b)
	if !ok || uint64(n) >= uint64(len(b)-frameHeader) {
		return nil, b, false
	}
	end := frameHeader + int(n)
	payload = b[frameHeader:end]
	if sum(payload) != binary.LittleEndian.Uint32(b[8:]) || b[end] != frameMark {
		return nil, b, false
	}
	return payload, b[end+1:], true
}

// Damaged reports whether rest, where no frame checks, is something else than the end of an
// unfinished write, which is the beginning of a frame, with zeros behind it or nothing.
func Damaged(rest []byte) bool {
	for i := 1; i < len(rest); i++ {
		if _, _, ok := Next(rest[i:]); ok {
			return true // something whole was written after it
		}
	}
	if len(rest) < frameHeader || bytes.HasSuffix(rest, []byte{0}) {
		return false
	}
	n, ok := header(rest)
	return !ok || uint64(n) < uint64(len(rest)-frameHeader)
}
