package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/nemesis/linux/clock"
)

var (
	_ cluster.ClockSkewer  = (*containers)(nil)
	_ cluster.ClockWitness = (*containers)(nil)
)

// wallClock is that of all processes in a node's container, which follows the container
// through its restarts.
type wallClock struct {
	*clock.Group
	id string // the container's
}

func (w *wallClock) began(pid int) error {
	err := w.Began(pid, w.id)
	if errors.Is(err, clock.ErrGone) {
		return nil // it has ended by itself already, which is the watch's to tell
	}
	if err != nil {
		return fmt.Errorf("put its clock's skew back: %w", err)
	}
	return nil
}

func (w *wallClock) ended() error {
	w.Ended()
	return nil
}

// skew has do change a node's clock. A node that is down, or was frozen before its clock
// could be reached, is skipped.
func (c *containers) skew(ctx context.Context, name string, do func(*wallClock) error) error {
	m, err := c.node(name)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	w, err := m.wallClock()
	if err != nil {
		return err
	}
	if m.pid == 0 {
		return cluster.ErrSkipped
	}
	if !w.Reached() {
		state, err := c.state(ctx, m)
		if err != nil {
			return err
		}
		if !state.Running || state.Paused {
			return cluster.ErrSkipped
		}
	}
	err = do(w)
	if errors.Is(err, clock.ErrStuck) || errors.Is(err, clock.ErrGone) {
		// Else it would be put in later, when nobody knows of it.
		return errors.Join(cluster.ErrSkipped, w.Skew(0, 1))
	}
	return err
}

// wallClock is the node's, made when it is first wanted. The caller holds m.mu.
func (m *member) wallClock() (*wallClock, error) {
	if m.clock == nil {
		w := &wallClock{clock.NewGroup(), m.id}
		if m.pid != 0 {
			if err := w.began(m.pid); err != nil {
				return nil, err
			}
		}
		m.clock, m.followed = w, append(m.followed, w)
	}
	return m.clock, nil
}

// Skew implements cluster.ClockSkewer.
func (c *containers) Skew(ctx context.Context, name string, offset time.Duration, rate float64) error {
	if offset == 0 && rate == 1 {
		return c.resetClock(name)
	}
	return c.skew(ctx, name, func(w *wallClock) error { return w.Skew(offset, rate) })
}

// Strobe implements cluster.ClockSkewer.
func (c *containers) Strobe(ctx context.Context, name string, offset, period time.Duration) error {
	return c.skew(ctx, name, func(w *wallClock) error { return w.Strobe(offset, period) })
}

// resetClock sets a node's clock right, whatever state it is in.
func (c *containers) resetClock(name string) error {
	m, err := c.node(name)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	w, err := m.wallClock()
	if err != nil {
		return err
	}
	return w.Skew(0, 1)
}

// Offset implements cluster.ClockSkewer.
func (c *containers) Offset(_ context.Context, name string) (time.Duration, error) {
	r, err := c.clockReading(name)
	return r.Offset, err
}

// ClockReading implements cluster.ClockWitness.
func (c *containers) ClockReading(_ context.Context, name string) (string, error) {
	r, err := c.clockReading(name)
	return r.String(), err
}

func (c *containers) clockReading(name string) (clock.Reading, error) {
	m, err := c.node(name)
	if err != nil {
		return clock.Reading{}, err
	}
	m.mu.Lock()
	w, err := m.wallClock()
	m.mu.Unlock()
	if err != nil {
		return clock.Reading{}, err
	}
	r, err := w.Read()
	if err == nil && r.PID == 0 {
		err = cluster.ErrSkipped
	}
	return r, err
}

// mendClock sets the clocks right that a run which is gone has left wrong.
func mendClock(pid int, id string) error {
	g := clock.NewGroup()
	defer g.Ended()
	if err := errors.Join(g.Began(pid, id), g.Skew(0, 1)); err != nil {
		return err
	}
	// Once more, for a process that was half-way through being forked.
	_, err := g.Read()
	return err
}

// ClockProbe is the command by which this program is one whose clock doctor makes wrong.
const ClockProbe = "clock-probe"

// TryClock finds out what it takes to skew a clock on this machine, if that can be done.
func TryClock(ctx context.Context) (clock.Trial, error) {
	program, err := os.Executable()
	if err != nil {
		return clock.Trial{}, fmt.Errorf("find this program's file: %w", err)
	}
	if testing.Testing() {
		return clock.Trial{}, errors.New("a test is no program to try it on")
	}
	return clock.Try(ctx, program, ClockProbe)
}

func checkClock(ctx context.Context) Check {
	c := Check{Name: "clock faults in containers"}
	t, err := TryClock(ctx)
	if err == nil {
		how := "by the vDSO's own code"
		if !t.Direct {
			how = "by system calls, for this kernel's vDSO is not known: reading it costs more"
		}
		c.OK = true
		c.Detail = fmt.Sprintf("a program of ours read a false time (%s); its clock took %v to reach, %v of which it stood still, and %v to set",
			how, t.Install.Round(time.Microsecond), t.Stopped.Round(time.Microsecond), t.Bump.Round(time.Microsecond))
		return c
	}
	c.Detail = err.Error()
	c.Remedy = "run as root, or with the capability SYS_PTRACE and kernel.yama.ptrace_scope below 3; or in the control container: docker compose run control"
	if errors.Is(err, clock.ErrUnsupported) {
		c.Remedy = "a Linux machine with an amd64 or arm64 processor; or run --on sim, whose clocks can be skewed anywhere"
	}
	return c
}
