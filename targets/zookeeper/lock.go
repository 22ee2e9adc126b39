package zookeeper

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/go-zookeeper/zk"

	"github.com/faultline-dev/faultline/harness/cluster"
)

var (
	errHeld    = cluster.Definite(errors.New("somebody else holds the lock"))
	errNotHeld = cluster.Definite(errors.New("the lock is not held any more"))
)

// Acquire implements cluster.Lock after ZooKeeper's recipe: who has the first of the
// ephemeral sequential children holds the lock. One that is not first is withdrawn.
func (c *conn) Acquire(ctx context.Context, key int64) (int64, error) {
	parent := path("lock", key)
	if _, err := c.create(ctx, parent, ""); err != nil {
		return 0, err
	}
	mine, err := call(ctx, func() (string, error) {
		return c.zk.Create(parent+"/", nil, zk.FlagEphemeral|zk.FlagSequence, open)
	})
	if err != nil {
		return 0, c.tell(ctx, err)
	}
	stands, err := call(ctx, func() ([]string, error) {
		names, _, err := c.zk.Children(parent)
		return names, err
	})
	if err != nil {
		return 0, err // the child may stand, and come first: in doubt
	}
	if len(stands) == 0 || slices.Min(stands) != strings.TrimPrefix(mine, parent+"/") {
		if _, err := call(ctx, func() (struct{}, error) { return struct{}{}, c.zk.Delete(mine, -1) }); err != nil && !errors.Is(err, zk.ErrNoNode) {
			return 0, err
		}
		return 0, c.tell(ctx, errHeld)
	}
	stat, err := call(ctx, func() (*zk.Stat, error) {
		_, stat, err := c.zk.Exists(mine)
		return stat, err
	})
	if err != nil {
		return 0, err
	}
	c.locks[key] = mine
	return stat.Czxid, nil
}

// Release implements cluster.Lock.
func (c *conn) Release(ctx context.Context, key int64) error {
	mine, held := c.locks[key]
	if !held {
		return errNotHeld
	}
	delete(c.locks, key)
	_, err := call(ctx, func() (struct{}, error) { return struct{}{}, c.zk.Delete(mine, -1) })
	if errors.Is(err, zk.ErrNoNode) { // the session had ended
		return errNotHeld
	}
	return c.tell(ctx, err)
}
