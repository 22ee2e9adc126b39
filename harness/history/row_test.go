package history

import (
	"fmt"
	"math/rand"
	"testing"
)

// TestRow: rows are the events, and completions are paired whatever the processes are called.
func TestRow(t *testing.T) {
	h := &History{}
	ops := []Op{
		{Process: 3, F: "write", Value: Int(7), Key: 9, Keyed: true},
		{Process: Nemesis, Type: Info, F: "kill", Value: Text("n1")},
		{Process: 1<<31 - 1, F: "cas", Value: Pair(1, 2)},
		{Process: 3, Type: OK, F: "write", Value: Int(7), Key: 9, Keyed: true},
		{Process: 4, F: "read"},
		{Process: 1<<31 - 1, Type: Fail, F: "cas", Value: Int(5), Error: "mismatch"},
		{Process: 3, Type: Info, F: "", Value: List([]int64{1, 2})},
	}
	for _, op := range ops {
		h.Append(op)
	}
	for i, want := range ops {
		r := h.Row(i)
		n, ok := h.Number(want.F)
		if int(r.Process) != want.Process || r.Type != want.Type || r.Kind != want.Value.Kind || r.Keyed != want.Keyed ||
			r.Key != want.Key || !ok || r.F != n || r.Kind == KindInt && r.A != want.Value.A || h.Value(i) != want.Value {
			t.Errorf("event %d: row %+v, value %s, name %d: %v", i, r, h.Value(i), n, want)
		}
	}
	if n, ok := h.Number("append"); ok {
		t.Errorf("a name that does not occur is number %d", n)
	}
	match, want := h.Completions(), []int32{3, -1, 5, 0, -1, 2, -1}
	for i := range want {
		if match[i] != want[i] {
			t.Errorf("completions %v, want %v", match, want)
			break
		}
	}
}

// TestErrors: the errors that are read are those of the events, in whatever order.
func TestErrors(t *testing.T) {
	var h History
	r := rand.New(rand.NewSource(1))
	for i := range 3 * chunkSize / 2 {
		op := Op{Type: Fail, F: "cas"}
		if r.Intn(3) == 0 {
			op.Error = fmt.Sprint("error ", i%7)
		}
		h.Append(op)
	}
	errors := h.Errors()
	for n := range h.Len() {
		i := n
		switch r.Intn(10) {
		case 0:
			i = r.Intn(h.Len())
		case 1, 2, 3:
			i = max(0, n-r.Intn(40))
		}
		if got, want := errors.Of(i), h.At(i).Error; got != want {
			t.Fatalf("event %d: %q, want %q", i, got, want)
		}
	}
}

// TestTruth: a row tells truth values from all others.
func TestTruth(t *testing.T) {
	var h History
	values := []Value{EDN("true"), EDN("false"), Text("true"), Text("false"), Int(-1), Int(-2), Nil, EDN(":true"), List([]int64{1})}
	for _, v := range values {
		h.Append(Op{F: "contains", Value: v})
	}
	for i, v := range values {
		e := h.Row(i)
		value, is := e.Truth()
		if is != (i < 2) || is && value != (i == 0) {
			t.Errorf("%v: %v, %v", v, value, is)
		}
	}
}

// TestNext: integers are found, and nothing else that is kept under the same number.
func TestNext(t *testing.T) {
	var h History
	r := rand.New(rand.NewSource(1))
	for range chunkSize + 1000 {
		v := Int(r.Int63n(1000) - 2)
		switch r.Intn(10) {
		case 0:
			v = Nil
		case 1:
			v = EDN("true")
		case 2:
			v = Pair(v.A, 1)
		case 3:
			v = Text("x")
		}
		h.Append(Op{F: "write", Value: v})
	}
	for range 200 {
		i, n := r.Intn(h.Len()), r.Int63n(1100)-2
		if r.Intn(4) == 0 {
			i = max(0, h.Len()-1000-r.Intn(200))
		}
		want := i
		for want < h.Len() && h.At(want).Value != Int(n) {
			want++
		}
		if got := h.Next(i, n); got != want {
			t.Fatalf("%d comes next after %d at %d, want %d", n, i, got, want)
		}
	}
	if got := h.Next(h.Len(), 1); got != h.Len() {
		t.Errorf("something comes after the end: %d", got)
	}
}

// TestByProcess: what is kept of processes, honest numbers and others, is all there.
func TestByProcess(t *testing.T) {
	var p ByProcess[int]
	want := 0
	for i, process := range []int{0, 7, 3, denseProcesses, 1 << 30, -5} {
		*p.Of(process) = i + 1
		want += i + 1
	}
	got := 0
	for v := range p.All() {
		got += *v
	}
	if got != want {
		t.Errorf("the sum is %d, want %d", got, want)
	}
	for v := range p.All() {
		*v = 0
		break // and no more
	}
	if *p.Of(0) != 0 || *p.Of(7) != 2 {
		t.Error("it did not end with the first")
	}
}
