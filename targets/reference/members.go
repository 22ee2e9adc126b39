package reference

import (
	"context"
	"fmt"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// Administrator is a Client of a store whose members change.
type Administrator struct{ *Client }

var _ cluster.Members = Administrator{}

// NewAdministrator makes a connection as NewClient does.
func NewAdministrator(c cluster.Caller, _ cluster.Options) cluster.Conn {
	return Administrator{&Client{caller: c}}
}

// Join implements cluster.Members.
func (a Administrator) Join(ctx context.Context, name string) error {
	return a.change(ctx, &kv.Change{Join: true, Node: node.ID(name)})
}

// Leave implements cluster.Members.
func (a Administrator) Leave(ctx context.Context, name string) error {
	return a.change(ctx, &kv.Change{Node: node.ID(name)})
}

func (a Administrator) change(ctx context.Context, c *kv.Change) error {
	m, err := a.caller.Call(ctx, c)
	if err == nil {
		_, err = Outcome(m)
	}
	return err
}

// Members implements cluster.Members.
func (a Administrator) Members(ctx context.Context) ([]string, error) {
	m, err := a.caller.Call(ctx, kv.AskMembers{})
	if err != nil {
		return nil, err
	}
	told, ok := m.(*kv.Members)
	if !ok {
		if _, err := Outcome(m); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("the node answered with a %T", m)
	}
	names := make([]string, len(told.Nodes))
	for i, id := range told.Nodes {
		names[i] = string(id)
	}
	return names, nil
}
