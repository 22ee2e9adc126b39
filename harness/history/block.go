package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/klauspost/compress/zstd"
)

// A history file is a magic and a chain of blocks; docs/history-format.md has the layout.
// Within a block of operations each column stands by itself, as differences in varints
// where that is shorter, so that the compressor finds like beside like.

const (
	magic     = "FLHIST\x01\n"
	headSize  = 20
	blockMax  = 64 << 20 // bytes of a block, decompressed: more is not believed
	countMax  = 1 << 20  // events of a block
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
	sum    uint32 // CRC-32C of the head up to here and of what follows
}

func (h head) append(b, packed []byte) []byte {
	start := len(b)
	b = append(b, h.kind, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, h.count)
	b = binary.LittleEndian.AppendUint32(b, h.raw)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(packed)))
	sum := crc32.Update(crc32.Checksum(b[start:], castagnoli), castagnoli, packed)
	b = binary.LittleEndian.AppendUint32(b, sum)
	return append(b, packed...)
}

func parseHead(b []byte) head {
	return head{
		kind: b[0], count: binary.LittleEndian.Uint32(b[4:]), raw: binary.LittleEndian.Uint32(b[8:]),
		packed: binary.LittleEndian.Uint32(b[12:]), sum: binary.LittleEndian.Uint32(b[16:]),
	}
}

func (h head) check(b []byte) bool {
	return crc32.Update(crc32.Checksum(b[:16], castagnoli), castagnoli, b[headSize:]) == h.sum
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
	wideFrom int64 // how many numbers of pairs come before
	endsFrom int64 // how many longer values come before
	textFrom int32 // and how many bytes of theirs
	strings  []string
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
	text := s.textFrom
	for i, shape := range s.shape {
		switch a := s.a[i]; Kind(shape >> shapeKind) {
		case KindNil:
		case KindInt:
			b = binary.AppendVarint(b, a-last)
			last = a
		case KindPair:
			a -= s.wideFrom
			b = binary.AppendVarint(b, s.wide[a])
			b = binary.AppendVarint(b, s.wide[a+1])
		default:
			end := s.ends[a-s.endsFrom]
			b = binary.AppendUvarint(b, uint64(end-text))
			b = append(b, s.text[text:end]...)
			text = end
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

// cursor reads a decompressed block. After a mistake it yields zeros and keeps the error.
type cursor struct {
	b   []byte
	err error
}

var errShort = errors.New("the block ends too early")

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.b = nil
}

func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.fail(errShort)
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.b)
	if n <= 0 {
		c.fail(errShort)
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) bytes(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.fail(errShort)
		return nil
	}
	part := c.b[:n]
	c.b = c.b[n:]
	return part
}

func (c *cursor) text() string { return string(c.bytes(c.uvarint())) }

// readOps appends a block's events to a history.
func readOps(h *History, raw []byte, count int) error {
	c := &cursor{b: raw}
	for n := c.uvarint(); n > 0 && c.err == nil; n-- {
		text := c.text()
		if id := h.strings.id(text); c.err == nil && int(id) != len(h.strings.all)-1 {
			c.fail(fmt.Errorf("the string %q comes twice", text))
		}
	}
	shapes := c.bytes(uint64(count))
	if c.err != nil {
		return c.err
	}
	ops := make([]Op, count)
	var last int64
	for i := range ops {
		last += c.varint()
		ops[i].Time = last
	}
	for i := range ops {
		process := c.varint()
		if process < math.MinInt32 || process > math.MaxInt32 {
			c.fail(fmt.Errorf("process %d", process))
		}
		ops[i].Process = int(process)
	}
	str := func() string {
		id := c.uvarint()
		if id >= max(1, uint64(len(h.strings.all))) {
			c.fail(fmt.Errorf("string %d of %d", id, len(h.strings.all)))
			return ""
		}
		return h.strings.text(uint32(id))
	}
	for i := range ops {
		ops[i].F = str()
	}
	last = 0
	for i, shape := range shapes {
		ops[i].Type = Type(shape & shapeType)
		if ops[i].Keyed = shape&shapeKeyed != 0; ops[i].Keyed {
			last += c.varint()
			ops[i].Key = last
		}
	}
	last = 0
	for i, shape := range shapes {
		v := &ops[i].Value
		switch v.Kind = Kind(shape >> shapeKind); v.Kind {
		case KindNil:
		case KindInt:
			last += c.varint()
			v.A = last
		case KindPair:
			v.A, v.B = c.varint(), c.varint()
		case KindList, KindText, KindEDN:
			v.S = c.text()
		default:
			c.fail(fmt.Errorf("value of kind %d", v.Kind))
		}
	}
	for i, shape := range shapes {
		if shape&shapeError != 0 {
			if ops[i].Error = str(); ops[i].Error == "" {
				c.fail(errors.New("an empty error"))
			}
		}
	}
	if c.err == nil && len(c.b) > 0 {
		c.fail(fmt.Errorf("%d bytes too many", len(c.b)))
	}
	if c.err != nil {
		return c.err
	}
	for _, op := range ops {
		h.Append(op)
	}
	return nil
}

// readTelemetry appends a block's telemetry to a history.
func readTelemetry(h *History, raw []byte, count int) error {
	c := &cursor{b: raw}
	var last int64
	for ; count > 0 && c.err == nil; count-- {
		kind := c.bytes(1)
		if c.err != nil {
			break
		}
		if int(kind[0]) >= len(eventNames) {
			return fmt.Errorf("telemetry of kind %d", kind[0])
		}
		last += c.varint()
		e := Event{Kind: EventKind(kind[0]), Time: last, N: c.varint(), Node: c.text(), Name: c.text(), Text: c.text()}
		if c.err == nil {
			h.Note(e)
		}
	}
	if c.err == nil && len(c.b) > 0 {
		c.fail(fmt.Errorf("%d bytes too many", len(c.b)))
	}
	return c.err
}
