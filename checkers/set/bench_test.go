package set

import (
	"context"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// BenchmarkSet: 20,000 elements, a read of all for every twenty adds.
func BenchmarkSet(b *testing.B) {
	h := &history.History{}
	var all []int64
	both := func(op history.Op, result history.Value) {
		op.Time = int64(h.Len()) * 1e5
		h.Append(op)
		op.Time, op.Type, op.Value = op.Time+5e4, history.OK, result
		h.Append(op)
	}
	for n := range int64(20000) {
		both(history.Op{F: "add", Value: history.Int(n)}, history.Int(n))
		if all = append(all, n); n%20 == 0 {
			both(history.Op{Process: 1, F: "read"}, history.List(all))
		}
	}
	both(history.Op{Process: 1, F: "read"}, history.List(all))
	for b.Loop() {
		if r := Full(Options{Linearizable: true}).Check(context.Background(), h, checkers.Budget{}); r.Valid != checkers.Valid {
			b.Fatal(r)
		}
	}
}
