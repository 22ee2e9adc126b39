package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/nemesis/linux/disk"
	"github.com/faultline-dev/faultline/targets/host"
)

var _ cluster.DiskDamager = (*containers)(nil)

// Where the disks of a run that has some are, besides which the engine makes none: a
// directory of its own, with the mounts and what the helper needs. Not below the temporary
// directory: that may be in memory, and another one when faultline clean looks for it.
const disksDir = "/var/tmp/faultline"

// ownerFile names, in a run's directory, where its lock is seen.
const ownerFile = "owner"

// disks are the volumes of a run's nodes under our layers; nil if no nemesis wants them.
type disks struct {
	dir    string
	helper *exec.Cmd
	layers *layers
}

// DiskHelper is the command by which this program serves the layers over disks.
const DiskHelper = "disk-helper"

// envHelper tells a test binary that it is a helper, and its directory.
const envHelper = "FAULTLINE_DISK_HELPER"

// ServeDisks is a helper process: it serves the layers over a run's disks.
func ServeDisks(ctx context.Context, dir string) error { return serveLayers(ctx, dir) }

// ServeDisksInTest serves them, and then ends the process, if it was started for that.
func ServeDisksInTest() {
	dir := os.Getenv(envHelper)
	if dir == "" {
		return
	}
	if err := ServeDisks(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// wantDisks prepares for the nemesis disk, if the run has it: nothing is mounted yet.
func (c *containers) wantDisks(ctx context.Context) error {
	if !slices.Contains(c.spec.Faults, "disk") {
		return nil
	}
	refuse := func(reason string) error {
		return &cluster.Refusal{Fault: "disk", World: "on docker", Reason: reason}
	}
	if c.spec.Attach != "" {
		return refuse("the cluster that the run is attached to has disks of its own, which cannot be taken from under it")
	}
	if err := tryLayer(); err != nil {
		return refuse(fmt.Sprintf("%v (faultline doctor says what it takes)", err))
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's file: %w", err)
	}
	dir := filepath.Join(disksDir, c.spec.RunID)
	cmd := exec.Command(program, DiskHelper, dir)
	if testing.Testing() {
		args, _, err := host.Invocation(ctx, nil)
		if err != nil {
			return err
		}
		cmd = exec.Command(program, args...)
		cmd.Env = append(os.Environ(), envHelper+"="+dir)
	}
	c.disks = &disks{dir: dir, helper: cmd}
	return nil
}

// mount is that of a node's volume.
func (d *disks) mount(m *member, i int) disk.Mount {
	name := fmt.Sprintf("%s-%d", m.Name, i)
	return disk.Mount{Name: name, Under: filepath.Join(d.dir, name)}
}

// makeDisks mounts a layer for each volume of each node, over what the image has there.
func (c *containers) makeDisks(ctx context.Context, image string) error {
	if c.disks == nil {
		return nil
	}
	if err := os.MkdirAll(c.disks.dir, 0o755); err != nil {
		return fmt.Errorf("make a place for disks: %w", err)
	}
	if err := os.WriteFile(filepath.Join(c.disks.dir, ownerFile), []byte(c.labels[labelOwner]), 0o600); err != nil {
		return fmt.Errorf("make a place for disks: %w", err)
	}
	var mounts []disk.Mount
	below := map[string][]string{} // by volume
	for _, m := range c.nodes {
		for i, v := range c.volumes(m) {
			mount := c.disks.mount(m, i)
			mounts, below[v] = append(mounts, mount), append(below[v], mount.Data())
		}
	}
	if len(mounts) == 0 {
		return &cluster.Refusal{Fault: "disk", World: "on docker", Reason: c.system.Name + " keeps nothing in a volume"}
	}
	if err := c.fill(ctx, image, below); err != nil {
		return fmt.Errorf("copy what the image has in its volumes: %w", err)
	}
	began := time.Now()
	var err error
	if c.disks.layers, err = startLayers(ctx, c.disks.dir, mounts, c.disks.helper); err != nil {
		return err
	}
	fmt.Fprintf(c.spec.Log, "mounted %d disks in %s, in %s\n", len(mounts), c.disks.dir, time.Since(began).Round(time.Millisecond))
	return nil
}

// checkDisks makes sure that the nodes are on the layers.
func (c *containers) checkDisks() error {
	if c.disks == nil {
		return nil
	}
	return c.each(func(m *member) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.pid == 0 {
			return nil
		}
		for _, v := range c.volumes(m) {
			if ok, err := layered(m.pid, v); err == nil && !ok {
				return fmt.Errorf("its %s is not on a disk of ours: the engine does not see what is mounted here; run faultline where the engine runs, or leave the nemesis disk out", v)
			}
		}
		return nil
	})
}

// endDisks takes them away.
func (c *containers) endDisks() error {
	if c.disks == nil {
		return nil
	}
	var err error
	if c.disks.layers != nil {
		err = c.disks.layers.Close()
	}
	return errors.Join(err, removeDisks(c.disks.dir))
}

// removeDisks removes a run's directory, once nothing is mounted in it.
func removeDisks(dir string) error {
	if err := endLayers(dir); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	_ = os.Remove(disksDir) // if it was the last one
	return nil
}

// orphanDisks are the directories of runs that nobody owns any more.
func orphanDisks(log io.Writer) ([]string, error) {
	here, err := place()
	if err != nil {
		return nil, fmt.Errorf("find out where locks are seen: %w", err)
	}
	entries, err := os.ReadDir(disksDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var orphans []string
	for _, e := range entries {
		dir := filepath.Join(disksDir, e.Name())
		owner, err := os.ReadFile(filepath.Join(dir, ownerFile))
		if err == nil && string(owner) != here && sameBoot(string(owner), here) {
			fmt.Fprintf(log, "the disks in %s are of a run that was started in another network namespace, so that it cannot be told whether it is alive: left alone\n", dir)
			continue
		}
		alive, err := held(e.Name())
		if err != nil {
			return nil, err
		}
		if !alive {
			orphans = append(orphans, dir)
		}
	}
	return orphans, nil
}

// sameBoot compares the first words of two places. Nothing is mounted, and nobody alive, of
// a run before the last boot.
func sameBoot(a, b string) bool {
	a, _, _ = strings.Cut(a, " ")
	b, _, _ = strings.Cut(b, " ")
	return a == b
}

// cleanDisks ends the helpers of runs that nobody owns any more, and removes their disks.
func cleanDisks(log io.Writer) (done []string, err error) {
	orphans, err := orphanDisks(log)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, dir := range orphans {
		if err := removeDisks(dir); err != nil {
			errs = append(errs, fmt.Errorf("remove the disks in %s: %w", dir, err))
			continue
		}
		done = append(done, "removed disks "+dir)
	}
	return done, errors.Join(errs...)
}

// eachDisk does something with the layer of each volume of a node.
func (c *containers) eachDisk(m *member, do func(mount string) error) error {
	if c.disks == nil || c.disks.layers == nil {
		return errors.New("its disk is its own: the run was opened without the nemesis disk")
	}
	var errs []error
	for i := range c.volumes(m) {
		errs = append(errs, do(c.disks.mount(m, i).Name))
	}
	return errors.Join(errs...)
}

// amidSyncs is how long syncs are held before the power fails, so that what waits for one
// is lost.
const amidSyncs = 150 * time.Millisecond

// PowerFail implements cluster.DiskDamager.
func (c *containers) PowerFail(ctx context.Context, names []string, torn bool, seed uint64) ([]cluster.Outage, error) {
	var mu sync.Mutex
	var all []cluster.Outage
	err := c.each(func(m *member) error {
		if !slices.Contains(names, m.Name) {
			return nil
		}
		o, err := c.powerFails(ctx, m, torn, seed)
		if errors.Is(err, cluster.ErrSkipped) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, o)
		return err
	})
	slices.SortFunc(all, func(a, b cluster.Outage) int { return strings.Compare(a.Node, b.Node) })
	return all, err
}

func (c *containers) powerFails(ctx context.Context, m *member, torn bool, seed uint64) (o cluster.Outage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o = cluster.Outage{Node: m.Name}
	state, err := c.free(ctx, m)
	if err != nil {
		return o, err
	}
	become := func(t disk.Trouble) error {
		return c.eachDisk(m, func(mount string) error {
			_, err := c.disks.layers.Make(mount, t)
			return err
		})
	}
	defer func() { err = errors.Join(err, become(m.trouble)) }() // as it was before
	if err := become(disk.Trouble{Hold: true}); err != nil {
		return o, err
	}
	if err := c.rt.Sleep(ctx, amidSyncs); err != nil {
		return o, err
	}
	if err := c.kill(ctx, m); err != nil {
		return o, err
	}
	var lost []string
	err = c.eachDisk(m, func(mount string) error {
		l, err := c.disks.layers.PowerFails(mount, torn, seed)
		o.Lost += int64(l.Writes + l.Torn + l.Entries)
		lost = append(lost, l.String())
		return err
	})
	o.Evidence = fmt.Sprintf("pid %d of %s gone, and with it %s", state.Pid, m.Name, strings.Join(lost, ", "))
	return o, err
}

// DamageFile implements cluster.DiskDamager.
func (c *containers) DamageFile(_ context.Context, name string, d cluster.Damage, pattern string, seed uint64) (string, error) {
	m, err := c.node(name)
	if err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var what string
	var errs []error
	err = c.eachDisk(m, func(mount string) error {
		if what != "" { // one file is enough
			return nil
		}
		do := c.disksOrder(d)
		said, err := do(mount, pattern, seed)
		what = said
		errs = append(errs, err)
		return nil
	})
	if err != nil || what != "" {
		return what, err
	}
	return "", errors.Join(errs...)
}

func (c *containers) disksOrder(d cluster.Damage) func(mount, pattern string, seed uint64) (string, error) {
	if d == cluster.Truncate {
		return c.disks.layers.Truncate
	}
	return c.disks.layers.Flip
}

// TroubleDisk implements cluster.DiskDamager.
func (c *containers) TroubleDisk(_ context.Context, name string, t cluster.DiskTrouble) error {
	m, err := c.node(name)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trouble = disk.Trouble{Delay: t.Delay, Stall: t.Stall, Full: t.Full, Room: t.Room}
	var met int64
	err = c.eachDisk(m, func(mount string) error {
		counts, err := c.disks.layers.Make(mount, m.trouble)
		met += counts.Delayed + counts.Stalled + counts.Refused
		return err
	})
	m.metBefore = met
	return err
}

// Troubled implements cluster.DiskDamager.
func (c *containers) Troubled(_ context.Context, name string) (int64, error) {
	m, err := c.node(name)
	if err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	met := -m.metBefore
	err = c.eachDisk(m, func(mount string) error {
		counts, err := c.disks.layers.Counts(mount)
		met += counts.Delayed + counts.Stalled + counts.Refused
		return err
	})
	return met, err
}

// checkDisk is doctor's.
func checkDisk() Check {
	c := Check{Name: "disk faults in containers"}
	if err := tryLayer(); err != nil {
		c.Detail = err.Error()
		c.Remedy = "run as root on a kernel with FUSE (modprobe fuse; /dev/fuse), on the machine where the engine runs"
		return c
	}
	c.OK, c.Detail = true, "a file system of our own (FUSE) can be mounted"
	return c
}
