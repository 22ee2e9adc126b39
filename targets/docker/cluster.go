package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	testcontainers "github.com/testcontainers/testcontainers-go"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/runtime"
	"github.com/faultline-dev/faultline/nemesis/linux/disk"
)

// containers is a cluster of them.
type containers struct {
	system System
	spec   cluster.Spec
	engine *engine
	rt     *runtime.Wall
	owner  *owner
	tag    string            // of the image
	labels map[string]string // of everything that the run makes
	nodes  []*member
	watch  *watch
	disks  *disks // nil: the engine's own
}

// member is a node and its container.
type member struct {
	Node
	id   string // the container's
	logs *logs

	mu       sync.Mutex // one fault at a time
	pid      int        // of its first process, 0 when it has none
	wires    *wires     // its network; nil when it has none
	cuts     cut
	followed []follower // the other faults that go with its process
	clock    *wallClock // nil: it was never wanted wrong
	shaped   *shaping   // nil: it never was
	packets  *packets   // nil: they are not kept
	mayEnd   bool       // a fault of some of its processes may end it

	trouble   disk.Trouble // its disks are in
	metBefore int64        // requests that met trouble before this one
	awaited   ends
	signalled time.Time // by way of the engine, at last; the watch's own
}

// open makes a cluster without starting it. What it takes from the machine is the lock.
func open(ctx context.Context, s System, spec cluster.Spec) (*containers, error) {
	e, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*containers, error) { return nil, errors.Join(err, e.close()) }
	if spec.Fail == nil {
		spec.Fail = func(err error) { fmt.Fprintln(spec.Log, err) }
	}
	where, err := place()
	if err != nil {
		return fail(fmt.Errorf("find out where locks are seen: %w", err))
	}
	o, err := hold(spec.RunID)
	if err != nil {
		return fail(err)
	}
	c := &containers{
		system: s, spec: spec, engine: e, owner: o,
		labels: map[string]string{labelRun: spec.RunID, labelOwner: where},
	}
	for _, name := range spec.Nodes {
		c.nodes = append(c.nodes, &member{Node: Node{Name: name}})
	}
	if err := c.wantDisks(ctx); err != nil {
		return fail(errors.Join(err, o.release()))
	}
	if spec.Attach != "" {
		if err := c.attach(ctx); err != nil {
			return fail(errors.Join(err, o.release()))
		}
		c.rt = runtime.NewWall()
		return c, nil
	}
	// Building an image can take minutes, which are no part of the run's time.
	if c.tag, err = c.image(ctx); err != nil {
		return fail(errors.Join(err, o.release()))
	}
	c.rt = runtime.NewWall()
	return c, nil
}

// Runtime implements cluster.Cluster.
func (c *containers) Runtime() runtime.Runtime { return c.rt }

// Nodes implements cluster.Cluster.
func (c *containers) Nodes() []string { return c.spec.Nodes }

func (c *containers) node(name string) (*member, error) {
	for _, m := range c.nodes {
		if m.Name == name {
			return m, nil
		}
	}
	return nil, fmt.Errorf("there is no node %q", name)
}

// all are the nodes as the target knows them.
func (c *containers) all() []Node {
	nodes := make([]Node, len(c.nodes))
	for i, m := range c.nodes {
		nodes[i] = m.Node
	}
	return nodes
}

// each does something for all nodes at once.
func (c *containers) each(do func(m *member) error) error {
	errs := make([]error, len(c.nodes))
	var wg sync.WaitGroup
	for i, m := range c.nodes {
		wg.Go(func() {
			if err := do(m); err != nil {
				errs[i] = fmt.Errorf("node %s: %w", m.Name, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// name is that of the run's network, and the beginning of its containers' names.
func (c *containers) name() string { return "faultline-" + c.spec.RunID }

// Start implements cluster.Cluster.
func (c *containers) Start(ctx context.Context) error {
	bringUp := c.bringUp
	if c.spec.Attach != "" {
		bringUp = c.takeOver
	}
	if err := bringUp(ctx); err != nil {
		return err
	}
	return c.prepare(ctx)
}

// bringUp makes the network and the containers, and starts them.
func (c *containers) bringUp(ctx context.Context) error {
	// What the engine is asked to make is waited for even when ctx ends meanwhile: else it
	// could come into being after Close has looked for it.
	asked := context.WithoutCancel(ctx)
	subnet, err := c.engine.makeNetwork(asked, c.name(), c.spec.RunID, c.labels)
	if err != nil {
		return err
	}
	for i, n := range hosts(subnet, c.spec.Nodes) {
		c.nodes[i].Node = n
	}
	fmt.Fprintf(c.spec.Log, "network %s on %s\n", c.name(), subnet)
	if c.watch, err = c.startWatch(); err != nil {
		return err
	}
	if err := c.makeDisks(asked, c.tag); err != nil {
		return err
	}
	if err := c.each(func(m *member) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return c.create(asked, m, c.tag)
	}); err != nil {
		return err
	}
	if err := c.each(func(m *member) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		return c.start(asked, m)
	}); err != nil {
		return err
	}
	return c.checkDisks()
}

// prepare waits for the nodes and makes what clients need.
func (c *containers) prepare(ctx context.Context) error {
	if c.system.Ready != nil {
		ready := func(ctx context.Context, m *member) error { return c.system.Ready(ctx, m.Node, c.spec.Options) }
		if err := c.each(func(m *member) error { return c.await(ctx, m, ready) }); err != nil {
			return err
		}
	}
	if c.system.Setup != nil {
		if c.system.Ready == nil {
			if err := c.each(func(m *member) error { return c.await(ctx, m, c.answers) }); err != nil {
				return err
			}
		}
		if err := c.system.Setup(ctx, c.all(), c.spec.Options); err != nil {
			return fmt.Errorf("set the cluster up: %w", err)
		}
	}
	return c.each(func(m *member) error { return c.await(ctx, m, c.answers) })
}

func (c *containers) answers(ctx context.Context, m *member) error { return c.Healthy(ctx, m.Name) }

// image is that which the nodes run: the one asked for, or the target's own.
func (c *containers) image(ctx context.Context) (string, error) {
	if c.spec.Image != "" {
		return c.spec.Image, c.engine.fetch(ctx, c.spec.Image, c.spec.Log)
	}
	img, err := c.system.Image(ctx, c.spec.Options)
	if err != nil {
		return "", fmt.Errorf("prepare the image of %s: %w", c.system.Name, err)
	}
	if img.Context == nil {
		return img.Name, c.engine.fetch(ctx, img.Name, c.spec.Log)
	}
	return c.engine.ensure(ctx, c.system.Name, img, c.spec.Log)
}

// create makes a node's container.
func (c *containers) create(ctx context.Context, m *member, image string) error {
	spec := c.system.Container(m.Node, c.all(), c.spec.Options)
	labels := maps.Clone(c.labels)
	labels[labelNode] = m.Name
	var hosts []string // the engine's own name service forgets nodes that are down
	for _, n := range c.nodes {
		hosts = append(hosts, n.Name+":"+n.Addr.String())
	}
	var files []testcontainers.ContainerFile
	for path, content := range spec.Files {
		files = append(files, testcontainers.ContainerFile{Reader: bytes.NewReader(content), ContainerFilePath: path, FileMode: 0o644})
	}
	slices.SortFunc(files, func(a, b testcontainers.ContainerFile) int {
		return strings.Compare(a.ContainerFilePath, b.ContainerFilePath)
	})
	made, err := c.engine.provider.CreateContainer(ctx, testcontainers.ContainerRequest{
		Image: image, Name: c.name() + "-" + m.Name, Labels: labels,
		Entrypoint: spec.Entrypoint, Cmd: spec.Cmd, Env: spec.Env, Files: files,
		Networks: []string{c.name()},
		ConfigModifier: func(config *container.Config) {
			config.Hostname = m.Name
			config.Volumes = map[string]struct{}{}
			for _, v := range spec.Volumes {
				if c.disks == nil {
					config.Volumes[v] = struct{}{}
				}
			}
		},
		HostConfigModifier: func(config *container.HostConfig) {
			config.ExtraHosts = hosts
			if c.disks != nil {
				for i, v := range c.volumes(m) {
					config.Binds = append(config.Binds, c.disks.mount(m, i).Point()+":"+v)
				}
			}
			config.LogConfig = container.LogConfig{Type: "json-file"} // one that can be read back
			config.Memory, config.NanoCPUs = c.spec.Memory, int64(c.spec.CPUs*1e9)
		},
		EndpointSettingsModifier: func(ends map[string]*network.EndpointSettings) {
			for _, end := range ends {
				end.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: m.Addr}
			}
		},
	})
	if err != nil {
		return fmt.Errorf("make its container: %w", err)
	}
	m.id = made.GetContainerID()
	return c.openLogs(m)
}

// openLogs makes ready for what a node says.
func (c *containers) openLogs(m *member) error {
	w, err := newLineWatch(c.system.Panics, func(line string) {
		c.spec.Note(history.Event{Kind: history.EventPanic, Node: m.Name, Text: line})
	})
	if err != nil {
		return err
	}
	if c.spec.Pcap && c.spec.Dir != "" {
		if err := m.openPackets(c.spec.Dir); err != nil {
			return err
		}
	}
	m.logs, err = openLogs(c.spec.Dir, m.Name, w)
	return err
}

// start starts a node's container, and puts back the cuts that it lost with its network.
// They hold some milliseconds after the process began, which may have sent a few packets.
// The caller holds m.mu.
func (c *containers) start(ctx context.Context, m *member) error {
	if _, err := c.engine.ContainerStart(ctx, m.id, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("start its container: %w", err)
	}
	return c.plug(ctx, m)
}

// plug reaches into the network of a node's process, and puts the faults in force there.
func (c *containers) plug(ctx context.Context, m *member) error {
	state, err := c.state(ctx, m)
	if err != nil {
		return err
	}
	if !state.Running {
		return nil // it has ended by itself already, which is the watch's to tell
	}
	m.pid = state.Pid
	if m.wires, err = openWires(m.pid); err != nil {
		if c.endsByItself(ctx, m) {
			m.pid = 0
			return nil
		}
		return fmt.Errorf("reach its network: %w", err)
	}
	if err := m.putBack(); err != nil {
		return err
	}
	for _, f := range m.followed {
		if err := f.began(m.pid); err != nil {
			return err
		}
	}
	m.logs.follow(c.engine, m.id, state.StartedAt)
	return nil
}

// endsByItself reports whether a node whose process could not be reached has ended, which
// the engine may learn a moment later than this.
func (c *containers) endsByItself(ctx context.Context, m *member) bool {
	for range 40 {
		if state, err := c.state(ctx, m); err == nil && !state.Running {
			return true
		}
		if c.rt.Sleep(ctx, probeEvery) != nil {
			return false
		}
	}
	return false
}

// state is what the engine says of a node's container.
func (c *containers) state(ctx context.Context, m *member) (*container.State, error) {
	got, err := c.engine.ContainerInspect(ctx, m.id, client.ContainerInspectOptions{})
	if err != nil {
		return nil, fmt.Errorf("inspect its container: %w", err)
	}
	if got.Container.State == nil {
		return nil, errors.New("inspect its container: the engine tells no state")
	}
	return got.Container.State, nil
}

// probeLimit is the deadline of one question, probeEvery the pause before the next one.
const (
	probeLimit = time.Second
	probeEvery = 50 * time.Millisecond
)

// await waits until a node passes a test.
func (c *containers) await(ctx context.Context, m *member, passes func(context.Context, *member) error) error {
	for {
		asking, cancel := context.WithTimeout(ctx, probeLimit)
		err := passes(asking, m)
		cancel()
		if err == nil {
			return nil
		}
		if state, stateErr := c.state(ctx, m); stateErr == nil && !state.Running {
			return fmt.Errorf("it exited with code %d before it answered; its last words: %s", state.ExitCode, c.lastWords(m))
		}
		if sleepErr := c.rt.Sleep(ctx, probeEvery); sleepErr != nil {
			return fmt.Errorf("it did not answer: %w; its last words: %s", err, c.lastWords(m))
		}
	}
}

// lastWords is the end of a node's log.
func (c *containers) lastWords(m *member) string {
	ctx, cancel := context.WithTimeout(context.Background(), pingLimit)
	defer cancel()
	var b bytes.Buffer
	if err := copyLogs(ctx, c.engine, m.id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "3"}, &b); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

// connectLimit is how long a connection may take. A killed node's address goes with its
// network, so that nobody refuses: connecting would take as long as it is let.
const connectLimit = time.Second

// Connect implements cluster.Cluster.
func (c *containers) Connect(ctx context.Context, name string) (cluster.Conn, error) {
	m, err := c.node(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	return c.system.Connect(ctx, m.Node, c.all(), c.spec.Options)
}

// Healthy implements cluster.Health.
func (c *containers) Healthy(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	conn, err := c.Connect(ctx, name)
	if err != nil {
		return err
	}
	defer conn.Close()
	return cluster.Probe(ctx, conn)
}

// Close implements cluster.Cluster: whatever carries the run's label goes.
func (c *containers) Close(ctx context.Context) error {
	var errs []error
	if c.watch != nil {
		c.watch.stop()
	}
	for _, m := range c.nodes {
		m.mu.Lock()
		errs = append(errs, m.unplug())
		m.mu.Unlock()
	}
	switch {
	case c.spec.Attach != "":
		errs = append(errs, c.letGo(ctx))
	case c.spec.Leave:
		for _, m := range c.nodes {
			fmt.Fprintf(c.spec.Log, "left running: %s at %s\n", c.name()+"-"+m.Name, m.Addr)
		}
	default:
		errs = append(errs, c.reap(ctx), c.endDisks())
	}
	for _, m := range c.nodes {
		if m.packets != nil {
			errs = append(errs, m.packets.close())
		}
		if m.logs != nil {
			if c.spec.Leave || c.spec.Attach != "" {
				m.logs.leave() // the node goes on talking
			}
			errs = append(errs, m.logs.close())
		}
	}
	return errors.Join(append(errs, c.owner.release(), c.engine.close())...)
}

// reapEvery is the pause before another look at what is still there.
const reapEvery = 50 * time.Millisecond

// reap removes what the run has, until the engine finds nothing more of it: a removal may
// be under way already, and what was being made when a start broke off comes late.
func (c *containers) reap(ctx context.Context) error {
	for {
		mine, err := c.engine.belongings(ctx, c.spec.RunID)
		if err == nil && len(mine) == 0 {
			return nil
		}
		for _, b := range mine {
			_, removeErr := c.engine.remove(ctx, b)
			err = errors.Join(err, removeErr)
		}
		if err != nil {
			fmt.Fprintf(c.spec.Log, "take the cluster down: %v\n", err)
		}
		if sleepErr := c.rt.Sleep(ctx, reapEvery); sleepErr != nil {
			return errors.Join(err, fmt.Errorf("containers of run %s are left: %w", c.spec.RunID, sleepErr))
		}
	}
}
