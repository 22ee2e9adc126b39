package cluster

import (
	"context"
	"errors"
)

// ProbeKey is the key that Probe reads; workloads use keys from 0 up.
const ProbeKey = -1

// Probe asks a node for something that it must do work for, in the first data model that
// the system offers: a read of a key that nobody writes; or, where nothing can be read, an
// id, which is then never used, or a lock that nobody else wants. No error means that the
// node answers requests.
func Probe(ctx context.Context, conn Conn) error {
	err := errors.New("the connection offers no data model that could be asked for")
	for _, ask := range probes {
		answer := ask(ctx, conn)
		switch {
		case errors.Is(answer, errNotThis):
		case errors.Is(answer, ErrUnsupported):
			err = answer
		default:
			return answer
		}
	}
	return err
}

// errNotThis says that a connection does not implement a data model at all.
var errNotThis = errors.New("another data model")

var probes = []func(context.Context, Conn) error{
	probe(func(ctx context.Context, c Register) error { _, _, err := c.Read(ctx, ProbeKey); return err }),
	probe(func(ctx context.Context, c Set) error { _, err := c.ReadAll(ctx, ProbeKey); return err }),
	probe(func(ctx context.Context, c Append) error { _, err := c.ReadList(ctx, ProbeKey); return err }),
	probe(func(ctx context.Context, c Counter) error { _, err := c.ReadCounter(ctx, ProbeKey); return err }),
	// A log that nobody made has nothing to read.
	probe(func(ctx context.Context, c Log) error { _, err := c.Poll(ctx, 0, 0, 1); return err }),
	probe(func(ctx context.Context, c IDs) error { _, err := c.NextID(ctx); return err }),
	probe(func(ctx context.Context, c Lock) error {
		if _, err := c.Acquire(ctx, ProbeKey); err != nil {
			return err
		}
		return c.Release(ctx, ProbeKey)
	}),
}

func probe[C any](ask func(context.Context, C) error) func(context.Context, Conn) error {
	return func(ctx context.Context, conn Conn) error {
		if c, ok := conn.(C); ok {
			return ask(ctx, c)
		}
		return errNotThis
	}
}
