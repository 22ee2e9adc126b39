package object

import (
	"context"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/stories"
)

// TestElementwise: two reads that saw two adds in different orders are no linearizable set,
// though each element by itself is; a read that missed what had been added is neither.
func TestElementwise(t *testing.T) {
	for _, c := range []struct {
		events             string
		whole, elementwise checkers.Validity
	}{
		{"0 0 invoke add 1\n1 1 invoke add 2\n2 2 invoke read\n3 3 invoke read\n4 2 ok read [1]\n5 3 ok read [2]\n6 0 ok add 1\n7 1 ok add 2", checkers.Invalid, checkers.Valid},
		{"0 0 invoke add 1\n1 0 ok add 1\n2 1 invoke add 2\n3 2 invoke read\n4 2 ok read [2]\n5 1 ok add 2", checkers.Invalid, checkers.Invalid},
		{"0 0 invoke add 1\n1 0 ok add 1\n2 1 invoke remove 1\n3 2 invoke read\n4 2 ok read []\n5 1 ok remove 1\n6 2 invoke add 1\n7 2 ok add 1", checkers.Valid, checkers.Valid},
	} {
		h, err := stories.Parse(c.events)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []Options{{}, {Elementwise: true}} {
			want := c.whole
			if o.Elementwise {
				want = c.elementwise
			}
			if r := New(set, o).Check(context.Background(), h, checkers.Budget{}); r.Valid != want {
				t.Errorf("elementwise %v: %v, want %v\n%s", o.Elementwise, r.Valid, want, c.events)
			}
		}
	}
}
