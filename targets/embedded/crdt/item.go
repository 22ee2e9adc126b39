package crdt

import (
	"slices"

	"github.com/faultline-dev/faultline/harness/node"
)

// Name says what an item is: an element of the set Key, or a node's part of the counter Key.
type Name struct {
	Key     int64
	Element int64
	Node    node.ID // "": an element
}

// Tag sets an addition apart from all others: the how-manieth of a node. A node that adds an
// element again replaces its earlier tag of it, so that whoever observes one has observed
// those before (Bieniusa and others: An Optimized Conflict-free Replicated Set. 2012). Of
// many additions one tag for each node is kept.
type Tag struct {
	Node   node.ID
	Number uint64
}

// covered reports whether tags have this one, or a later one of its node.
func (t Tag) covered(by []Tag) bool {
	return slices.ContainsFunc(by, func(o Tag) bool { return o.Node == t.Node && o.Number >= t.Number })
}

// with returns tags and one more in the place of its node's earlier one.
func with(tags []Tag, t Tag) []Tag {
	return append(without(tags, t), t)
}

// without returns tags but for this one and its node's earlier ones.
func without(tags []Tag, t Tag) []Tag {
	return slices.DeleteFunc(slices.Clone(tags), func(o Tag) bool { return o.covered([]Tag{t}) })
}

// Item is what replicas merge: one element of a set or one node's part of a counter. Items
// travel in messages, so their tags are never changed in place.
type Item struct {
	Name
	// Live are the tags of an element's additions that no removal has observed; it is in
	// the set while there are any. An element of a grow-only set has one, without a name.
	Live []Tag
	// Dead are the tombstones: tags that were observed and removed.
	Dead []Tag
	// Plus and Minus are what the node has added to the counter and subtracted from it.
	Plus, Minus uint64
}

// add tags the element.
func (i *Item) add(t Tag) { i.Live = with(i.Live, t) }

// remove takes away the tags that are observed.
func (i *Item) remove() {
	for _, t := range i.Live {
		i.Dead = with(i.Dead, t)
	}
	i.Live = nil
}

// merge takes the least upper bound with another version of the item, and reports whether
// that is news: the tags of both but for those that either knows to be dead, and of each
// count the greater.
func (i *Item) merge(o *Item) (news bool) {
	for _, t := range o.Dead {
		if !t.covered(i.Dead) {
			i.Dead, i.Live, news = with(i.Dead, t), without(i.Live, t), true
		}
	}
	for _, t := range o.Live {
		if !t.covered(i.Live) && !t.covered(i.Dead) {
			i.Live, news = with(i.Live, t), true
		}
	}
	if o.Plus > i.Plus || o.Minus > i.Minus {
		news = true
		i.Plus, i.Minus = max(i.Plus, o.Plus), max(i.Minus, o.Minus)
	}
	return news
}

// removeWins is merge by RemoveDropsAdd.
func (i *Item) removeWins(o *Item) (news bool) {
	dead := i.Dead
	news = i.merge(o)
	if !slices.Equal(dead, i.Dead) {
		i.remove()
	}
	return news
}

// replace is merge by CounterLastWriter.
func (i *Item) replace(o *Item) (news bool) {
	news = i.merge(o) || i.Plus != o.Plus || i.Minus != o.Minus
	i.Plus, i.Minus = o.Plus, o.Minus
	return news
}
