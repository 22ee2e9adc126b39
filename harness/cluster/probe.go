package cluster

import (
	"context"
	"errors"
)

// ProbeKey is the key that Probe reads; workloads use keys from 0 up.
const ProbeKey = -1

// Probe asks a node for something that it must do work for: a read of a key that nobody
// writes; or, where nothing can be read, an id, which is then never used, or a lock that
// nobody else wants. No error means that the node answers requests.
func Probe(ctx context.Context, conn Conn) error {
	switch c := conn.(type) {
	case Register:
		_, _, err := c.Read(ctx, ProbeKey)
		return err
	case Set:
		_, err := c.ReadAll(ctx, ProbeKey)
		return err
	case Append:
		_, err := c.ReadList(ctx, ProbeKey)
		return err
	case Counter:
		_, err := c.ReadCounter(ctx, ProbeKey)
		return err
	case Log:
		_, err := c.Poll(ctx, 0, 0, 1) // a log that nobody made has nothing to read
		return err
	case IDs:
		_, err := c.NextID(ctx)
		return err
	case Lock:
		if _, err := c.Acquire(ctx, ProbeKey); err != nil {
			return err
		}
		return c.Release(ctx, ProbeKey)
	}
	return errors.New("the connection offers no data model that could be asked for")
}
