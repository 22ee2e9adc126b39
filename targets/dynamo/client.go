package dynamo

import (
	"context"
	"fmt"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/embedded/dynamo"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/reference"
)

// contextual is a client of mode siblings: with its writes and removals it tells what it has
// read, or done, of the same register or element before.
type contextual struct {
	cluster.NoCompareAndSet
	reference.Administrator
	caller    cluster.Caller
	registers map[int64]dynamo.Context
	elements  map[member]dynamo.Context
}

type member struct{ key, element int64 }

var (
	_ cluster.Siblings = (*contextual)(nil)
	_ cluster.Bag      = (*contextual)(nil)
	_ cluster.Members  = (*contextual)(nil)
)

func newClient(c cluster.Caller, o cluster.Options) cluster.Conn {
	switch dynamo.Mode(o["mode"]) {
	case dynamo.Atomic:
		return reference.NewClient(c, o)
	case dynamo.LastWriteWins:
		return reference.NewAdministrator(c, o)
	}
	admin := reference.NewAdministrator(c, o).(reference.Administrator)
	return &contextual{Administrator: admin, caller: c, registers: map[int64]dynamo.Context{}, elements: map[member]dynamo.Context{}}
}

// Close implements cluster.Conn.
func (c *contextual) Close() error { return c.caller.Close() }

// ReadSiblings implements cluster.Siblings.
func (c *contextual) ReadSiblings(ctx context.Context, key int64) ([]int64, error) {
	a, err := c.call(ctx, kv.Request{Op: kv.OpRead, Key: key}, dynamo.Context{})
	if err != nil {
		return nil, err
	}
	for _, seen := range a.Seen {
		c.registers[key] = c.registers[key].Join(seen)
	}
	return a.Elements, nil
}

// Read implements cluster.Register: of siblings it is the one that was written last, as far
// as that can be said.
func (c *contextual) Read(ctx context.Context, key int64) (value int64, found bool, err error) {
	values, err := c.ReadSiblings(ctx, key)
	if err != nil || len(values) == 0 {
		return 0, false, err
	}
	return values[len(values)-1], true, nil
}

// Write implements cluster.Register.
func (c *contextual) Write(ctx context.Context, key, value int64) error {
	a, err := c.call(ctx, kv.Request{Op: kv.OpWrite, Key: key, Value: value}, c.registers[key])
	for _, seen := range a.Seen {
		c.registers[key] = c.registers[key].Join(seen)
	}
	return err
}

// Add implements cluster.Set.
func (c *contextual) Add(ctx context.Context, key, element int64) error {
	return c.change(ctx, kv.Request{Op: kv.OpAdd, Key: key, Value: element})
}

// Remove implements cluster.Bag.
func (c *contextual) Remove(ctx context.Context, key, element int64) error {
	return c.change(ctx, kv.Request{Op: kv.OpRemove, Key: key, Value: element})
}

func (c *contextual) change(ctx context.Context, r kv.Request) error {
	of := member{r.Key, r.Value}
	a, err := c.call(ctx, r, c.elements[of])
	for _, seen := range a.Seen {
		c.elements[of] = c.elements[of].Join(seen)
	}
	return err
}

// ReadAll implements cluster.Set.
func (c *contextual) ReadAll(ctx context.Context, key int64) ([]int64, error) {
	a, err := c.call(ctx, kv.Request{Op: kv.OpReadAll, Key: key}, dynamo.Context{})
	if err == nil && len(a.Seen) != len(a.Elements) {
		err = fmt.Errorf("the node told of %d elements and the contexts of %d", len(a.Elements), len(a.Seen))
	}
	if err != nil {
		return nil, err
	}
	for i, element := range a.Elements {
		of := member{key, element}
		c.elements[of] = c.elements[of].Join(a.Seen[i])
	}
	return a.Elements, nil
}

// call sends a request in context. The answer is never nil.
func (c *contextual) call(ctx context.Context, r kv.Request, seen dynamo.Context) (*dynamo.Answer, error) {
	m, err := c.caller.Call(ctx, &dynamo.Ask{Request: r, Seen: seen, InContext: true})
	if err != nil {
		return &dynamo.Answer{}, err
	}
	a, ok := m.(*dynamo.Answer)
	if !ok {
		_, err := reference.Outcome(m)
		if err == nil {
			err = fmt.Errorf("the node answered with a %T", m)
		}
		return &dynamo.Answer{}, err
	}
	_, err = reference.Outcome(&a.Reply)
	return a, err
}
