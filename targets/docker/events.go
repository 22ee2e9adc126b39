package docker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"github.com/faultline-dev/faultline/harness/history"
)

// ends counts the ends of a node's process that a fault has asked for and the engine has
// not told of yet. It is how an end that nobody asked for is known.
type ends struct{ n atomic.Int64 }

func (e *ends) expect() { e.n.Add(1) }
func (e *ends) cancel() { e.n.Add(-1) }

// meet takes one of them, if there is one.
func (e *ends) meet() bool {
	for {
		n := e.n.Load()
		if n <= 0 {
			return false
		}
		if e.n.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// watch listens to what the engine tells of a run's containers, and notes it as telemetry.
type watch struct {
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

func (c *containers) startWatch() (*watch, error) {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{cancel: cancel}
	filters := ofRun(c.spec.RunID)
	if c.spec.Attach != "" { // whose containers carry no label of the run
		filters = client.Filters{}
		for _, m := range c.nodes {
			filters = filters.Add("container", m.id)
		}
	}
	filters = filters.Add("type", string(events.ContainerEventType)).
		Add("event", string(events.ActionStart), string(events.ActionDie), string(events.ActionKill))
	since := time.Now()
	w.ended.Go(func() {
		for ctx.Err() == nil {
			// A stream that broke off is taken up where it ended, if the engine is still there.
			stream := c.engine.Events(ctx, client.EventsListOptions{Filters: filters, Since: stamp(since)})
			since = c.listen(ctx, stream, since)
			if c.lost(ctx) {
				return
			}
			_ = c.rt.Sleep(ctx, probeEvery)
		}
	})
	return w, nil
}

// lost ends the run if the engine does not answer any more. Engines take their containers
// down with them, so what its nodes do from now on says nothing about the system.
func (c *containers) lost(ctx context.Context) bool {
	asking, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	_, err := c.engine.Ping(asking, client.PingOptions{})
	if err == nil || ctx.Err() != nil {
		return false
	}
	c.spec.Fail(fmt.Errorf("the Docker engine went away during the run (somebody stopped or restarted it): %w", err))
	return true
}

// listen notes events until the stream ends; it returns the moment after the last one.
func (c *containers) listen(ctx context.Context, stream client.EventsResult, since time.Time) time.Time {
	for {
		select {
		case err := <-stream.Err:
			if ctx.Err() == nil {
				fmt.Fprintf(c.spec.Log, "the engine's events broke off: %v\n", err)
			}
			return since
		case e := <-stream.Messages:
			since = time.Unix(0, e.TimeNano+1)
			c.noteEvent(ctx, e)
		}
	}
}

func (c *containers) noteEvent(ctx context.Context, e events.Message) {
	m, err := c.teller(e)
	if err != nil {
		return
	}
	at := time.Unix(0, e.TimeNano)
	event := history.Event{Kind: history.EventNodeUp, Node: m.Name}
	switch e.Action {
	case events.ActionKill:
		m.signalled = at
		return
	case events.ActionDie:
		event.Kind, event.Text = history.EventNodeDown, "killed"
		if !m.awaited.meet() {
			event.Text = c.endWords(ctx, m, at, e.Actor.Attributes["exitCode"])
		}
	}
	c.spec.Note(event)
	if e.Action == events.ActionStart {
		if err := c.replug(ctx, m); err != nil && ctx.Err() == nil {
			fmt.Fprintf(c.spec.Log, "put the faults of %s back: %v\n", m.Name, err)
		}
	}
}

// patience is how long the engine waits, unless told otherwise, for a process that it has
// sent a signal to end it; and some more.
const patience = 15 * time.Second

// endWords says why a node ended, if not by a fault: an engine that is stopped sends its
// containers a signal first, as one does that somebody asks to stop a container.
func (c *containers) endWords(ctx context.Context, m *member, at time.Time, code string) string {
	if !m.signalled.IsZero() && at.Sub(m.signalled) < patience {
		return "stopped by way of the engine, by somebody else"
	}
	if state, err := c.state(ctx, m); err == nil && state.OOMKilled {
		return "killed by the kernel: out of memory"
	}
	return "exited by itself with " + exitWords(code)
}

// replug puts a node's faults back when its process is a new one that this run did not
// start: its container has a policy of restarting, or somebody started it.
func (c *containers) replug(ctx context.Context, m *member) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	state, err := c.state(ctx, m)
	if err != nil || !state.Running || state.Pid == m.pid || m.id == "" {
		return err
	}
	return errors.Join(m.unplug(), c.plug(ctx, m))
}

// exitWords says how a process ended: above 128 a signal ended it.
func exitWords(code string) string {
	n, err := strconv.Atoi(code)
	if err != nil || n <= 128 || n > 128+64 {
		return "code " + code
	}
	return fmt.Sprintf("code %s, by signal %d (%s)", code, n-128, syscall.Signal(n-128))
}

// teller is the node that an event is about.
func (c *containers) teller(e events.Message) (*member, error) {
	if c.spec.Attach == "" {
		return c.node(e.Actor.Attributes[labelNode])
	}
	for _, m := range c.nodes {
		if m.id == e.Actor.ID {
			return m, nil
		}
	}
	return nil, fmt.Errorf("container %s is no node", e.Actor.ID)
}

func (w *watch) stop() {
	w.cancel()
	w.ended.Wait()
}

// stamp is a time as the engine reads it.
func stamp(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }
