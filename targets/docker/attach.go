package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/moby/moby/client"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// A cluster that somebody else runs is attached instead of made. Its containers carry no
// label of ours, and cannot be given one, so a marker stands for them: an empty volume that
// names the run, its owner and the containers. Clean finds the marker of a run that was
// killed, and heals what it names. Nothing of such a cluster is ever removed.
const (
	labelAttachedRun = "faultline.attached.run"
	labelAttachedIDs = "faultline.attached.containers"
)

// restarting are the nemeses that take nodes down and start them again.
var restarting = []string{"kill", "restart", "crash-loop", "disk"}

// attach finds the cluster's nodes. Nothing is done to it yet.
func (c *containers) attach(ctx context.Context) error {
	all, err := c.engine.find(ctx, c.spec.Attach, c.system.Name)
	if err != nil {
		return fmt.Errorf("attach to %s: %w", c.spec.Attach, err)
	}
	if len(all) != len(c.nodes) {
		return fmt.Errorf("attach to %s: it has %d nodes now, and had %d a moment ago", c.spec.Attach, len(all), len(c.nodes))
	}
	for i, f := range all {
		m := c.nodes[i]
		m.Node, m.id = Node{Name: m.Name, Index: i + 1, Addr: f.addr}, f.id
		if f.static {
			continue
		}
		if j := slices.IndexFunc(restarting, func(n string) bool { return slices.Contains(c.spec.Faults, n) }); j >= 0 {
			return &cluster.Refusal{Fault: restarting[j], World: "on " + c.spec.Attach, Reason: fmt.Sprintf(
				"the engine may give %s another address when it starts it again; give it one of its own (in a compose file: ipv4_address)", f.name)}
		}
	}
	return nil
}

// takeOver is what Start does for a cluster that is there already.
func (c *containers) takeOver(ctx context.Context) error {
	ids := make([]string, len(c.nodes))
	for i, m := range c.nodes {
		ids[i] = m.id
	}
	_, err := c.engine.VolumeCreate(context.WithoutCancel(ctx), client.VolumeCreateOptions{Name: c.name(), Labels: map[string]string{
		labelAttachedRun: c.spec.RunID, labelOwner: c.labels[labelOwner], labelAttachedIDs: strings.Join(ids, ","),
	}})
	if err != nil {
		return fmt.Errorf("leave a mark for faultline clean: %w", err)
	}
	if c.watch, err = c.startWatch(); err != nil {
		return err
	}
	return c.each(func(m *member) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if err := c.openLogs(m); err != nil {
			return err
		}
		return c.plug(ctx, m)
	})
}

// letGo leaves an attached cluster as it should be: running, and free of faults.
func (c *containers) letGo(ctx context.Context) error {
	err := c.each(func(m *member) error {
		_, err := c.engine.restore(ctx, m.id)
		return err
	})
	if err != nil {
		return err // the mark stays, for faultline clean
	}
	_, err = c.engine.VolumeRemove(ctx, c.name(), client.VolumeRemoveOptions{Force: true})
	return err
}

// menders undo, in the namespaces and the memory of a container's processes, what a run
// that is gone may have left there.
var menders = []func(pid int, id string) error{
	mendClock,
	func(pid int, id string) error { return withProcesses(pid, id, "", crowd.goOn) },
	func(pid int, _ string) error { return mendShape(pid) },
	func(pid int, _ string) error {
		w, err := openWires(pid)
		if err != nil {
			return err
		}
		return errors.Join(w.Heal(), w.Close())
	},
}

// restore makes a container of somebody else's run without faults, and says what it took.
// One that is not there any more needs nothing.
func (e *engine) restore(ctx context.Context, id string) (done []string, err error) {
	got, err := e.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		if gone(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("inspect container %.12s: %w", id, err)
	}
	name, state := strings.TrimPrefix(got.Container.Name, "/"), got.Container.State
	if state != nil && state.Paused {
		if _, err := e.ContainerUnpause(ctx, id, client.ContainerUnpauseOptions{}); err != nil {
			return nil, fmt.Errorf("resume container %s: %w", name, err)
		}
		done = append(done, "resumed container "+name)
	}
	if state != nil && !state.Running {
		if _, err := e.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
			return done, fmt.Errorf("start container %s: %w", name, err)
		}
		done = append(done, "started container "+name)
	}
	if got, err = e.ContainerInspect(ctx, id, client.ContainerInspectOptions{}); err != nil {
		return done, fmt.Errorf("inspect container %s: %w", name, err)
	}
	if got.Container.State == nil || got.Container.State.Pid == 0 {
		return done, fmt.Errorf("container %s ends as soon as it is started", name)
	}
	for _, mend := range menders {
		if err := mend(got.Container.State.Pid, id); err != nil {
			return done, fmt.Errorf("heal container %s: %w", name, err)
		}
	}
	return append(done, "healed container "+name), nil
}

// mark is what a run left that had attached to a cluster.
type mark struct {
	volume, run, owner string
	containers         []string
}

func (e *engine) marks(ctx context.Context) ([]mark, error) {
	list, err := e.VolumeList(ctx, client.VolumeListOptions{Filters: client.Filters{}.Add("label", labelAttachedRun)})
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	var all []mark
	for _, v := range list.Items {
		all = append(all, mark{
			volume: v.Name, run: v.Labels[labelAttachedRun], owner: v.Labels[labelOwner],
			containers: strings.Split(v.Labels[labelAttachedIDs], ","),
		})
	}
	return all, nil
}

// healOrphans heals the clusters that killed runs were attached to.
func (e *engine) healOrphans(ctx context.Context, log io.Writer) (done []string, err error) {
	marks, err := e.marks(ctx)
	if err != nil {
		return nil, err
	}
	here, err := place()
	if err != nil {
		return nil, fmt.Errorf("find out where locks are seen: %w", err)
	}
	var errs []error
	for _, m := range marks {
		if m.owner != here {
			fmt.Fprintf(log, "run %s was attached from elsewhere, so that it cannot be told whether it is alive: left alone; once it is not, heal its containers by starting them again and remove its mark by: docker volume rm %s\n", m.run, m.volume)
			continue
		}
		alive, err := held(m.run)
		if err != nil || alive {
			errs = append(errs, err)
			continue
		}
		failed := false
		for _, id := range m.containers {
			what, err := e.restore(ctx, id)
			done = append(done, what...)
			errs, failed = append(errs, err), failed || err != nil
		}
		if !failed {
			_, err := e.VolumeRemove(ctx, m.volume, client.VolumeRemoveOptions{Force: true})
			errs = append(errs, err)
		}
	}
	return done, errors.Join(errs...)
}
