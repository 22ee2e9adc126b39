package moments

import (
	"cmp"
	"math/rand"
	"slices"
	"testing"
)

type event struct {
	at, op int32
	ret    bool
}

// TestEach: with and without a table, events come in order, each once.
func TestEach(t *testing.T) {
	for seed := range int64(2000) {
		r := rand.New(rand.NewSource(seed))
		n, room := 1+r.Intn(20), []int{10, 60, 1000}[seed%3]
		calls, rets := make([]int32, n), make([]int32, n)
		var want []event
		free := r.Perm(max(room, 2*n))
		for i := range calls {
			a, b := int32(free[2*i]), int32(free[2*i+1])
			if seed%5 == 0 { // some are of the same moment
				a, b = int32(r.Intn(room)), int32(r.Intn(room))
			}
			calls[i], rets[i] = min(a, b), max(a, b)
			switch r.Intn(6) {
			case 0:
				rets[i] = Pending
			case 1:
				rets[i] = Left
				continue
			}
			if want = append(want, event{calls[i], int32(i), false}); rets[i] != Pending {
				want = append(want, event{rets[i], int32(i), true})
			}
		}
		slices.SortFunc(want, func(a, b event) int {
			return cmp.Or(cmp.Compare(a.at, b.at), compare(a.ret, b.ret), cmp.Compare(a.op, b.op))
		})
		var got []event
		Each(n, func(op int32) (int32, int32) { return calls[op], rets[op] }, func(at, op int32, ret bool) { got = append(got, event{at, op, ret}) })
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %v, want %v", seed, got, want)
		}
	}
}

func compare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
