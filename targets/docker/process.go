package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/moby/client"

	"github.com/faultline-dev/faultline/harness/cluster"
)

var (
	_ cluster.Stopper       = (*containers)(nil)
	_ cluster.ProcessHurter = (*containers)(nil)
)

// stopLimit is how many seconds a node has to end in good order.
const stopLimit = 5

// Stop implements cluster.Stopper.
func (c *containers) Stop(ctx context.Context, name string) (string, error) {
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
	pid, limit := state.Pid, stopLimit
	err = c.end(ctx, m, "stop", func() error {
		_, err := c.engine.ContainerStop(ctx, m.id, client.ContainerStopOptions{Timeout: &limit})
		return err
	})
	if err != nil {
		return "", err
	}
	if state, err = c.state(ctx, m); err != nil {
		return "", err
	}
	const killed = 128 + 9
	if state.ExitCode == killed {
		return fmt.Sprintf("pid %d of %s gone, killed after %d s", pid, name, stopLimit), nil
	}
	return fmt.Sprintf("pid %d of %s gone, with exit code %d", pid, name, state.ExitCode), nil
}

// inside has do hurt those processes of a node that match a pattern. The caller holds m.mu.
func (c *containers) inside(ctx context.Context, m *member, pattern string, do func(crowd) error) error {
	state, err := c.free(ctx, m)
	if err != nil {
		return err
	}
	return withProcesses(state.Pid, m.id, pattern, do)
}

// KillProcess implements cluster.ProcessHurter.
func (c *containers) KillProcess(ctx context.Context, name, pattern string) (evidence string, err error) {
	m, err := c.node(name)
	if err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	err = c.inside(ctx, m, pattern, func(found crowd) error {
		if found.first() { // with which all others end
			evidence = fmt.Sprintf("pid %d of %s gone, and with it all others", m.pid, name)
			return c.kill(ctx, m)
		}
		if !m.mayEnd { // its container may end for it
			m.awaited.expect()
			m.mayEnd = true
		}
		evidence = fmt.Sprintf("%s of %s gone", found, name)
		return found.kill()
	})
	return evidence, err
}

// Revive implements cluster.ProcessHurter.
func (c *containers) Revive(ctx context.Context, name, pattern string) error {
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
	if state.Running && !state.Paused {
		if m.mayEnd {
			m.awaited.cancel()
			m.mayEnd = false
		}
		err := c.inside(ctx, m, pattern, func(crowd) error { return nil })
		if err == nil {
			return nil
		}
		if !errors.Is(err, errNoProcess) {
			return err
		}
		if err := c.kill(ctx, m); err != nil && !errors.Is(err, cluster.ErrSkipped) {
			return err
		}
	}
	m.mayEnd = false
	return errors.Join(m.unplug(), c.start(ctx, m))
}

// StopProcess implements cluster.ProcessHurter.
func (c *containers) StopProcess(ctx context.Context, name, pattern string) (evidence string, err error) {
	m, err := c.node(name)
	if err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	err = c.inside(ctx, m, pattern, func(found crowd) error {
		evidence = fmt.Sprintf("%s of %s stopped", found, name)
		return found.stop()
	})
	return evidence, err
}

// ContinueProcesses implements cluster.ProcessHurter.
func (c *containers) ContinueProcesses(ctx context.Context, name string) error {
	m, err := c.node(name)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	err = c.inside(ctx, m, "", func(found crowd) error { return found.goOn() })
	if errors.Is(err, cluster.ErrSkipped) || errors.Is(err, errNoProcess) {
		return nil // it has ended, and what runs next is not stopped
	}
	return err
}

// errNoProcess means that no process of a node is called so.
var errNoProcess = errors.New("no process matches")

func noProcess(pattern string, names []string) error {
	return fmt.Errorf("%w %q; there are: %s", errNoProcess, pattern, strings.Join(names, ", "))
}
