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

// Tag sets an addition apart from all others: the how-manieth of a node.
type Tag struct {
	Node   node.ID
	Number uint64
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
func (i *Item) add(t Tag) {
	if !slices.Contains(i.Live, t) {
		i.Live = append(i.Live[:len(i.Live):len(i.Live)], t)
	}
}

// remove takes away the tags that are observed.
func (i *Item) remove() {
	i.Dead = append(i.Dead[:len(i.Dead):len(i.Dead)], i.Live...)
	i.Live = nil
}

// merge takes the least upper bound with another version of the item, and reports whether
// that is news: the tags of both but for those that either knows to be dead, and of each
// count the greater.
func (i *Item) merge(o *Item) (news bool) {
	for _, t := range o.Dead {
		if slices.Contains(i.Dead, t) {
			continue
		}
		news = true
		i.Dead = append(i.Dead[:len(i.Dead):len(i.Dead)], t)
		if at := slices.Index(i.Live, t); at >= 0 {
			i.Live = slices.Delete(slices.Clone(i.Live), at, at+1)
		}
	}
	for _, t := range o.Live {
		if !slices.Contains(i.Live, t) && !slices.Contains(i.Dead, t) {
			news = true
			i.add(t)
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
	dead := len(i.Dead)
	news = i.merge(o)
	if len(i.Dead) > dead {
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
