package dynamo

import "github.com/faultline-dev/faultline/harness/node"

// Kind is the kind of data that a key holds.
type Kind uint8

// The kinds.
const (
	Register Kind = iota // an integer, overwritten
	Set                  // integers, added
)

// Key names a piece of data. Registers and sets of the same number are different keys.
type Key struct {
	Kind Kind
	ID   int64
}

// Stamp orders the writes of a register.
type Stamp struct {
	Time int64   // wall clock or logical time, depending on the mode
	Node node.ID // the coordinator; empty: never written
	// Serial is the coordinator's life, counted on its disk, and a counter within it. It
	// tells apart writes that a node gives the same time, be it because its clock was set
	// back or because it crashed and forgot the first.
	Serial uint64
}

// Less reports whether s is older than t.
func (s Stamp) Less(t Stamp) bool {
	switch {
	case s.Node == "" || t.Node == "":
		return s.Node == "" && t.Node != ""
	case s.Time != t.Time:
		return s.Time < t.Time
	case s.Node != t.Node:
		return s.Node < t.Node
	default:
		return s.Serial < t.Serial
	}
}

// Value is what a key holds, or a part of it to be merged. The zero Value holds nothing.
// Values travel in messages, so they are never changed once made.
type Value struct {
	Stamp    Stamp     // of a register's write
	Int      int64     // what it wrote
	Elements []int64   // of a set, each once
	Versions []Version // of either in mode Siblings, which has nothing else
}

// Empty reports whether the value holds nothing.
func (v Value) Empty() bool {
	return v.Stamp.Node == "" && len(v.Elements) == 0 && len(v.Versions) == 0
}

// equals tells whether v, known to be merged into w, is all there is to w.
func (v Value) equals(w Value) bool {
	return v.Stamp == w.Stamp && len(v.Elements) == len(w.Elements) && sameDots(v.Versions, w.Versions)
}

// cell is a value that grows by merging. A set's elements stand in the order of their
// arrival and are only appended to, so that a view of them can be handed out uncopied.
type cell struct {
	value   Value // but for the versions
	has     map[int64]struct{}
	history history
}

// view is the value now; later merges do not change it.
func (c *cell) view() Value {
	v := c.value
	v.Elements = v.Elements[:len(v.Elements):len(v.Elements)]
	v.Versions = c.history.all()
	return v
}

// versionsOf are those of an element; a cell that is not there has none.
func (c *cell) versionsOf(element int64) []Version {
	if c == nil {
		return nil
	}
	return c.history.versions[element]
}

// empty tells whether nothing is left in it.
func (c *cell) empty() bool { return c.value.Empty() && len(c.history.items) == 0 }

// news is the part of v that the cell does not hold.
func (c *cell) news(v Value) Value {
	var news Value
	if c.value.Stamp.Less(v.Stamp) {
		news.Stamp, news.Int = v.Stamp, v.Int
	}
	for i := range v.Versions {
		if !c.history.known(&v.Versions[i]) {
			news.Versions = append(news.Versions, v.Versions[i])
		}
	}
	fresh := 0
	for _, e := range v.Elements {
		if _, ok := c.has[e]; !ok {
			fresh++
		}
	}
	if fresh == len(v.Elements) {
		news.Elements = v.Elements
		return news
	}
	for _, e := range v.Elements {
		if _, ok := c.has[e]; !ok {
			news.Elements = append(news.Elements, e)
		}
	}
	return news
}

// merge adds v to the cell.
func (c *cell) merge(v Value) {
	if c.value.Stamp.Less(v.Stamp) {
		c.value.Stamp, c.value.Int = v.Stamp, v.Int
	}
	for _, w := range v.Versions {
		c.history.merge(w)
	}
	if len(v.Elements) > 0 && c.has == nil {
		c.has = make(map[int64]struct{}, len(v.Elements))
	}
	for _, e := range v.Elements {
		if _, ok := c.has[e]; !ok {
			c.has[e] = struct{}{}
			c.value.Elements = append(c.value.Elements, e)
		}
	}
}

// settle takes away what v holds: a hint that its home has confirmed.
func (c *cell) settle(v Value) {
	if !v.Stamp.Less(c.value.Stamp) {
		c.value.Stamp, c.value.Int = Stamp{}, 0
	}
	c.history.drop(v.Versions)
	if len(v.Elements) == 0 {
		return
	}
	for _, e := range v.Elements {
		delete(c.has, e)
	}
	var rest []int64
	for _, e := range c.value.Elements {
		if _, ok := c.has[e]; ok {
			rest = append(rest, e)
		}
	}
	c.value.Elements = rest
}
