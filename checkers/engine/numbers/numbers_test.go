package numbers

import (
	"math"
	"testing"

	"github.com/faultline-dev/faultline/harness/history"
)

// TestNumbers: each value has one number, which tells it, wherever it is kept.
func TestNumbers(t *testing.T) {
	var n Numbers
	n.Grow(10)
	var all []history.Value
	for i := range int64(2000) {
		all = append(all, history.Int(i), history.Int(i*i*i), history.Int(-i))
	}
	all = append(all, history.Nil, history.Text("1"), history.Int(math.MinInt64), history.Int(math.MaxInt64), history.EDN("true"), history.Pair(1, 2))
	known := map[history.Value]int32{}
	for range 2 {
		for _, v := range all {
			number := n.Of(v)
			before, found := known[v]
			switch {
			case found && before != number:
				t.Fatalf("%v has numbers %d and %d", v, before, number)
			case !found && int(number) != len(known):
				t.Fatalf("%v has number %d, %d are given", v, number, len(known))
			}
			known[v] = number
		}
	}
	values := n.Values()
	if len(values) != len(known) || n.Len() != len(known) {
		t.Fatalf("%d values and %d numbers, want %d", len(values), n.Len(), len(known))
	}
	for v, number := range known {
		if values[number] != v || n.Value(number) != v {
			t.Errorf("number %d is of %v and %v, want %v", number, values[number], n.Value(number), v)
		}
	}
	if most := 4*n.Len() + 64; len(n.low) > most {
		t.Errorf("the table has room for %d integers, %d at most", len(n.low), most)
	}
}
