package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/workloads"
)

// client is a process's invoker: a connection to one node and the workload's calls.
type client struct {
	cluster  cluster.Cluster
	calls    workloads.Calls
	nodes    []string // those it may use, the first one first; one unless it fails over
	conn     cluster.Conn
	refused  int // connection attempts refused in a row
	failover bool
}

// Backing off from a node that refuses connections keeps a dead node from filling the
// history with failures.
const (
	firstBackoff = 20 * time.Millisecond
	lastBackoff  = 500 * time.Millisecond
)

// Invoke implements invoker.
func (c *client) Invoke(ctx context.Context, op, done *history.Op) (retire bool) {
	done.Type, done.Value, done.Error = history.Fail, op.Value, ""
	defer func() {
		if p := recover(); p != nil {
			done.Type, done.Error, retire = history.Info, fmt.Sprintf("the client panicked: %v", p), true
		}
	}()
	if c.conn == nil {
		if err := c.connect(ctx); err != nil {
			done.Error = fmt.Sprintf("connect: %v", err)
			return false
		}
	}
	value, err := c.calls.Call(ctx, c.conn, op)
	if err == nil {
		done.Type, done.Value = history.OK, value
		return false
	}
	done.Error = err.Error()
	var mismatch *cluster.Mismatch
	switch {
	case errors.As(err, &mismatch):
		done.Error, done.Value = "mismatch", value
		return false
	case cluster.IsDefinite(err):
		// With failover on, a node that refuses work is left, as applications do.
		return errors.Is(err, cluster.ErrDisconnected) || c.failover && !errors.Is(err, cluster.ErrUnsupported)
	case c.calls.Mutates(op.F):
		done.Type = history.Info
	}
	return true
}

func (c *client) connect(ctx context.Context) error {
	node := c.nodes[c.refused%len(c.nodes)]
	conn, err := c.cluster.Connect(ctx, node)
	if err == nil {
		c.conn, c.refused = conn, 0
		return nil
	}
	backoff := min(firstBackoff<<min(c.refused, 10), lastBackoff)
	c.refused++
	if sleepErr := c.cluster.Runtime().Sleep(ctx, backoff); sleepErr != nil {
		return errors.Join(err, sleepErr)
	}
	return fmt.Errorf("%s: %w", node, err)
}

// Close implements invoker.
func (c *client) Close() {
	if c.conn != nil {
		_ = c.conn.Close()
	}
}

// clientNodes lists the nodes that a process may use. Pinned, it is the one that its
// thread is assigned to, so that each node's view is tested; with failover it starts
// there and each successor starts at the next one.
func clientNodes(nodes []string, thread, process, threads int, failover bool) []string {
	if !failover {
		return []string{nodes[thread%len(nodes)]}
	}
	first := thread + process/threads
	order := make([]string, len(nodes))
	for i := range order {
		order[i] = nodes[(first+i)%len(nodes)]
	}
	return order
}
