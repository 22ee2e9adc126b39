package generator

// Generators are values, but a new box for each of a million successors a second would be
// garbage. A successor may therefore take the memory of its predecessor's predecessor:
// whoever has gone on to a successor, and asks that one, never goes back two steps. The
// first generator of a chain, which Cycle and EachThread start from again, is never
// overwritten.

// Twin is embedded by a generator that recycles memory: the box for its successor.
type Twin[T any] struct {
	other *T
	live  bool // not the first of its chain
}

// Succeed returns the box for g's successor, and the Twin that it shall have. twin is g's.
// What remains is to copy g into the box and to change what is different:
//
//	n, own := Succeed(g, &g.Twin)
//	*n = *g
//	n.Twin = own
func Succeed[T any](g *T, twin *Twin[T]) (n *T, own Twin[T]) {
	own.live = true
	n = twin.other
	if !twin.live {
		return new(T), own
	}
	if n == nil {
		n = new(T)
		twin.other = n
	}
	own.other = g
	return n, own
}
