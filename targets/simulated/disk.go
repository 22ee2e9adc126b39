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

// amidSyncs is how long syncs are held before the power fails, so that what waits for one
// is lost; where nothing does yet, somewhat longer.
const (
	amidSyncs = 150 * time.Millisecond
	longest   = time.Second
)

// PowerFail implements cluster.DiskDamager.
func (c *simulated) PowerFail(ctx context.Context, names []string, torn bool, seed uint64) ([]cluster.Outage, error) {
	var free []node.ID
	for _, name := range names {
		if id := node.ID(name); c.world.Up(id) && !c.world.Paused(id) {
			free = append(free, id)
		}
	}
	hold := func(hold bool) {
		for _, id := range free {
			c.world.HoldSyncs(id, hold)
		}
	}
	hold(true)
	defer hold(false)
	limit := c.world.Now() + longest
	for len(free) > 0 {
		if err := c.world.Sleep(ctx, amidSyncs); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(free, c.world.Unsynced) || c.world.Now() >= limit {
			break
		}
	}
	var all []cluster.Outage
	for _, id := range free {
		if lost, ended := c.world.PowerFail(id, torn, seed); ended {
			all = append(all, cluster.Outage{
				Node: string(id), Lost: int64(lost.Writes + lost.Torn),
				Evidence: fmt.Sprintf("process of %s gone, and with it %s", id, lost),
			})
		}
	}
	return all, nil
}

// DamageFile implements cluster.DiskDamager.
func (c *simulated) DamageFile(_ context.Context, name string, d cluster.Damage, pattern string, seed uint64) (string, error) {
	if d == cluster.Truncate {
		return c.world.Truncate(node.ID(name), pattern, seed)
	}
	return c.world.FlipBit(node.ID(name), pattern, seed)
}

// TroubleDisk implements cluster.DiskDamager.
func (c *simulated) TroubleDisk(_ context.Context, name string, t cluster.DiskTrouble) error {
	c.world.TroubleDisk(node.ID(name), sim.Trouble(t))
	return nil
}

// Troubled implements cluster.DiskDamager.
func (c *simulated) Troubled(_ context.Context, name string) (int64, error) {
	return c.world.Troubled(node.ID(name)), nil
}
