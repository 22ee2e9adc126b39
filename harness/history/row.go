package history

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
func (h *History) Row(i int) Row {
	c, at := h.chunks[i/chunkSize], i%chunkSize
	shape := c.shape[at]
	return Row{
		Process: c.process[at], Type: Type(shape & shapeType), Kind: Kind(shape >> shapeKind),
		Keyed: shape&shapeKeyed != 0, F: c.f[at], Key: c.key[at], A: c.a[at],
	}
}

// Number is the number that a name of operations has in the rows of this history; ok is
// false if none of its operations is called so.
func (h *History) Number(f string) (n uint32, ok bool) {
	n, ok = h.strings.number[f]
	return n, ok || f == ""
}

// Value returns the value of event i.
func (h *History) Value(i int) Value { return h.chunks[i/chunkSize].value(i % chunkSize) }

// ValueOf is Value for who has the row of event i.
func (h *History) ValueOf(i int, e Row) Value {
	switch e.Kind {
	case KindNil:
		return Value{}
	case KindInt:
		return Value{Kind: KindInt, A: e.A}
	}
	return h.Value(i)
}
