package crdt

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/harness/node"
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
			at.add(Tag{node.ID(string(rune('a' + i))), tags})
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

// observed is an element as its definition has it: all additions that were ever made, and all
// that a removal has observed.
type observed struct{ added, removed map[uint64]bool }

func (o *observed) present() bool {
	for tag := range o.added {
		if !o.removed[tag] {
			return true
		}
	}
	return false
}

func (o *observed) merge(p *observed) {
	maps.Copy(o.added, p.added)
	maps.Copy(o.removed, p.removed)
}

// An element is in the set exactly when it is by the definition, with one tag kept for each
// node however often it adds it.
func TestOneTagForEachNode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const nodes = 3
		var items [nodes]Item
		var full [nodes]observed
		for i := range full {
			full[i] = observed{map[uint64]bool{}, map[uint64]bool{}}
		}
		for tag := range uint64(rapid.IntRange(0, 40).Draw(t, "steps")) {
			i, j := rapid.IntRange(0, nodes-1).Draw(t, "at"), rapid.IntRange(0, nodes-1).Draw(t, "other")
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				items[i].add(Tag{node.ID(string(rune('a' + i))), tag})
				full[i].added[tag] = true
			case 1:
				items[i].remove()
				maps.Copy(full[i].removed, full[i].added)
			case 2:
				items[i].merge(&items[j])
				full[i].merge(&full[j])
			}
			if got, want := len(items[i].Live) > 0, full[i].present(); got != want {
				t.Fatalf("step %d: present %t, want %t: %v", tag, got, want, &items[i])
			}
			if len(items[i].Live) > nodes || len(items[i].Dead) > nodes {
				t.Fatalf("step %d: %d and %d tags for %d nodes", tag, len(items[i].Live), len(items[i].Dead), nodes)
			}
		}
	})
}
