package history

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var someOp = rapid.Custom(func(t *rapid.T) Op {
	op := Op{
		Time: rapid.Int64().Draw(t, "time"), Process: int(rapid.Int32().Draw(t, "process")),
		Type: Type(rapid.IntRange(0, 3).Draw(t, "type")), F: rapid.SampledFrom([]string{"", "read", "write", "löschen"}).Draw(t, "f"),
		Error: rapid.SampledFrom([]string{"", "", "timeout", "connection <refused>\n"}).Draw(t, "error"),
	}
	if op.Keyed = rapid.Bool().Draw(t, "keyed"); op.Keyed {
		op.Key = rapid.Int64().Draw(t, "key")
	}
	switch rapid.SampledFrom([]Kind{KindNil, KindInt, KindPair, KindList, KindText, KindEDN}).Draw(t, "kind") {
	case KindInt:
		op.Value = Int(rapid.Int64().Draw(t, "a"))
	case KindPair:
		op.Value = Pair(rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b"))
	case KindList:
		op.Value = List(rapid.SliceOf(rapid.Int64()).Draw(t, "list"))
	case KindText:
		op.Value = Text(rapid.String().Draw(t, "text"))
	case KindEDN:
		op.Value = Value{Kind: KindEDN, S: rapid.String().Draw(t, "edn")}
	}
	return op
})

var someEvent = rapid.Custom(func(t *rapid.T) Event {
	return Event{
		Time: rapid.Int64().Draw(t, "time"), Kind: EventKind(rapid.IntRange(0, len(eventNames)-1).Draw(t, "kind")),
		Node: rapid.SampledFrom([]string{"", "n1"}).Draw(t, "node"), Name: rapid.String().Draw(t, "name"),
		N: rapid.Int64().Draw(t, "n"), Text: rapid.String().Draw(t, "text"),
	}
})

// TestRoundTrip: what is written is read back, whatever it is and however it was flushed.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var file bytes.Buffer
		meta := map[string]string{"target": "raft", "": rapid.String().Draw(t, "meta")}
		w, err := NewWriter(&file, meta)
		if err != nil {
			t.Fatal(err)
		}
		var ops []Op
		var events []Event
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"op", "op", "op", "note", "flush"}).Draw(t, "step") {
			case "op":
				op := someOp.Draw(t, "op")
				if err := w.Append(&op); err != nil {
					t.Fatal(err)
				}
				op.Index = len(ops)
				ops = append(ops, op)
			case "note":
				e := someEvent.Draw(t, "event")
				events = append(events, e)
				_ = w.Note(e)
			case "flush":
				if err := w.Flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		back, info, err := Read(bytes.NewReader(file.Bytes()), int64(file.Len()))
		if err != nil || info.Torn || fmt.Sprint(info.Meta) != fmt.Sprint(meta) {
			t.Fatalf("read back: %v, %+v", err, info)
		}
		for _, h := range []*History{w.History(), back} {
			same(t, h, ops, events)
		}
	})
}

func same(t interface{ Fatalf(string, ...any) }, h *History, ops []Op, events []Event) {
	if h.Len() != len(ops) || len(h.Telemetry()) != len(events) {
		t.Fatalf("%d operations and %d notes, want %d and %d", h.Len(), len(h.Telemetry()), len(ops), len(events))
	}
	for i, op := range ops {
		if got := h.At(i); got != op {
			t.Fatalf("event %d is %.400s, want %.400s", i, fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", op))
		}
	}
	track := h.Telemetry()
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.Time, b.Time) })
	for i, e := range events {
		if track[i] != e {
			t.Fatalf("note %d is %#v, want %#v", i, track[i], e)
		}
	}
}

// long writes a history over several chunks.
func long(w *Writer, n int) error {
	for i := range n {
		op := Op{Time: int64(i) * 1000, Process: i % 64, Type: Type(i % 2), F: "write", Key: int64(i / 300), Keyed: true, Value: Int(int64(i))}
		switch {
		case i%97 == 0:
			op.Value = Pair(int64(i), -int64(i))
		case i%1009 == 0:
			op.Error, op.Value = fmt.Sprintf("error %d", i%7), Text(strings.Repeat("x", i%50))
		}
		if err := w.Append(&op); err != nil {
			return err
		}
		if i%5000 == 0 {
			_ = w.Note(Event{Time: int64(i) * 1000, Kind: EventLeader, Node: "n1", N: int64(i)})
		}
	}
	return w.Close()
}

func TestLongHistories(t *testing.T) {
	const n = 3*chunkSize + 1234
	var files [2]bytes.Buffer
	var kept *History
	for i := range files {
		w, err := NewWriter(&files[i], nil)
		if err != nil {
			t.Fatal(err)
		}
		kept = w.History()
		if err := long(w, n); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0].Bytes(), files[1].Bytes()) {
		t.Error("the same events gave different bytes")
	}
	back, _, err := Read(bytes.NewReader(files[0].Bytes()), int64(files[0].Len()))
	if err != nil || back.Len() != n {
		t.Fatalf("%d events, %v", back.Len(), err)
	}
	for i := range n {
		if a, b := kept.At(i), back.At(i); a != b {
			t.Fatalf("event %d: %v in memory, %v on disk", i, a, b)
		}
	}
}

// TestTornAtEveryByte: whatever a kill leaves of a file, what is read is a prefix of the
// truth, and it is said that the rest is missing.
func TestTornAtEveryByte(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, map[string]string{"seed": "1"})
	if err != nil {
		t.Fatal(err)
	}
	var ops []Op
	for i := range 200 {
		op := Op{Index: i, Time: int64(i), Process: i % 5, Type: Type(i % 4), F: "add", Value: Int(int64(i))}
		ops = append(ops, op)
		_ = w.Append(&op)
		if i%40 == 39 {
			_ = w.Note(Event{Kind: EventPhase, Name: "main", Time: int64(i)})
			_ = w.Flush()
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole := file.Bytes()
	seen := map[int]bool{}
	for end := len(magic); end < len(whole); end++ {
		h, info, err := Read(bytes.NewReader(whole[:end]), int64(end))
		if err != nil || !info.Torn || info.Cut < 0 || info.Cut > int64(end) {
			t.Fatalf("cut at %d: %v, %+v", end, err, info)
		}
		seen[h.Len()] = true
		same(t, h, ops[:h.Len()], h.Telemetry())
	}
	if len(seen) != 6 {
		t.Errorf("lengths seen: %v", seen)
	}
	if h, _, err := Read(bytes.NewReader(whole[:3]), 3); err == nil {
		t.Errorf("3 bytes were read as %d events", h.Len())
	}
}

// TestDamage: a wrong byte anywhere in a file that was ended is an error, and never
// passes for a torn end.
func TestDamage(t *testing.T) {
	var file bytes.Buffer
	w, _ := NewWriter(&file, map[string]string{"seed": "1"})
	for i := range 100 {
		_ = w.Append(&Op{Time: int64(i), F: "add", Value: Int(int64(i))})
		if i == 50 {
			_ = w.Flush()
		}
	}
	_ = w.Close()
	whole := file.Bytes()
	for at := range whole {
		for _, bit := range []byte{1, 128} {
			bad := bytes.Clone(whole)
			bad[at] ^= bit
			h, info, err := Read(bytes.NewReader(bad), int64(len(bad)))
			if err == nil {
				t.Fatalf("byte %d: not noticed, %d events, %+v", at, h.Len(), info)
			}
		}
	}
}

// TestPowerCut: a file system may keep a file's size and not its last bytes.
func TestPowerCut(t *testing.T) {
	var file bytes.Buffer
	w, _ := NewWriter(&file, nil)
	_ = w.Append(&Op{F: "add", Value: Int(1)})
	_ = w.Close()
	whole := file.Bytes()
	for end := len(magic); end < len(whole); end++ {
		for _, size := range []int{len(whole), len(whole) + 4096} {
			zeroed := make([]byte, size)
			copy(zeroed, whole[:end])
			if bytes.HasPrefix(zeroed, whole) {
				continue // the byte was a zero
			}
			_, info, err := Read(bytes.NewReader(zeroed), int64(size))
			if err == nil && !info.Torn {
				t.Fatalf("zeros from byte %d of %d on: not noticed", end, size)
			}
			if err != nil && end < len(whole)-indexTail {
				t.Fatalf("zeros from byte %d of %d on: %v", end, size, err)
			}
		}
	}
}

// TestLargeValues: blocks keep below what a reader believes, however long the values are.
func TestLargeValues(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := make([]int64, 100_000)
	for i := range list {
		list[i] = int64(i) * 977
	}
	ops := make([]Op, 250) // 70 MB together
	for i := range ops {
		list[0] = int64(i)
		ops[i] = Op{Index: i, F: "read", Value: List(list)}
		if err := w.Append(&ops[i]); err != nil {
			t.Fatal(err)
		}
	}
	events := make([]Event, 3*blockNotes/2)
	for i := range events {
		events[i] = Event{Kind: EventClock, Node: "n1", N: int64(i)}
		_ = w.Note(events[i])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	h, info, err := Read(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil || info.Torn {
		t.Fatal(err)
	}
	same(t, h, ops, events)
	if info.Blocks < 60 {
		t.Errorf("%d blocks", info.Blocks)
	}

	w, _ = NewWriter(io.Discard, nil)
	if err := w.Append(&Op{Value: Text(strings.Repeat("x", textMax+1))}); err == nil {
		t.Error("a value that no block holds was taken")
	}
	if err := w.Close(); err == nil {
		t.Error("it was forgotten at the end")
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	var good bytes.Buffer
	w, _ := NewWriter(&good, nil)
	_ = long(w, 40_000)
	bad := good.Bytes()
	bad[len(bad)/2] ^= 1
	for name, c := range map[string]struct{ content, want string }{
		"empty":   {"", "no Faultline history"},
		"foreign": {"{:type :invoke}", "no Faultline history"},
		"damaged": {string(bad), "checksum"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.content), 0o644); err != nil {
			t.Fatal(err)
		}
		_, _, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

// full is a disk that runs full.
type full struct{ left int }

var errFull = errors.New("no space left on device")

func (f *full) Write(b []byte) (int, error) {
	if len(b) > f.left {
		return 0, errFull
	}
	f.left -= len(b)
	return len(b), nil
}

func TestAFullDiskIsReported(t *testing.T) {
	if _, err := NewWriter(&full{10}, nil); !errors.Is(err, errFull) {
		t.Errorf("at the start: %v", err)
	}
	w, err := NewWriter(&full{5000}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := long(w, 200_000); !errors.Is(err, errFull) {
		t.Errorf("while appending: %v", err)
	}
	for what, err := range map[string]error{
		"append": w.Append(&Op{}), "note": w.Note(Event{}), "flush": w.Flush(), "close": w.Close(),
	} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s after the end: %v", what, err)
		}
	}
}

// TestAClosedWriterTakesNothing: an event that would be missing from the file is an error.
func TestAClosedWriterTakesNothing(t *testing.T) {
	w, err := NewWriter(io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"append": w.Append(&Op{}), "note": w.Note(Event{})} {
		if !errors.Is(err, errClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	var file bytes.Buffer
	w, _ := NewWriter(&file, map[string]string{"seed": "1"})
	_ = w.Append(&Op{F: "read", Value: Pair(1, 2), Error: "x"})
	_ = w.Append(&Op{F: "read", Value: Text("abc"), Keyed: true, Key: 7})
	_ = w.Note(Event{Kind: EventClock, Node: "n1", N: 5})
	_ = w.Close()
	f.Add(file.Bytes())
	// Most mutants die at the checksum, so the blocks' contents are fuzzed by themselves too.
	f.Add([]byte("O\x02\x01\x04read\x01\x01\x00\x02\x00\x00\x01\x01\x00"))
	f.Add([]byte("T\x01\x00\x02\x04\x02n1\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, info, err := Read(bytes.NewReader(b), int64(len(b)))
		if err == nil {
			visit(h)
			if info.Cut > int64(len(b)) {
				t.Errorf("cut %d of %d bytes", info.Cut, len(b))
			}
		}
		if len(b) > 2 {
			h := &History{}
			switch b[0] {
			case blockOps:
				err = readOps(h, b[2:], int(b[1]))
			case blockTelemetry:
				err = readTelemetry(h, b[2:], int(b[1]))
			}
			if err == nil {
				visit(h)
			}
		}
	})
}

func visit(h *History) {
	for i := range h.Len() {
		_ = h.At(i).String()
	}
	for range h.Completions() {
	}
}
