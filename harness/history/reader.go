package history

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// FileInfo is what a history file says besides its events.
type FileInfo struct {
	Meta   map[string]string // what was run
	Blocks int
	Torn   bool  // its writer did not end it
	Cut    int64 // bytes at its end that were cut off
}

// Open reads a history file. A torn end, as a kill -9 or a full disk leaves it, is cut off
// and said in the info; damage anywhere else is an error that names the place.
func Open(path string) (*History, *FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read history: %w", err)
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("read history: %w", err)
	}
	h, info, err := Read(f, stat.Size())
	if err != nil {
		return nil, nil, fmt.Errorf("read history %s: %w", path, err)
	}
	return h, info, nil
}

// Read reads a history file of size bytes.
func Read(r io.Reader, size int64) (*History, *FileInfo, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(blockMax))
	if err != nil {
		return nil, nil, err
	}
	defer z.Close()
	rd := &reader{r: bufio.NewReaderSize(r, 1<<16), left: size, zstd: z, history: &History{}, info: &FileInfo{Meta: map[string]string{}}}
	start := make([]byte, min(int64(len(magic)), size))
	if err := rd.fill(start); err != nil {
		return nil, nil, err
	}
	if string(start) != magic {
		return nil, nil, fmt.Errorf("it is no Faultline history of version 1: it starts with %q and not with %q", start, magic)
	}
	for {
		ended, err := rd.block()
		if err != nil {
			return nil, nil, err
		}
		if ended {
			return rd.history, rd.info, nil
		}
	}
}

// reader reads blocks one after the other.
type reader struct {
	r       *bufio.Reader
	at      int64 // bytes read
	left    int64 // bytes that follow
	zstd    *zstd.Decoder
	packed  []byte // a block's content
	raw     []byte // the same, decompressed
	index   []byte // what the index should say
	last    int64  // where the block before starts
	history *History
	info    *FileInfo
}

func (r *reader) fill(b []byte) error {
	n, err := io.ReadFull(r.r, b)
	r.at += int64(n)
	r.left -= int64(n)
	return err
}

// torn ends the reading: from at on there is nothing whole.
func (r *reader) torn(at int64) (bool, error) {
	r.info.Torn, r.info.Cut = true, r.at+r.left-at
	return true, nil
}

// block reads one block and reports whether it was the last.
func (r *reader) block() (ended bool, err error) {
	at := r.at
	if r.left < headSize {
		return r.torn(at)
	}
	var first [headSize]byte
	if err := r.fill(first[:]); err != nil {
		return false, err
	}
	h, whole := parseHead(first[:])
	if !whole {
		return r.damaged(at, "head")
	}
	if int64(h.packed) > r.left {
		return r.torn(at)
	}
	r.packed = slices.Grow(r.packed[:0], int(h.packed))[:h.packed]
	if err := r.fill(r.packed); err != nil {
		return false, err
	}
	if !contentWhole(first[:], r.packed) {
		return r.damaged(at, "content")
	}
	if err := r.open(h, at); err != nil {
		return false, fmt.Errorf("the block at byte %d is malformed: %w", at, err)
	}
	if h.kind != blockIndex {
		return false, nil
	}
	if r.left < indexTail {
		return r.torn(at)
	}
	var tail [indexTail]byte
	if err := r.fill(tail[:]); err != nil {
		return false, err
	}
	if r.left != 0 || string(tail[8:]) != indexMark || binary.LittleEndian.Uint64(tail[:]) != uint64(at) {
		return false, fmt.Errorf("what follows the index at byte %d does not belong there", at)
	}
	return true, nil
}

// damaged is for a wrong checksum of the block at byte at. With nothing but zeros behind
// it this is the end that a power cut leaves of a file: its size, but not all its bytes.
func (r *reader) damaged(at int64, part string) (ended bool, err error) {
	for rest := r.left; rest > 0; rest-- {
		b, err := r.r.ReadByte()
		if err != nil {
			return false, err
		}
		if b != 0 {
			return false, fmt.Errorf("the block at byte %d is damaged: the checksum of its %s is wrong", at, part)
		}
	}
	return r.torn(at)
}

// open decompresses a block and takes what it holds.
func (r *reader) open(h head, at int64) error {
	// An entry takes a byte at the least.
	if h.raw > blockMax || h.count > h.raw {
		return fmt.Errorf("%d entries in %d bytes are not credible", h.count, h.raw)
	}
	var err error
	if r.raw, err = r.zstd.DecodeAll(r.packed, r.raw[:0]); err != nil {
		return err
	}
	if len(r.raw) != int(h.raw) {
		return fmt.Errorf("it holds %d bytes and claims %d", len(r.raw), h.raw)
	}
	if (h.kind == blockMeta) != (r.info.Blocks == 0) {
		return errors.New("the first block, and no other, says what was run")
	}
	if h.kind == blockIndex {
		if int(h.count) != r.info.Blocks || !bytes.Equal(r.raw, r.index) {
			return errors.New("the index tells of other blocks than there are")
		}
		return nil
	}
	r.index = append(r.index, h.kind)
	r.index = binary.AppendUvarint(r.index, uint64(at-r.last))
	r.index = binary.AppendUvarint(r.index, uint64(h.count))
	r.last = at
	r.info.Blocks++
	switch h.kind {
	case blockMeta:
		return readMeta(r.info.Meta, r.raw, int(h.count))
	case blockOps:
		return readOps(r.history, r.raw, int(h.count))
	case blockTelemetry:
		return readTelemetry(r.history, r.raw, int(h.count))
	}
	return fmt.Errorf("there are no blocks of kind %q", h.kind)
}
