package dynamo

import (
	"cmp"
	"slices"

	"github.com/faultline-dev/faultline/harness/node"
)

// Versions, for mode siblings: what a key holds is a set of versions, each with a dot, which
// names its write, and its past, the dots of the writes that it replaced. Merging keeps all
// versions but those that are in another's past, so a write takes away what its client had
// seen, and nothing else; versions that did not know of each other stay side by side, as
// siblings (DeCandia and others, section 4.4). Dots are apart from the past, as of two writes
// with the same past neither is in the other's (Preguiça, Baquero, Almeida, Fonte and
// Gonçalves, "Dotted Version Vectors", arXiv:1011.5808, 2010).
//
// An element of a set is such a thing of its own, so that sets merge by union. A removal is
// a version, too: a tombstone, whose past are the additions that its client, or a quorum,
// had seen. It is collected when it is older than the grace period, by which time every home
// has to know of it.

// Actor numbers the writes of a key: a coordinator, in one of its lives.
type Actor struct {
	Node node.ID
	Life uint64
}

// Dot names a write of a key: the how-manieth of its actor.
type Dot struct {
	Actor
	Number uint64
}

// Version is one write of a register or of an element.
type Version struct {
	Item int64 // the element; 0 of a register
	Dot  Dot
	Past Context
	Int  int64
	Gone bool // a tombstone
}

func (d Dot) compare(e Dot) int {
	return cmp.Or(cmp.Compare(d.Node, e.Node), cmp.Compare(d.Life, e.Life), cmp.Compare(d.Number, e.Number))
}

// Context is a set of dots: a version vector, and those above it one by one. Contexts travel
// in messages, so they are never changed once made.
type Context struct {
	Upto []Dot // for an actor, all its writes up to this one
	Dots []Dot
}

// Covers tells whether a dot is in the set.
func (c Context) Covers(d Dot) bool {
	for _, u := range c.Upto {
		if u.Actor == d.Actor {
			return d.Number <= u.Number || slices.Contains(c.Dots, d)
		}
	}
	return slices.Contains(c.Dots, d)
}

// Join is the union of two sets.
func (c Context) Join(o Context) Context {
	for _, u := range o.Upto {
		i := slices.IndexFunc(c.Upto, func(v Dot) bool { return v.Actor == u.Actor })
		switch {
		case i < 0:
			c.Upto = append(slices.Clone(c.Upto), u)
		case c.Upto[i].Number < u.Number:
			c.Upto = slices.Clone(c.Upto)
			c.Upto[i] = u
		}
	}
	return c.with(o.Dots...)
}

// with is the set with further dots, those that follow the vector taken into it.
func (c Context) with(dots ...Dot) Context {
	if len(dots) == 0 && len(c.Dots) == 0 {
		return c
	}
	all := append(slices.Clone(c.Dots), dots...)
	slices.SortFunc(all, Dot.compare)
	c.Upto, c.Dots = slices.Clone(c.Upto), nil
	for _, d := range slices.Compact(all) {
		i := slices.IndexFunc(c.Upto, func(u Dot) bool { return u.Actor == d.Actor })
		switch {
		case c.Covers(d):
		case i >= 0 && d.Number == c.Upto[i].Number+1:
			c.Upto[i] = d
		case i < 0 && d.Number == 1:
			c.Upto = append(c.Upto, d)
		default:
			c.Dots = append(c.Dots, d)
		}
	}
	return c
}

// context is what somebody has seen who has seen the versions.
func context(versions []Version) Context {
	var c Context
	for i := range versions {
		c = c.Join(versions[i].Past).with(versions[i].Dot)
	}
	return c
}

// history holds the versions of a key, by their items.
type history struct {
	items    []int64 // in the order in which they first appeared
	versions map[int64][]Version
}

// known tells whether a version is held, or in the past of one that is.
func (h *history) known(v *Version) bool {
	return slices.ContainsFunc(h.versions[v.Item], func(w Version) bool {
		return w.Dot == v.Dot || w.Past.Covers(v.Dot)
	})
}

// merge takes a version in, and reports whether it is news.
func (h *history) merge(v Version) bool {
	if h.known(&v) {
		return false
	}
	if h.versions == nil {
		h.versions = map[int64][]Version{}
	}
	held, there := h.versions[v.Item]
	if !there {
		h.items = append(h.items, v.Item)
	}
	h.versions[v.Item] = append(slices.DeleteFunc(held, func(w Version) bool { return v.Past.Covers(w.Dot) }), v)
	return true
}

// drop takes versions away.
func (h *history) drop(gone []Version) {
	emptied := false
	for i := range gone {
		held, there := h.versions[gone[i].Item]
		if !there {
			continue
		}
		held = slices.DeleteFunc(held, func(v Version) bool { return v.Dot == gone[i].Dot })
		if h.versions[gone[i].Item] = held; len(held) == 0 {
			delete(h.versions, gone[i].Item)
			emptied = true
		}
	}
	if emptied {
		h.items = slices.DeleteFunc(h.items, func(item int64) bool { return len(h.versions[item]) == 0 })
	}
}

// all lists the versions.
func (h *history) all() []Version {
	if len(h.items) == 0 {
		return nil
	}
	list := make([]Version, 0, len(h.items)+len(h.items)/8) // few have several
	for _, item := range h.items {
		list = append(list, h.versions[item]...)
	}
	return list
}

// live lists those that are no tombstones.
func live(versions []Version) []Version {
	return slices.DeleteFunc(slices.Clone(versions), func(v Version) bool { return v.Gone })
}

// sameDots tells whether two lists are of the same versions.
func sameDots(a, b []Version) bool {
	if len(a) != len(b) {
		return false
	}
	dots := make(map[Dot]struct{}, len(a))
	for i := range a {
		dots[a[i].Dot] = struct{}{}
	}
	for i := range b {
		if _, there := dots[b[i].Dot]; !there {
			return false
		}
	}
	return true
}
