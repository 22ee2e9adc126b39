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

// Succeed returns a copy of g to be changed into its successor; twin finds the Twin.
func Succeed[T any](g *T, twin func(*T) *Twin[T]) *T {
	mine := twin(g)
	n := mine.other
	own := Twin[T]{live: true}
	if n == nil {
		n = new(T)
		if mine.live {
			mine.other = n
		}
	}
	if mine.live {
		own.other = g
	}
	*n = *g
	*twin(n) = own
	return n
}
