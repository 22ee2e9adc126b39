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

// Set is one grow-only set of integers for each key.
type Set interface {
	Add(ctx context.Context, key, element int64) error
	ReadAll(ctx context.Context, key int64) ([]int64, error)
}
