// Package simulated is the simulated world as a cluster: the twin of targets/docker.
//
// The one idea: a reference system, a seed and some names make a whole cluster, with every
// fault there is, that needs nothing and lives in virtual time. Start with Opener; the
// world itself is harness/sim.
package simulated

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/harness/runtime"
	"github.com/faultline-dev/faultline/harness/sim"
)

// startLimit is how long, in virtual time, a node may take to answer for the first time.
const startLimit = time.Minute

// probeLimit is the deadline of one question, probeEvery the pause before the next one.
const (
	probeLimit = time.Second
	probeEvery = 50 * time.Millisecond
)

// Opener makes simulated clusters of a reference system.
func Opener(ref *cluster.Reference) cluster.Opener {
	return func(_ context.Context, spec cluster.Spec) (cluster.Cluster, error) {
		if spec.Image != "" {
			return nil, errors.New("an image is for containers: leave it out or run --on docker")
		}
		system, err := ref.System(spec.Options)
		if err != nil {
			return nil, err
		}
		c := &simulated{ref: ref, spec: spec}
		ids := make([]node.ID, len(spec.Nodes))
		for i, name := range spec.Nodes {
			ids[i] = node.ID(name)
		}
		config := sim.Config{Seed: spec.Seed, Nodes: ids, System: system, Note: spec.Note}
		if spec.Dir != "" {
			if err := c.openLogs(ids); err != nil {
				return nil, errors.Join(err, c.closeLogs())
			}
			config.Log = func(id node.ID) io.Writer { return c.logs[id] }
		}
		c.world = sim.New(config)
		return c, nil
	}
}

// simulated is a cluster in a world of its own.
type simulated struct {
	ref   *cluster.Reference
	spec  cluster.Spec
	world *sim.World
	logs  map[node.ID]*bufio.Writer
	files []*os.File
}

func (c *simulated) openLogs(ids []node.ID) error {
	c.logs = map[node.ID]*bufio.Writer{}
	for _, id := range ids {
		dir := filepath.Join(c.spec.Dir, "nodes", string(id))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(dir, "node.log"))
		if err != nil {
			return err
		}
		c.files = append(c.files, f)
		c.logs[id] = bufio.NewWriter(f)
	}
	return nil
}

func (c *simulated) closeLogs() error {
	var errs []error
	for _, id := range c.spec.Nodes {
		if w := c.logs[node.ID(id)]; w != nil {
			errs = append(errs, w.Flush())
		}
	}
	for _, f := range c.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Runtime implements cluster.Cluster.
func (c *simulated) Runtime() runtime.Runtime { return c.world }

// Nodes implements cluster.Cluster.
func (c *simulated) Nodes() []string { return c.spec.Nodes }

// Start implements cluster.Cluster.
func (c *simulated) Start(ctx context.Context) error {
	for _, name := range c.spec.Nodes {
		if err := c.world.Start(node.ID(name)); err != nil {
			return err
		}
	}
	limit := c.world.Now() + startLimit
	for _, name := range c.spec.Nodes {
		for {
			err := c.Healthy(ctx, name)
			if err == nil {
				break
			}
			if !c.world.Up(node.ID(name)) {
				return fmt.Errorf("node %s is down: see its log", name)
			}
			if c.world.Now() > limit {
				return fmt.Errorf("node %s does not answer after %s: %w", name, startLimit, err)
			}
			if err := c.world.Sleep(ctx, probeEvery); err != nil {
				return err
			}
		}
	}
	return nil
}

// Connect implements cluster.Cluster.
func (c *simulated) Connect(ctx context.Context, name string) (cluster.Conn, error) {
	conn, err := c.world.Dial(ctx, node.ID(name))
	if err != nil {
		return nil, err
	}
	return c.ref.Client(caller{conn}, c.spec.Options), nil
}

// Close implements cluster.Cluster. The world itself ended with the run's main task.
func (c *simulated) Close(context.Context) error { return c.closeLogs() }

// Healthy implements cluster.Health.
func (c *simulated) Healthy(ctx context.Context, name string) error {
	limit := c.world.Now() + probeLimit
	if d, ok := ctx.Deadline(); ok { // in virtual time that counts from the zero time
		limit = min(limit, d.Sub(time.Time{}))
	}
	ask := runtime.NewDeadline(ctx, time.Time{}, limit)
	conn, err := c.Connect(ask, name)
	if err != nil {
		return err
	}
	defer conn.Close()
	return cluster.Probe(ask, conn)
}

// Leaders implements cluster.LeaderTeller.
func (c *simulated) Leaders(context.Context) ([]string, error) {
	var names []string
	for _, id := range c.world.Leaders() {
		names = append(names, string(id))
	}
	return names, nil
}

// caller is a cluster.Caller over a simulated connection.
type caller struct{ conn *sim.Conn }

// Call implements cluster.Caller.
func (c caller) Call(ctx context.Context, request node.Message) (node.Message, error) {
	reply, err := c.conn.Call(ctx, request)
	if errors.Is(err, sim.ErrReset) {
		err = cluster.Definite(fmt.Errorf("%w: %w", cluster.ErrDisconnected, err))
	}
	return reply, err
}

// Close implements cluster.Caller.
func (c caller) Close() error { return c.conn.Close() }
