package history

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

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
		return nil, nil, errors.New("it is no Faultline history: its first bytes are others")
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
	buf     []byte // a framed block
	raw     []byte
	index   bytes.Buffer // what the index should say
	last    int64
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
	r.buf = append(r.buf[:0], make([]byte, headSize)...)
	if err := r.fill(r.buf); err != nil {
		return false, err
	}
	h := parseHead(r.buf)
	if int64(h.packed) > r.left {
		return r.torn(at)
	}
	r.buf = append(r.buf, make([]byte, h.packed)...)
	if err := r.fill(r.buf[headSize:]); err != nil {
		return false, err
	}
	if !h.check(r.buf) {
		if r.left == 0 {
			return r.torn(at)
		}
		return false, fmt.Errorf("the block at byte %d is damaged: its checksum is wrong", at)
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
	tail := make([]byte, indexTail)
	if err := r.fill(tail); err != nil {
		return false, err
	}
	if r.left != 0 || string(tail[8:]) != indexMark || binary.LittleEndian.Uint64(tail) != uint64(at) {
		return false, fmt.Errorf("what follows the index at byte %d does not belong there", at)
	}
	return true, nil
}

// open decompresses a block and takes what it holds.
func (r *reader) open(h head, at int64) error {
	// The shortest entry takes a byte or more of each of several columns.
	if h.raw > blockMax || h.count > countMax || h.kind != blockMeta && h.count > h.raw {
		return fmt.Errorf("%d entries in %d bytes are not credible", h.count, h.raw)
	}
	var err error
	if r.raw, err = r.zstd.DecodeAll(r.buf[headSize:], r.raw[:0]); err != nil {
		return err
	}
	if len(r.raw) != int(h.raw) {
		return fmt.Errorf("it holds %d bytes and claims %d", len(r.raw), h.raw)
	}
	if h.kind == blockIndex {
		if !bytes.Equal(r.raw, r.index.Bytes()) {
			return errors.New("the index tells of other blocks than there are")
		}
		return nil
	}
	entry := binary.AppendUvarint([]byte{h.kind}, uint64(at-r.last))
	r.index.Write(binary.AppendUvarint(entry, uint64(h.count)))
	r.last = at
	r.info.Blocks++
	switch h.kind {
	case blockMeta:
		c := &cursor{b: r.raw}
		for range h.count {
			name := c.text()
			r.info.Meta[name] = c.text()
			if c.err != nil {
				return c.err
			}
		}
		return nil
	case blockOps:
		return readOps(r.history, r.raw, int(h.count))
	case blockTelemetry:
		return readTelemetry(r.history, r.raw, int(h.count))
	}
	return fmt.Errorf("there are no blocks of kind %q", h.kind)
}
