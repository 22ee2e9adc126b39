package history

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
)

// A history file is a magic and a chain of blocks; docs/history-format.md has the layout.
// Within a block of operations each column stands by itself, as differences in varints
// where that is shorter, so that the compressor finds like beside like.

const (
	magic     = "FLHIST\x01\n"
	headSize  = 24
	blockMax  = 64 << 20 // bytes of a block, decompressed: more is not believed
	indexTail = 12       // after the index: where it starts, and its mark
	indexMark = "FLHX"
)

// The kinds of blocks.
const (
	blockMeta      = 'M' // what was run
	blockOps       = 'O'
	blockTelemetry = 'T'
	blockIndex     = 'I' // the last: where the others start
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// head is what precedes a block's compressed content.
type head struct {
	kind   byte
	count  uint32 // entries
	raw    uint32 // bytes, decompressed
	packed uint32 // bytes that follow
}

// The head has a checksum of its own, behind which that of the content follows: a reader
// must be able to trust the size, or damage to it would pass for the end of the file.

func (h head) append(b, packed []byte) []byte {
	start := len(b)
	b = append(b, h.kind, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, h.count)
	b = binary.LittleEndian.AppendUint32(b, h.raw)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(packed)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(packed, castagnoli))
	return append(b, packed...)
}

// parseHead reads a head and reports whether it is as it was written.
func parseHead(b []byte) (h head, whole bool) {
	h = head{
		kind: b[0], count: binary.LittleEndian.Uint32(b[4:]), raw: binary.LittleEndian.Uint32(b[8:]),
		packed: binary.LittleEndian.Uint32(b[12:]),
	}
	return h, crc32.Checksum(b[:16], castagnoli) == binary.LittleEndian.Uint32(b[16:])
}

// contentWhole reports whether a block's content is as it was written.
func contentWhole(head, packed []byte) bool {
	return crc32.Checksum(packed, castagnoli) == binary.LittleEndian.Uint32(head[20:])
}

// packer compresses blocks. One, with one thread: the same events give the same bytes.
type packer struct {
	zstd   *zstd.Encoder
	raw    []byte
	packed []byte
	out    []byte
}

func newPacker() (*packer, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	return &packer{zstd: z}, err
}

// block frames what is in raw; the result is good until the next call.
func (p *packer) block(kind byte, count int) []byte {
	p.packed = p.zstd.EncodeAll(p.raw, p.packed[:0])
	p.out = head{kind: kind, count: uint32(count), raw: uint32(len(p.raw))}.append(p.out[:0], p.packed)
	return p.out
}

// stretch is a run of events of one chunk, and the strings that came up in it. Its slices
// are never written to again, so another goroutine may read them.
type stretch struct {
	chunk
	strings []string
}

func (p *packer) ops(s *stretch) []byte {
	b := binary.AppendUvarint(p.raw[:0], uint64(len(s.strings)))
	for _, word := range s.strings {
		b = appendText(b, word)
	}
	b = append(b, s.shape...)
	var last int64
	for _, t := range s.time {
		b = binary.AppendVarint(b, t-last)
		last = t
	}
	for _, process := range s.process {
		b = binary.AppendVarint(b, int64(process))
	}
	for _, f := range s.f {
		b = binary.AppendUvarint(b, uint64(f))
	}
	last = 0
	for i, key := range s.key {
		if s.shape[i]&shapeKeyed != 0 {
			b = binary.AppendVarint(b, key-last)
			last = key
		}
	}
	last = 0
	for i, shape := range s.shape {
		switch a := s.a[i]; Kind(shape >> shapeKind) {
		case KindNil:
		case KindInt:
			b = binary.AppendVarint(b, a-last)
			last = a
		case KindPair:
			b = binary.AppendVarint(b, s.wide[a])
			b = binary.AppendVarint(b, s.wide[a+1])
		default:
			value := s.long.bytes(a)
			b = binary.AppendUvarint(b, uint64(len(value)))
			b = append(b, value...)
		}
	}
	for _, e := range s.errs {
		b = binary.AppendUvarint(b, uint64(e.id))
	}
	p.raw = b
	return p.block(blockOps, len(s.time))
}

func (p *packer) telemetry(events []Event) []byte {
	b := p.raw[:0]
	var last int64
	for _, e := range events {
		b = append(b, byte(e.Kind))
		b = binary.AppendVarint(b, e.Time-last)
		last = e.Time
		b = binary.AppendVarint(b, e.N)
		for _, text := range []string{e.Node, e.Name, e.Text} {
			b = appendText(b, text)
		}
	}
	p.raw = b
	return p.block(blockTelemetry, len(events))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
