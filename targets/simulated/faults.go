package simulated

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/harness/sim"
)

// The simulated world has every fault.
var (
	_ cluster.Cutter       = (*simulated)(nil)
	_ cluster.Shaper       = (*simulated)(nil)
	_ cluster.Killer       = (*simulated)(nil)
	_ cluster.Stopper      = (*simulated)(nil)
	_ cluster.Pauser       = (*simulated)(nil)
	_ cluster.DiskDamager  = (*simulated)(nil)
	_ cluster.ClockSkewer  = (*simulated)(nil)
	_ cluster.Health       = (*simulated)(nil)
	_ cluster.LeaderTeller = (*simulated)(nil)
)

// Cut implements cluster.Cutter.
func (c *simulated) Cut(_ context.Context, g cluster.Grudge) error {
	c.world.Cut(func(from, to node.ID) bool { return slices.Contains(g[string(to)], string(from)) })
	return nil
}

// Uncut implements cluster.Cutter.
func (c *simulated) Uncut(context.Context) error { c.world.Uncut(); return nil }

// Dropped implements cluster.Cutter.
func (c *simulated) Dropped(context.Context) (int64, error) { return c.world.Dropped(), nil }

// Shape implements cluster.Shaper.
func (c *simulated) Shape(_ context.Context, nodes []string, s cluster.Shape) error {
	ids := make([]node.ID, len(nodes))
	for i, name := range nodes {
		ids[i] = node.ID(name)
	}
	c.world.Shape(ids, sim.Shape{
		Delay: s.Delay, Jitter: s.Jitter, Duplicate: s.Duplicate, Reorder: s.Reorder, Rate: s.Rate,
		// A packet with a flipped bit fails its checksum.
		Loss: 1 - (1-s.Loss)*(1-s.Corrupt),
	})
	return nil
}

// Unshape implements cluster.Shaper.
func (c *simulated) Unshape(context.Context) error { c.world.Unshape(); return nil }

// Shaped implements cluster.Shaper.
func (c *simulated) Shaped(context.Context) (int64, error) { return c.world.Shaped(), nil }

// Kill implements cluster.Killer.
func (c *simulated) Kill(_ context.Context, name string) (string, error) {
	if c.world.Paused(node.ID(name)) || !c.world.Kill(node.ID(name)) {
		return "", cluster.ErrSkipped
	}
	return "process of " + name + " gone", nil
}

// Restart implements cluster.Killer.
func (c *simulated) Restart(_ context.Context, name string) error {
	return c.world.Start(node.ID(name))
}

// How long a node that is told to end may take for what it has asked of its disk, and how
// often that is looked at.
const (
	stopLimit = 5 * time.Second
	stopEvery = time.Millisecond
)

// Stop implements cluster.Stopper. A node has nothing to do when it is told to end but to let
// its disk finish, as the same code does in a process.
func (c *simulated) Stop(ctx context.Context, name string) (string, error) {
	id := node.ID(name)
	limit, how := c.world.Now()+stopLimit, "of its own will"
	for {
		switch {
		case !c.world.Up(id) || c.world.Paused(id):
			return "", cluster.ErrSkipped
		case c.world.DiskBusy(id) && c.world.Now() >= limit:
			how = "killed after " + stopLimit.String()
		case c.world.DiskBusy(id):
			if err := c.world.Sleep(ctx, stopEvery); err != nil {
				return "", err
			}
			continue
		}
		c.world.Kill(id)
		return "process of " + name + " gone, " + how, nil
	}
}

// Pause implements cluster.Pauser.
func (c *simulated) Pause(_ context.Context, name string) (string, error) {
	if !c.world.Up(node.ID(name)) || c.world.Paused(node.ID(name)) {
		return "", cluster.ErrSkipped
	}
	c.world.Pause(node.ID(name))
	return "process of " + name + " stopped", nil
}

// Resume implements cluster.Pauser.
func (c *simulated) Resume(_ context.Context, name string) error {
	c.world.Resume(node.ID(name))
	return nil
}

// Skew implements cluster.ClockSkewer.
func (c *simulated) Skew(_ context.Context, name string, offset time.Duration, rate float64) error {
	if rate <= 0 {
		return fmt.Errorf("clock rate %g of %s: it must be over 0", rate, name)
	}
	c.world.Skew(node.ID(name), offset, rate)
	return nil
}

// Strobe implements cluster.ClockSkewer.
func (c *simulated) Strobe(_ context.Context, name string, offset, period time.Duration) error {
	if period <= 0 {
		return fmt.Errorf("strobe period %s of %s: it must be over 0", period, name)
	}
	c.world.Strobe(node.ID(name), offset, period)
	return nil
}

// Offset implements cluster.ClockSkewer.
func (c *simulated) Offset(_ context.Context, name string) (time.Duration, error) {
	return c.world.Offset(node.ID(name)), nil
}
