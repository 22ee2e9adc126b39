package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

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
	if len(c.b) > 0 && c.b[0] < 0x80 { // most are
		v := c.b[0]
		c.b = c.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.fail(errShort)
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) varint() int64 {
	v := c.uvarint()
	return int64(v>>1) ^ -int64(v&1)
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

// word is the number of one of the history's strings.
func (c *cursor) word(h *History) uint32 {
	id := c.uvarint()
	if id != 0 && id >= uint64(len(h.strings.all)) {
		c.fail(fmt.Errorf("it refers to string %d of %d", id, len(h.strings.all)))
		return 0
	}
	return uint32(id)
}

// done is what is wrong, if anything.
func (c *cursor) done() error {
	if c.err == nil && len(c.b) > 0 {
		return fmt.Errorf("%d bytes too many", len(c.b))
	}
	return c.err
}

// readOps decodes a block's columns to the end of a history's. After an error the
// history is of no use.
func readOps(h *History, raw []byte, count int) error {
	in := &cursor{b: raw}
	for n := in.uvarint(); n > 0 && in.err == nil; n-- {
		known := max(1, len(h.strings.all))
		if text := in.text(); in.err == nil && int(h.strings.id(text)) != known {
			in.fail(fmt.Errorf("the string %q is not new", text))
		}
	}
	shapes := in.bytes(uint64(count))
	if in.err != nil {
		return in.err
	}
	c := h.room()
	from := len(c.time)
	if count > chunkSize-from {
		return fmt.Errorf("its %d events go beyond the next multiple of %d", count, chunkSize)
	}
	c.shape = append(c.shape, shapes...)
	var last int64
	for range shapes {
		last += in.varint()
		c.time = append(c.time, last)
	}
	for range shapes {
		process := in.varint()
		if process < math.MinInt32 || process > math.MaxInt32 {
			in.fail(fmt.Errorf("process %d", process))
		}
		c.process = append(c.process, int32(process))
	}
	for range shapes {
		c.f = append(c.f, in.word(h))
	}
	last = 0
	for _, shape := range shapes {
		var key int64
		if shape&shapeKeyed != 0 {
			last += in.varint()
			key = last
		}
		c.key = append(c.key, key)
	}
	c.readValues(in, shapes)
	for i, shape := range shapes {
		if shape&shapeError == 0 {
			continue
		}
		id := in.word(h)
		if id == 0 {
			in.fail(errors.New("an error without a text"))
		}
		c.errs = append(c.errs, fault{int32(from + i), id})
	}
	h.count += count
	return in.done()
}

func (c *chunk) readValues(in *cursor, shapes []byte) {
	var last int64
	for _, shape := range shapes {
		var a int64
		switch kind := Kind(shape >> shapeKind); kind {
		case KindNil:
		case KindInt:
			last += in.varint()
			a = last
		case KindPair:
			a = int64(len(c.wide))
			c.wide = append(c.wide, in.varint(), in.varint())
		case KindList, KindText, KindEDN:
			a = put(&c.long, in.bytes(in.uvarint()))
		default:
			in.fail(fmt.Errorf("there are no values of kind %d", kind))
		}
		c.a = append(c.a, a)
	}
}

// readTelemetry appends a block's telemetry to a history.
func readTelemetry(h *History, raw []byte, count int) error {
	in := &cursor{b: raw}
	var last int64
	for ; count > 0 && in.err == nil; count-- {
		kind := in.bytes(1)
		if in.err != nil {
			break
		}
		if int(kind[0]) >= len(eventNames) {
			return fmt.Errorf("there is no telemetry of kind %d", kind[0])
		}
		last += in.varint()
		e := Event{Kind: EventKind(kind[0]), Time: last, N: in.varint(), Node: in.text(), Name: in.text(), Text: in.text()}
		if in.err == nil {
			h.Note(e)
		}
	}
	return in.done()
}

// readMeta reads what was run.
func readMeta(meta map[string]string, raw []byte, count int) error {
	in := &cursor{b: raw}
	for ; count > 0 && in.err == nil; count-- {
		name := in.text()
		meta[name] = in.text()
	}
	return in.done()
}
