package history

import (
	"slices"
	"sort"
)

// Row is an event as the columns hold it: At without the texts, for those who go through
// millions of them.
type Row struct {
	Process int32
	Type    Type
	Kind    Kind // of the value
	Keyed   bool
	F       uint32 // the operation's name by its number in this history: see Number
	Key     int64
	A       int64 // the value, if it is an integer
}

// Row returns event i.
func (h *History) Row(i int) (e Row) {
	h.ReadRow(i, &e)
	return e
}

// ReadRow is Row into e, which spares a copy: what goes through all events does that.
func (h *History) ReadRow(i int, e *Row) {
	c, at := h.place(i)
	shape := c.shape[at]
	e.Process, e.Type, e.Kind = c.process[at], Type(shape&shapeType), Kind(shape>>shapeKind)
	e.Keyed, e.F, e.Key, e.A = shape&shapeKeyed != 0, c.f[at], c.key[at], c.a[at]
}

// Truth is the value, if it is a truth value.
func (e *Row) Truth() (value, is bool) {
	return e.A == isTrue, e.Kind == KindEDN && (e.A == isTrue || e.A == isFalse)
}

// TypeOf returns the type of event i.
func (h *History) TypeOf(i int) Type {
	c, at := h.place(i)
	return Type(c.shape[at] & shapeType)
}

// ProcessOf returns the process of event i.
func (h *History) ProcessOf(i int) int {
	c, at := h.place(i)
	return int(c.process[at])
}

// Next returns the first event, from event i on, whose value is an integer, namely n; Len if there
// is none.
func (h *History) Next(i int, n int64) int {
	for i < h.Len() {
		c, at := h.place(i)
		k := slices.Index(c.a[at:], n)
		if k < 0 {
			i += len(c.a) - int(at)
			continue
		}
		if i += k; Kind(c.shape[int(at)+k]>>shapeKind) == KindInt {
			return i
		}
		i++
	}
	return h.Len()
}

// place is where event i stands.
func (h *History) place(i int) (c *chunk, at uint) {
	return h.chunks[uint(i)/chunkSize], uint(i) % chunkSize
}

// Number is the number that a name of operations has in the rows of this history; ok is
// false if none of its operations is called so.
func (h *History) Number(f string) (n uint32, ok bool) {
	n, ok = h.strings.number[f]
	return n, ok || f == ""
}

// Value returns the value of event i.
func (h *History) Value(i int) Value {
	c, at := h.place(i)
	return c.value(int(at))
}

// ValueOf is Value for who has the row of event i.
func (h *History) ValueOf(i int, e *Row) Value {
	switch e.Kind {
	case KindNil:
		return Value{}
	case KindInt:
		return Value{Kind: KindInt, A: e.A}
	}
	return h.Value(i)
}

// Errors reads the errors of a history's events, fastest where they are asked for about in
// order.
type Errors struct {
	h     *History
	chunk int
	near  int // where the last one stands, or somewhat before
}

// Errors returns a reader. The history may grow meanwhile.
func (h *History) Errors() Errors { return Errors{h: h} }

// Of returns the error of event i.
func (e *Errors) Of(i int) string {
	n, at := i/chunkSize, int32(i%chunkSize)
	c := e.h.chunks[n]
	if c.shape[at]&shapeError == 0 {
		return ""
	}
	const stretch = 16
	if n != e.chunk {
		e.chunk, e.near = n, 0
	}
	k := e.near
	if k+stretch > len(c.errs) || c.errs[k].at > at || c.errs[k+stretch-1].at < at {
		k = sort.Search(len(c.errs), func(k int) bool { return c.errs[k].at >= at })
	}
	for c.errs[k].at < at {
		k++
	}
	e.near = max(0, k-stretch/2)
	return e.h.strings.text(c.errs[k].id)
}
