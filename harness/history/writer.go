package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync/atomic"
)

// The size of a full block. Blocks are cut by what they hold and not by time, so that a
// simulated run gives the same bytes again.
const (
	blockEvents = 1 << 14
	blockNotes  = 1 << 12
	blockText   = 1 << 20  // bytes of values, errors and telemetry
	textMax     = 32 << 20 // of one event: blockMax holds it whatever else is in the block
)

// Writer keeps a history in memory and writes it to its file as it grows. Compressing and
// writing happen beside, so that Append costs little more than the columns. It is used by
// one goroutine at a time. Once the file fails, every later call says so.
type Writer struct {
	history *History
	jobs    chan job // nil: in memory only
	ended   chan struct{}
	closed  bool

	events, notes, strings int // handed over so far
	text                   int // bytes not handed over yet

	err atomic.Pointer[error] // the first
}

var errClosed = errors.New("write the history: it is closed already")

// job is something to be written.
type job struct {
	ops       *stretch
	telemetry []Event
}

// NewMemory returns a writer that keeps the history in memory only.
func NewMemory() *Writer { return &Writer{history: &History{}} }

// NewWriter begins a history file. meta says what was run.
func NewWriter(w io.Writer, meta map[string]string) (*Writer, error) {
	p, err := newPacker()
	if err != nil {
		return nil, fmt.Errorf("write the history: %w", err)
	}
	f := &file{w: w, packer: p}
	for _, name := range slices.Sorted(maps.Keys(meta)) {
		p.raw = appendText(appendText(p.raw, name), meta[name])
	}
	f.write([]byte(magic))
	f.block(blockMeta, len(meta), p.block(blockMeta, len(meta)))
	if f.err != nil {
		return nil, fmt.Errorf("write the history: %w", f.err)
	}
	// The queue is short: when the disk cannot keep up, the run waits instead of filling memory.
	wr := &Writer{history: &History{}, jobs: make(chan job, 4), ended: make(chan struct{})}
	go wr.write(f)
	return wr, nil
}

// History is what was appended so far.
func (w *Writer) History() *History { return w.history }

// Append adds an event. It does not keep op.
func (w *Writer) Append(op *Op) error {
	w.history.append(op)
	if w.jobs == nil {
		return w.problem()
	}
	if err := w.weigh(len(op.Value.S) + len(op.Error) + len(op.F)); err != nil {
		return err
	}
	if n := w.history.count; n-w.events == blockEvents || n%chunkSize == 0 || w.text >= blockText {
		w.handOver()
	}
	return w.problem()
}

// Note adds an event to the telemetry track. It goes to the file with the next block.
func (w *Writer) Note(e Event) error {
	w.history.Note(e)
	if w.jobs == nil {
		return w.problem()
	}
	if err := w.weigh(len(e.Node) + len(e.Name) + len(e.Text)); err != nil {
		return err
	}
	if len(w.history.telemetry)-w.notes == blockNotes || w.text >= blockText {
		w.handOver()
	}
	return w.problem()
}

// weigh counts the bytes that await writing, so that no block outgrows its limit.
func (w *Writer) weigh(text int) error {
	if text > textMax {
		w.report(fmt.Errorf("an event holds %d bytes of text, and %d are the most", text, textMax))
		return w.problem()
	}
	w.text += text
	return nil
}

// Flush sends everything on its way to the file. It does not wait until it is there.
func (w *Writer) Flush() error {
	if w.jobs != nil {
		w.handOver()
	}
	return w.problem()
}

// Close writes the rest and the index, and waits until that is done.
func (w *Writer) Close() error {
	if w.jobs == nil {
		if err := w.err.Load(); err != nil {
			return *err
		}
		return nil
	}
	w.handOver()
	close(w.jobs)
	<-w.ended
	w.jobs = nil
	err := w.problem()
	w.closed = true
	return err
}

// problem is what went wrong so far.
func (w *Writer) problem() error {
	if err := w.err.Load(); err != nil {
		return *err
	}
	if w.closed {
		return errClosed
	}
	return nil
}

func (w *Writer) report(err error) {
	if err != nil {
		err = fmt.Errorf("write the history: %w", err)
		w.err.CompareAndSwap(nil, &err)
	}
}

// handOver gives what is new to the writing goroutine.
func (w *Writer) handOver() {
	h := w.history
	var j job
	w.text = 0
	if n := len(h.telemetry); n > w.notes {
		j.telemetry = h.telemetry[w.notes:n]
		w.notes = n
	}
	if h.count > w.events {
		j.ops = w.stretch()
	}
	if w.err.Load() == nil && (j.ops != nil || j.telemetry != nil) {
		w.jobs <- j
	}
}

// stretch is the part of the last chunk that is new.
func (w *Writer) stretch() *stretch {
	h := w.history
	c := h.chunks[len(h.chunks)-1]
	from, to := w.events%chunkSize, len(c.time)
	firstErr, _ := slices.BinarySearchFunc(c.errs, from, func(e fault, at int) int { return int(e.at) - at })
	s := &stretch{
		chunk: chunk{
			time: c.time[from:to], process: c.process[from:to], shape: c.shape[from:to], f: c.f[from:to],
			key: c.key[from:to], a: c.a[from:to], wide: c.wide, long: c.long,
			errs: c.errs[firstErr:],
		},
	}
	if n := len(h.strings.all); n > w.strings {
		s.strings = h.strings.all[max(w.strings, 1):n]
		w.strings = n
	}
	w.events = h.count
	return s
}

// write is the writing goroutine.
func (w *Writer) write(f *file) {
	defer close(w.ended)
	for j := range w.jobs {
		if j.telemetry != nil {
			f.block(blockTelemetry, len(j.telemetry), f.packer.telemetry(j.telemetry))
		}
		if j.ops != nil {
			f.block(blockOps, len(j.ops.time), f.packer.ops(j.ops))
		}
		w.report(f.err)
	}
	if w.err.Load() == nil {
		f.end()
		w.report(f.err)
	}
}

// file is the file as it grows.
type file struct {
	w      io.Writer
	packer *packer
	offset int64
	index  []byte
	blocks int
	last   int64
	err    error
}

func (f *file) write(b []byte) {
	if f.err != nil {
		return
	}
	var n int
	n, f.err = f.w.Write(b)
	f.offset += int64(n)
}

// block writes a framed block and enters it into the index.
func (f *file) block(kind byte, count int, framed []byte) {
	f.index = append(f.index, kind)
	f.index = binary.AppendUvarint(f.index, uint64(f.offset-f.last))
	f.index = binary.AppendUvarint(f.index, uint64(count))
	f.last = f.offset
	f.blocks++
	if len(f.packer.raw) > blockMax && f.err == nil {
		f.err = fmt.Errorf("a block of %d bytes, and %d are the most", len(f.packer.raw), blockMax)
	}
	f.write(framed)
}

// end writes the index.
func (f *file) end() {
	at := f.offset
	f.packer.raw = append(f.packer.raw[:0], f.index...)
	f.write(f.packer.block(blockIndex, f.blocks))
	f.write(append(binary.LittleEndian.AppendUint64(nil, uint64(at)), indexMark...))
}
