package crdt

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// genItem draws a version of an item by a history of additions and removals at one of
// three replicas, each of which starts from what another one knew.
func genVersions(t *rapid.T) []Item {
	versions := make([]Item, 3)
	tags := uint64(0)
	for range rapid.IntRange(0, 12).Draw(t, "steps") {
		i, j := rapid.IntRange(0, 2).Draw(t, "at"), rapid.IntRange(0, 2).Draw(t, "other")
		switch at := &versions[i]; rapid.IntRange(0, 3).Draw(t, "step") {
		case 0:
			tags++
			at.add(Tag{"n", tags})
		case 1:
			at.remove()
		case 2:
			at.merge(&versions[j])
		case 3:
			at.Plus += uint64(i)
		}
	}
	return versions
}

func same(a, b Item) bool {
	equal := func(a, b []Tag) bool {
		return len(a) == len(b) && !slices.ContainsFunc(a, func(t Tag) bool { return !slices.Contains(b, t) })
	}
	return equal(a.Live, b.Live) && equal(a.Dead, b.Dead) && a.Plus == b.Plus && a.Minus == b.Minus
}

// Merging is commutative, associative and idempotent, whatever had been observed when.
func TestMergeIsAJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := genVersions(t)
		join := func(of ...Item) (sum Item) {
			for i := range of {
				sum.merge(&of[i])
			}
			return sum
		}
		a, b, c := v[0], v[1], v[2]
		all := join(a, b, c)
		for _, other := range []Item{join(c, b, a), join(join(a, b), c), join(a, join(b, c)), join(a, b, c, a, b, c)} {
			if !same(all, other) {
				t.Fatalf("%v, %v, %v: %v and %v", &a, &b, &c, &all, &other)
			}
		}
		if news := all.merge(&b); news {
			t.Fatalf("%v is news for %v", &b, &all)
		}
	})
}

// An element is in the set exactly if some addition was not observed by a removal.
func TestAdditionBesideARemovalStands(t *testing.T) {
	var a, b Item
	a.add(Tag{"a", 1})
	b.merge(&a)
	b.remove()
	a.add(Tag{"a", 2})
	a.merge(&b)
	b.merge(&a)
	for _, v := range []*Item{&a, &b} {
		if !slices.Equal(v.Live, []Tag{{"a", 2}}) {
			t.Errorf("%v", v)
		}
	}
}
