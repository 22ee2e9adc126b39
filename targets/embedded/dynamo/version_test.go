package dynamo

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A context holds exactly the dots that were put into it, however it is joined.
func TestContextsAreSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []Dot
		var c Context
		for range rapid.IntRange(0, 6).Draw(t, "joins") {
			dots := genDots(t, "dots")
			all = append(all, dots...)
			if rapid.Bool().Draw(t, "join") {
				c = c.Join(Context{}.with(dots...))
			} else {
				c = Context{}.with(dots...).Join(c)
			}
		}
		for _, node := range []string{"n1", "n2"} {
			for life := range uint64(3) {
				for number := range uint64(6) {
					d := Dot{Actor{Life: life}, number}
					d.Node = "n1"
					if node == "n2" {
						d.Node = "n2"
					}
					if number > 0 && c.Covers(d) != slices.Contains(all, d) {
						t.Fatalf("%v in %+v: %t, of %v", d, c, c.Covers(d), all)
					}
				}
			}
		}
	})
}

// Replicas that have merged the same writes, in whatever order and however often, hold the
// same versions: those that no other has in its past.
func TestMergingConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var writes []Version
		for i := range rapid.IntRange(1, 8).Draw(t, "writes") {
			v := Version{Dot: Dot{Actor{"n1", 1}, uint64(i + 1)}, Gone: rapid.Bool().Draw(t, "gone")}
			for _, w := range writes { // a client that has seen a write has seen its past
				if rapid.Bool().Draw(t, "seen") {
					v.Past = v.Past.Join(w.Past).with(w.Dot)
				}
			}
			writes = append(writes, v)
		}
		var want []Version
		for _, v := range writes {
			if !slices.ContainsFunc(writes, func(w Version) bool { return w.Past.Covers(v.Dot) }) {
				want = append(want, v)
			}
		}
		for range 3 {
			var h history
			for _, v := range append(rapid.Permutation(writes).Draw(t, "order"), rapid.Permutation(writes).Draw(t, "again")...) {
				h.merge(v)
			}
			if got := h.all(); !sameDots(got, want) {
				t.Fatalf("%+v hold %+v, want %+v", writes, got, want)
			}
		}
	})
}
