// Package reference is what the glue of the reference systems shares: a client that speaks
// package kv, and how planted bugs are chosen.
//
// The one idea: the stores differ in how they replicate, not in what clients say to them,
// so that a target is its options, its promises and its bugs. Start with Client.
package reference

import (
	"context"
	"errors"
	"fmt"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// Client is a connection to one node. It implements every data model; what the store does
// not offer ends as cluster.ErrUnsupported.
type Client struct {
	caller cluster.Caller
	tokens map[int64]int64 // of the locks that it acquired
}

var (
	_ cluster.Register = (*Client)(nil)
	_ cluster.Bag      = (*Client)(nil)
	_ cluster.Append   = (*Client)(nil)
	_ cluster.Counter  = (*Client)(nil)
	_ cluster.Lock     = (*Client)(nil)
	_ cluster.IDs      = (*Client)(nil)
)

// NewClient makes a connection from a way to call one node: a cluster.Reference's Client.
func NewClient(c cluster.Caller, _ cluster.Options) cluster.Conn { return &Client{caller: c} }

// Close implements cluster.Conn.
func (c *Client) Close() error { return c.caller.Close() }

// Read implements cluster.Register.
func (c *Client) Read(ctx context.Context, key int64) (value int64, found bool, err error) {
	r, err := c.Call(ctx, kv.Request{Op: kv.OpRead, Key: key})
	return r.Value, r.Found, err
}

// Write implements cluster.Register.
func (c *Client) Write(ctx context.Context, key, value int64) error {
	_, err := c.Call(ctx, kv.Request{Op: kv.OpWrite, Key: key, Value: value})
	return err
}

// CompareAndSet implements cluster.Register.
func (c *Client) CompareAndSet(ctx context.Context, key, expect, value int64) error {
	_, err := c.Call(ctx, kv.Request{Op: kv.OpCompareAndSet, Key: key, Expect: expect, Value: value})
	return err
}

// Add implements cluster.Set.
func (c *Client) Add(ctx context.Context, key, element int64) error {
	_, err := c.Call(ctx, kv.Request{Op: kv.OpAdd, Key: key, Value: element})
	return err
}

// Remove implements cluster.Bag.
func (c *Client) Remove(ctx context.Context, key, element int64) error {
	_, err := c.Call(ctx, kv.Request{Op: kv.OpRemove, Key: key, Value: element})
	return err
}

// ReadAll implements cluster.Set.
func (c *Client) ReadAll(ctx context.Context, key int64) ([]int64, error) {
	r, err := c.Call(ctx, kv.Request{Op: kv.OpReadAll, Key: key})
	return r.Elements, err
}

// Append implements cluster.Append.
func (c *Client) Append(ctx context.Context, key, element int64) error {
	_, err := c.Call(ctx, kv.Request{Op: kv.OpAppend, Key: key, Value: element})
	return err
}

// ReadList implements cluster.Append.
func (c *Client) ReadList(ctx context.Context, key int64) ([]int64, error) {
	r, err := c.Call(ctx, kv.Request{Op: kv.OpReadList, Key: key})
	return r.Elements, err
}

// Increment implements cluster.Counter.
func (c *Client) Increment(ctx context.Context, key, delta int64) error {
	_, err := c.Call(ctx, kv.Request{Op: kv.OpIncrement, Key: key, Value: delta})
	return err
}

// ReadCounter implements cluster.Counter.
func (c *Client) ReadCounter(ctx context.Context, key int64) (int64, error) {
	r, err := c.Call(ctx, kv.Request{Op: kv.OpReadCounter, Key: key})
	return r.Value, err
}

// NextID implements cluster.IDs.
func (c *Client) NextID(ctx context.Context) (int64, error) {
	r, err := c.Call(ctx, kv.Request{Op: kv.OpNextID})
	return r.Value, err
}

// Acquire implements cluster.Lock.
func (c *Client) Acquire(ctx context.Context, key int64) (token int64, err error) {
	r, err := c.Call(ctx, kv.Request{Op: kv.OpAcquire, Key: key})
	if err == nil {
		if c.tokens == nil {
			c.tokens = map[int64]int64{}
		}
		c.tokens[key] = r.Value
	}
	return r.Value, err
}

// Release implements cluster.Lock.
func (c *Client) Release(ctx context.Context, key int64) error {
	_, err := c.Call(ctx, kv.Request{Op: kv.OpRelease, Key: key, Value: c.tokens[key]})
	return err
}

var nothing = &kv.Reply{}

// Call sends a request and sorts out how it ended. The reply is never nil.
func (c *Client) Call(ctx context.Context, request kv.Request) (*kv.Reply, error) {
	m, err := c.caller.Call(ctx, &request)
	if err != nil {
		return nothing, err
	}
	return Outcome(m)
}

// Outcome sorts out how a request ended by the answer to it.
func Outcome(m node.Message) (*kv.Reply, error) {
	reply, ok := m.(*kv.Reply)
	if !ok {
		return nothing, fmt.Errorf("the node answered with a %T", m)
	}
	switch reply.Status {
	case kv.Done:
		return reply, nil
	case kv.Differs:
		return nothing, &cluster.Mismatch{Observed: true, Found: reply.Found, Value: reply.Value}
	case kv.Unsupported:
		return nothing, cluster.ErrUnsupported
	case kv.Refused, kv.NotLeader:
		return nothing, cluster.Definite(errors.New(reply.Reason))
	default:
		return nothing, errors.New(reply.Reason)
	}
}
