package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/embedded/dynamo"
)

// client is a connection to one node, which coordinates its requests.
type client struct{ caller cluster.Caller }

var (
	_ cluster.Register = client{}
	_ cluster.Set      = client{}
)

func newClient(c cluster.Caller, _ cluster.Options) cluster.Conn { return client{c} }

// Close implements cluster.Conn.
func (c client) Close() error { return c.caller.Close() }

// Read implements cluster.Register.
func (c client) Read(ctx context.Context, key int64) (value int64, found bool, err error) {
	r, err := c.call(ctx, dynamo.Request{Op: dynamo.OpRead, Key: key})
	return r.Value, r.Found, err
}

// Write implements cluster.Register.
func (c client) Write(ctx context.Context, key, value int64) error {
	_, err := c.call(ctx, dynamo.Request{Op: dynamo.OpWrite, Key: key, Value: value})
	return err
}

// CompareAndSet implements cluster.Register; the store does not offer it.
func (c client) CompareAndSet(ctx context.Context, key, expect, value int64) error {
	_, err := c.call(ctx, dynamo.Request{Op: dynamo.OpCompareAndSet, Key: key, Expect: expect, Value: value})
	return err
}

// Add implements cluster.Set.
func (c client) Add(ctx context.Context, key, element int64) error {
	_, err := c.call(ctx, dynamo.Request{Op: dynamo.OpAdd, Key: key, Value: element})
	return err
}

// ReadAll implements cluster.Set.
func (c client) ReadAll(ctx context.Context, key int64) ([]int64, error) {
	r, err := c.call(ctx, dynamo.Request{Op: dynamo.OpReadAll, Key: key})
	return r.Elements, err
}

// call sends a request and sorts out how it ended. The reply is never nil.
func (c client) call(ctx context.Context, request dynamo.Request) (*dynamo.Reply, error) {
	nothing := &dynamo.Reply{}
	m, err := c.caller.Call(ctx, &request)
	if err != nil {
		return nothing, err
	}
	reply, ok := m.(*dynamo.Reply)
	if !ok {
		return nothing, fmt.Errorf("the node answered with a %T", m)
	}
	switch reply.Status {
	case dynamo.Done:
		return reply, nil
	case dynamo.Unsupported:
		return nothing, cluster.ErrUnsupported
	case dynamo.Refused:
		return nothing, cluster.Definite(errors.New(reply.Reason))
	default:
		return nothing, errors.New(reply.Reason)
	}
}
