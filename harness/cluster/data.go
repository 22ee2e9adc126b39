package cluster

import "context"

// The data models. A connection implements those that it can honour; a method that the
// system does not offer returns ErrUnsupported, and the operation is then left out of the
// workload. Every call is bounded by its context. Errors are classified by error.go.

// Register is a map of independent integer registers, absent at first.
type Register interface {
	Read(ctx context.Context, key int64) (value int64, found bool, err error)
	Write(ctx context.Context, key, value int64) error
	// CompareAndSet replaces old by new. If the value is another one it returns a
	// *Mismatch, with the value seen where the system can tell.
	CompareAndSet(ctx context.Context, key, old, new int64) error
}

// NoCompareAndSet is for a Register that has no such operation to embed.
type NoCompareAndSet struct{}

// CompareAndSet implements Register.
func (NoCompareAndSet) CompareAndSet(context.Context, int64, int64, int64) error {
	return ErrUnsupported
}

// Siblings is a Register that keeps values side by side which were written without knowledge
// of each other. A write replaces what its connection has read of the key, or written to it,
// before, and nothing else; Read returns one of the values, and what was read with it counts
// as read, too.
type Siblings interface {
	Register
	// ReadSiblings returns all values of the key, in any order; none if it is absent.
	ReadSiblings(ctx context.Context, key int64) ([]int64, error)
}

// Set is one grow-only set of integers for each key.
type Set interface {
	Add(ctx context.Context, key, element int64) error
	ReadAll(ctx context.Context, key int64) ([]int64, error)
}

// Bag is a set that elements can be taken out of again. An element may come back.
type Bag interface {
	Set
	Remove(ctx context.Context, key, element int64) error
}

// Append is one append-only list of integers for each key: an element, once appended, has
// a place that never changes.
type Append interface {
	Append(ctx context.Context, key, element int64) error
	ReadList(ctx context.Context, key int64) ([]int64, error)
}

// Counter is one counter for each key, 0 at first.
type Counter interface {
	Increment(ctx context.Context, key, delta int64) error
	ReadCounter(ctx context.Context, key int64) (int64, error)
}

// IDs gives out numbers.
type IDs interface {
	// NextID returns a number that no other call, on any connection, has got or will get.
	NextID(ctx context.Context) (int64, error)
}

// Lock is one lock for each key, held by a connection.
type Lock interface {
	// Acquire takes the lock and returns its fencing token: each grant's is greater than
	// the one before. A lock that somebody else holds is a definite error.
	Acquire(ctx context.Context, key int64) (token int64, err error)
	// Release gives the lock back. One that is not held any more is a definite error.
	Release(ctx context.Context, key int64) error
}

// Log is one totally ordered log of integers for each key, such as a partition of a topic.
type Log interface {
	// Send appends a value and returns the offset at which the system says it stands, or
	// -1 where it does not say.
	Send(ctx context.Context, key, value int64) (offset int64, err error)
	// Poll returns entries from an offset on, in the order in which they stand, at most so
	// many; none if there is nothing there yet.
	Poll(ctx context.Context, key, from int64, most int) ([]Entry, error)
}

// Entry is one value of a log and where it stands.
type Entry struct{ Offset, Value int64 }
