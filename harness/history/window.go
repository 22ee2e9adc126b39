package history

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// window is the part of a file that is in memory: what was read and is not done with.
type window struct {
	r    io.Reader
	b    []byte // from the first byte that is not done with
	room []byte // what b lies in
	line int    // of the first byte
	end  bool   // nothing follows b
	max  int    // bytes of b
}

func newWindow(r io.Reader, o ImportOptions) *window {
	w := &window{r: limited(unmarked(r)), room: make([]byte, 1<<18), line: 1, max: longestOp}
	if o.longest > 0 {
		w.max = o.longest
	}
	return w
}

// pass is done with n bytes.
func (w *window) pass(n int) {
	w.line += bytes.Count(w.b[:n], []byte{'\n'})
	w.b = w.b[n:]
}

// lineAt is the line of the byte at.
func (w *window) lineAt(at int) int { return w.line + bytes.Count(w.b[:at], []byte{'\n'}) }

// more reads on, so that b grows.
func (w *window) more() error {
	if len(w.b) >= w.max {
		return fmt.Errorf("an operation is longer than %d MiB", w.max>>20)
	}
	if len(w.b) > len(w.room)/2 {
		w.room = make([]byte, 2*len(w.room))
	}
	kept := copy(w.room, w.b)
	n, err := w.r.Read(w.room[kept:])
	for empty := 0; n == 0 && err == nil; empty++ {
		if empty == 100 {
			return io.ErrNoProgress
		}
		n, err = w.r.Read(w.room[kept:])
	}
	w.b = w.room[:kept+n]
	if errors.Is(err, io.EOF) {
		w.end, err = true, nil
	}
	return err
}

// unmarked passes over the byte order mark that some editors begin a file with.
func unmarked(r io.Reader) io.Reader {
	var head [3]byte
	n, _ := io.ReadFull(r, head[:]) // an error comes again
	if string(head[:n]) == "\uFEFF" {
		return r
	}
	return io.MultiReader(bytes.NewReader(head[:n]), r)
}

// limited stops at a size that no history has, so that a reader that never ends does not
// fill memory.
func limited(r io.Reader) io.Reader { return io.LimitReader(r, 1<<40) }
