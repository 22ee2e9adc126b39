package raft

import (
	"context"
	"errors"
	"fmt"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/embedded/raft"
)

// client is a connection to one node, which brings its requests to the leader.
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
	r, err := c.call(ctx, raft.Request{Op: raft.OpRead, Key: key})
	return r.Value, r.Found, err
}

// Write implements cluster.Register.
func (c client) Write(ctx context.Context, key, value int64) error {
	_, err := c.call(ctx, raft.Request{Op: raft.OpWrite, Key: key, Value: value})
	return err
}

// CompareAndSet implements cluster.Register.
func (c client) CompareAndSet(ctx context.Context, key, expect, value int64) error {
	_, err := c.call(ctx, raft.Request{Op: raft.OpCompareAndSet, Key: key, Expect: expect, Value: value})
	return err
}

// Add implements cluster.Set.
func (c client) Add(ctx context.Context, key, element int64) error {
	_, err := c.call(ctx, raft.Request{Op: raft.OpAdd, Key: key, Value: element})
	return err
}

// ReadAll implements cluster.Set.
func (c client) ReadAll(ctx context.Context, key int64) ([]int64, error) {
	r, err := c.call(ctx, raft.Request{Op: raft.OpReadAll, Key: key})
	return r.Elements, err
}

var nothing = &raft.Reply{}

// call sends a request and sorts out how it ended. The reply is never nil.
func (c client) call(ctx context.Context, request raft.Request) (*raft.Reply, error) {
	m, err := c.caller.Call(ctx, &request)
	if err != nil {
		return nothing, err
	}
	reply, ok := m.(*raft.Reply)
	if !ok {
		return nothing, fmt.Errorf("the node answered with a %T", m)
	}
	switch reply.Status {
	case raft.Done:
		return reply, nil
	case raft.Differs:
		return nothing, &cluster.Mismatch{Observed: true, Found: reply.Found, Value: reply.Value}
	case raft.Refused, raft.NotLeader:
		return nothing, cluster.Definite(errors.New(reply.Reason))
	default:
		return nothing, errors.New(reply.Reason)
	}
}
