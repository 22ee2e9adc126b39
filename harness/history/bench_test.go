package history

import (
	"bytes"
	"io"
	"testing"
)

// benchOps is what a run of the register workload looks like.
func benchOps(b *testing.B, w *Writer) {
	names := [...]string{"read", "write", "cas"}
	for i := range b.N {
		op := Op{Time: int64(i) * 500, Process: i % 64, F: names[i/2%3], Key: int64(i / 300), Keyed: true, Value: Int(int64(i))}
		if i%2 == 1 {
			op.Type = OK
		}
		if err := w.Append(&op); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkAppendMemory(b *testing.B) {
	b.ReportAllocs()
	benchOps(b, NewMemory())
}

func BenchmarkAppendFile(b *testing.B) {
	b.ReportAllocs()
	w, err := NewWriter(io.Discard, nil)
	if err != nil {
		b.Fatal(err)
	}
	benchOps(b, w)
}

func BenchmarkOpen(b *testing.B) {
	var file bytes.Buffer
	w, _ := NewWriter(&file, nil)
	if err := long(w, 1_000_000); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, _, err := Read(bytes.NewReader(file.Bytes()), int64(file.Len())); err != nil {
			b.Fatal(err)
		}
	}
}
