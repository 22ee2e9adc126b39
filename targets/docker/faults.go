package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// Each other kind of fault has a file of its own, such as clock.go.
var (
	_ cluster.Cutter = (*containers)(nil)
	_ cluster.Killer = (*containers)(nil)
	_ cluster.Pauser = (*containers)(nil)
	_ cluster.Health = (*containers)(nil)
)

// follower is a kind of fault on one node that its process carries, and that has to be put
// back in a new one. It is called by one caller at a time, who holds the member's lock.
type follower interface {
	// began is told of the node's new first process: it puts back what is in force.
	began(pid int) error
	// ended is told that the process, with its network, has gone or is about to.
	ended() error
}

// cut is what a node ignores, and the packets dropped in networks that it has lost since.
type cut struct {
	sources []netip.Addr
	before  int64
}

// Cut implements cluster.Cutter. A node that is down is cut off when it comes back.
func (c *containers) Cut(_ context.Context, g cluster.Grudge) error {
	for name, peers := range g {
		for _, n := range append([]string{name}, peers...) {
			if _, err := c.node(n); err != nil {
				return err
			}
		}
	}
	return c.each(func(m *member) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.cuts = cut{}
		for _, peer := range g[m.Name] {
			p, err := c.node(peer)
			if err != nil {
				return err
			}
			m.cuts.sources = append(m.cuts.sources, p.Addr)
		}
		return m.putBack()
	})
}

// Uncut implements cluster.Cutter.
func (c *containers) Uncut(ctx context.Context) error { return c.Cut(ctx, nil) }

// Dropped implements cluster.Cutter.
func (c *containers) Dropped(context.Context) (int64, error) {
	var sum atomic.Int64
	err := c.each(func(m *member) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		n, err := m.dropped()
		sum.Add(n)
		return err
	})
	return sum.Load(), err
}

// putBack makes the node's network what its cuts say.
func (m *member) putBack() error {
	if m.wires == nil {
		return nil
	}
	return m.wires.Cut(m.cuts.sources)
}

func (m *member) dropped() (int64, error) {
	if m.wires == nil || len(m.cuts.sources) == 0 {
		return m.cuts.before, nil
	}
	n, err := m.wires.Dropped()
	return m.cuts.before + n, err
}

// unplug lets go of a network that ends, or has ended, with its process.
func (m *member) unplug() error {
	if m.wires == nil {
		return nil
	}
	err := m.wires.Close()
	for _, f := range m.followed {
		err = errors.Join(err, f.ended())
	}
	m.wires, m.pid = nil, 0
	return err
}

// Kill implements cluster.Killer.
func (c *containers) Kill(ctx context.Context, name string) (string, error) {
	m, err := c.node(name)
	if err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	state, err := c.free(ctx, m)
	if err != nil {
		return "", err
	}
	if err := c.kill(ctx, m); err != nil {
		return "", err
	}
	return fmt.Sprintf("pid %d of %s gone", state.Pid, name), nil
}

// free is the state of a node whose process runs; else it is ErrSkipped.
func (c *containers) free(ctx context.Context, m *member) (*container.State, error) {
	state, err := c.state(ctx, m)
	if err == nil && (!state.Running || state.Paused) {
		err = cluster.ErrSkipped
	}
	return state, err
}

// kill ends a node's process. The caller holds m.mu.
func (c *containers) kill(ctx context.Context, m *member) error {
	return c.end(ctx, m, "kill", func() error {
		_, err := c.engine.ContainerKill(ctx, m.id, client.ContainerKillOptions{Signal: "KILL"})
		return err
	})
}

// end has do end a node's process, and waits until it has. The caller holds m.mu.
func (c *containers) end(ctx context.Context, m *member, verb string, do func() error) error {
	dropped, err := m.dropped()
	if err != nil {
		return err
	}
	m.awaited.expect()
	if err := do(); err != nil {
		m.awaited.cancel()
		if errdefs.IsConflict(err) { // it ended by itself just before
			return cluster.ErrSkipped
		}
		return fmt.Errorf("%s its container: %w", verb, err)
	}
	wait := c.engine.ContainerWait(ctx, m.id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case <-wait.Result:
	case err := <-wait.Error:
		return fmt.Errorf("wait for the end of its container: %w", err)
	}
	m.cuts.before = dropped
	return m.unplug()
}

// Restart implements cluster.Killer.
func (c *containers) Restart(ctx context.Context, name string) error {
	m, err := c.node(name)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	state, err := c.state(ctx, m)
	if err != nil {
		return err
	}
	if state.Running {
		return nil
	}
	return errors.Join(m.unplug(), c.start(ctx, m))
}

// Pause implements cluster.Pauser.
func (c *containers) Pause(ctx context.Context, name string) (string, error) {
	m, err := c.node(name)
	if err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := c.free(ctx, m); err != nil {
		return "", err
	}
	if err := c.freeze(ctx, m); err != nil {
		if errdefs.IsConflict(err) {
			return "", cluster.ErrSkipped
		}
		return "", fmt.Errorf("pause its container: %w", err)
	}
	state, err := c.state(ctx, m)
	if err != nil {
		return "", err
	}
	if !state.Paused {
		return "", errors.New("the engine paused its container, but says that it is not paused")
	}
	return fmt.Sprintf("pid %d of %s frozen", state.Pid, name), nil
}

// freezeTries are how often the engine is asked to freeze a container. On a busy machine it
// may give up ("unable to freeze") while processes come and go, and leave it running.
const freezeTries = 5

func (c *containers) freeze(ctx context.Context, m *member) error {
	for n := 1; ; n++ {
		_, err := c.engine.ContainerPause(ctx, m.id, client.ContainerPauseOptions{})
		if err == nil || errdefs.IsConflict(err) || n == freezeTries {
			return err
		}
		if sleepErr := c.rt.Sleep(ctx, probeEvery); sleepErr != nil {
			return err
		}
	}
}

// Resume implements cluster.Pauser.
func (c *containers) Resume(ctx context.Context, name string) error {
	m, err := c.node(name)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	state, err := c.state(ctx, m)
	if err != nil {
		return err
	}
	if !state.Paused {
		return nil
	}
	if _, err := c.engine.ContainerUnpause(ctx, m.id, client.ContainerUnpauseOptions{}); err != nil {
		return fmt.Errorf("resume its container: %w", err)
	}
	return nil
}
