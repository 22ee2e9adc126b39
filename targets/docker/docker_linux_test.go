package docker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/moby/moby/client"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/targets/host"
)

// sleeper is a system that does nothing, in the smallest image that can.
var sleeper = System{
	Name: "sleeper",
	Image: func(context.Context, cluster.Options) (Image, error) {
		return Image{Context: sleeperFiles("")}, nil
	},
	Container: func(n Node, all []Node, _ cluster.Options) Container {
		return Container{Cmd: []string{"infinity"}, Env: map[string]string{"NODES": fmt.Sprint(len(all))}, Files: map[string][]byte{"/etc/sleeper": []byte(n.Name)}, Volumes: []string{"/data"}}
	},
	Connect: func(context.Context, Node, []Node, cluster.Options) (cluster.Conn, error) { return awake{}, nil },
}

// sleeperFiles are the context of such an image, with more in it.
func sleeperFiles(more string) fstest.MapFS {
	return fstest.MapFS{"Dockerfile": {Data: []byte("ARG BASE=debian:bookworm-slim\nFROM ${BASE}\n" + more + "ENTRYPOINT [\"sleep\"]\n")}}
}

// awake is a connection that answers whatever it is asked.
type awake struct{}

func (awake) Close() error                                             { return nil }
func (awake) Read(context.Context, int64) (int64, bool, error)         { return 0, false, nil }
func (awake) Write(context.Context, int64, int64) error                { return nil }
func (awake) CompareAndSet(context.Context, int64, int64, int64) error { return nil }

// needEngine skips a test that cannot be run here.
func needEngine(t *testing.T) *engine {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: containers take seconds")
	}
	if os.Geteuid() != 0 {
		t.Skip("reaching into containers takes root")
	}
	e, err := connect(t.Context())
	if errors.Is(err, ErrUnavailable) {
		t.Skip(err)
	}
	must(t, err)
	t.Cleanup(func() { e.close() })
	return e
}

func specOf(run string, log io.Writer) cluster.Spec {
	return cluster.Spec{Nodes: []string{"n1", "n2"}, RunID: run, Log: log, Note: func(history.Event) {}}
}

func runName(what string) string { return fmt.Sprintf("test-%s-%d", what, os.Getpid()) }

func belongs(t *testing.T, e *engine, run string) (containers, networks int) {
	t.Helper()
	all, err := e.belongings(context.Background(), run)
	must(t, err)
	for _, b := range all {
		containers, networks = containers+len(b.containers), networks+len(b.networks)
	}
	return containers, networks
}

// TestMain lets a test start this program again as the owner of a cluster, to be killed.
func TestMain(m *testing.M) {
	ServeDisksInTest()
	if run := os.Getenv("FAULTLINE_TEST_OWNER"); run != "" {
		spec := specOf(run, os.Stderr)
		if os.Getenv("FAULTLINE_TEST_DISKS") != "" {
			spec.Faults = []string{"disk"}
		}
		ref := os.Getenv("FAULTLINE_TEST_ATTACH")
		if ref != "" {
			spec = attachSpec(ref, run)
		}
		c, err := Opener(sleeper)(host.WithTest(context.Background(), "TestNothing"), spec)
		if err == nil {
			err = c.Start(context.Background())
		}
		if err == nil && ref != "" {
			err = attachAndHurt(c)
		}
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		fmt.Println("started")
		select {}
	}
	os.Exit(m.Run())
}

func TestCleanReapsOrphansAlone(t *testing.T) {
	e := needEngine(t)
	alive, orphan := runName("alive"), runName("orphan")

	c, err := Opener(sleeper)(t.Context(), specOf(alive, os.Stderr))
	must(t, err)
	defer c.Close(context.Background())
	must(t, c.Start(t.Context()))

	owner := exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), "FAULTLINE_TEST_OWNER="+orphan)
	owner.Stderr = os.Stderr
	out, err := owner.StdoutPipe()
	must(t, err)
	must(t, owner.Start())
	line, _ := bufio.NewReader(out).ReadString('\n')
	if line != "started\n" {
		_ = owner.Process.Kill()
		t.Fatalf("the owner to be says %q", line)
	}
	log := &bytes.Buffer{}
	removed, err := Clean(t.Context(), log)
	must(t, err)
	if slices.ContainsFunc(removed, func(r string) bool { return strings.Contains(r, orphan) }) {
		t.Fatalf("while its owner lived, clean removed %v", removed)
	}
	must(t, owner.Process.Kill())
	_ = owner.Wait()

	removed, err = Clean(t.Context(), log)
	must(t, err)
	for _, want := range []string{"removed container faultline-" + orphan + "-n1", "removed container faultline-" + orphan + "-n2", "removed network faultline-" + orphan} {
		if !slices.Contains(removed, want) {
			t.Errorf("clean did not remove %s, but %v", want, removed)
		}
	}
	if n, m := belongs(t, e, orphan); n+m != 0 {
		t.Errorf("%d containers and %d networks of the orphan are left", n, m)
	}
	if n, m := belongs(t, e, alive); n != 2 || m != 1 {
		t.Errorf("the living run has %d containers and %d networks", n, m)
	}
	if removed, err = Clean(t.Context(), log); err != nil || len(removed) > 0 {
		t.Errorf("cleaning the clean removes %v, %v", removed, err)
	}
}

// TestCancelledStart ends a start at several moments: nothing may be left of any.
func TestCancelledStart(t *testing.T) {
	e := needEngine(t)
	for i, after := range []time.Duration{0, 30 * time.Millisecond, 150 * time.Millisecond, 400 * time.Millisecond} {
		run := runName(fmt.Sprint("cancelled", i))
		c, err := Opener(sleeper)(t.Context(), specOf(run, io.Discard))
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), after)
		err = c.Start(ctx)
		cancel()
		t.Logf("cancelled after %s: %v", after, err)
		must(t, c.Close(context.WithoutCancel(t.Context())))
		if n, m := belongs(t, e, run); n+m != 0 {
			t.Errorf("cancelled after %s: %d containers and %d networks are left", after, n, m)
		}
		if alive, err := held(run); alive || err != nil {
			t.Errorf("the lock of a closed run is held: %v, %v", alive, err)
		}
	}
}

// TestCloseWhilePaused takes down what a harness that had no time to heal left frozen.
func TestCloseWhilePaused(t *testing.T) {
	e := needEngine(t)
	run := runName("paused")
	c, err := Opener(sleeper)(t.Context(), specOf(run, io.Discard))
	must(t, err)
	must(t, c.Start(t.Context()))
	in, err := e.ContainerInspect(t.Context(), "faultline-"+run+"-n1", client.ContainerInspectOptions{})
	must(t, err)
	_, err = c.(cluster.Pauser).Pause(t.Context(), "n1")
	must(t, err)
	must(t, c.(cluster.Cutter).Cut(t.Context(), cluster.Grudge{"n2": {"n1"}}))
	must(t, c.Close(context.Background()))
	if n, m := belongs(t, e, run); n+m != 0 {
		t.Errorf("%d containers and %d networks are left", n, m)
	}
	for _, m := range in.Container.Mounts {
		if _, err := e.VolumeInspect(t.Context(), m.Name, client.VolumeInspectOptions{}); err == nil {
			t.Errorf("volume %s is left", m.Name)
		}
	}
	if len(in.Container.Mounts) != 1 {
		t.Errorf("n1 had %d volumes", len(in.Container.Mounts))
	}
}

// TestFirstWords brings up a system that dies at once: the error must say why.
func TestFirstWords(t *testing.T) {
	e := needEngine(t)
	s := sleeper
	s.Container = func(Node, []Node, cluster.Options) Container { return Container{Cmd: []string{"forever"}} }
	s.Connect = func(context.Context, Node, []Node, cluster.Options) (cluster.Conn, error) {
		return nil, errors.New("nobody there")
	}
	run := runName("dead")
	c, err := Opener(s)(t.Context(), specOf(run, io.Discard))
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = c.Start(ctx)
	if err == nil || !strings.Contains(err.Error(), "exited with code 1") || !strings.Contains(err.Error(), "invalid time interval") {
		t.Errorf("a node that exits at once: %v", err)
	}
	must(t, c.Close(context.Background()))
	if n, m := belongs(t, e, run); n+m != 0 {
		t.Errorf("%d containers and %d networks are left", n, m)
	}
}

// TestContainer looks at what a target asks for from within the container.
func TestContainer(t *testing.T) {
	e := needEngine(t)
	run := runName("container")
	c, err := Opener(sleeper)(t.Context(), specOf(run, io.Discard))
	must(t, err)
	defer c.Close(context.Background())
	must(t, c.Start(t.Context()))
	out, err := exec.Command("docker", "exec", "faultline-"+run+"-n2", "sh", "-c",
		"hostname; echo $NODES; cat /etc/sleeper; echo; getent hosts n1 | wc -l; test -d /data && echo data; ls /").CombinedOutput()
	if err != nil {
		t.Skipf("no docker command to look by: %v: %s", err, out)
	}
	if !strings.HasPrefix(string(out), "n2\n2\nn2\n1\ndata\n") {
		t.Errorf("within n2:\n%s", out)
	}
	in, err := e.ContainerInspect(t.Context(), "faultline-"+run+"-n2", client.ContainerInspectOptions{})
	must(t, err)
	if in.Container.HostConfig.Privileged || len(in.Container.HostConfig.CapAdd) > 0 {
		t.Error("a node has more rights than any container")
	}
	if _, ok := c.(cluster.LeaderTeller); ok {
		t.Error("a system without leaders tells leaders")
	}
}

func TestLock(t *testing.T) {
	run := runName("lock")
	o, err := hold(run)
	must(t, err)
	if _, err := hold(run); err == nil {
		t.Error("two hold one lock")
	}
	if alive, err := held(run); !alive || err != nil {
		t.Errorf("held: %v, %v", alive, err)
	}
	must(t, o.release())
	if alive, err := held(run); alive || err != nil {
		t.Errorf("released: %v, %v", alive, err)
	}
}

func TestDoctor(t *testing.T) {
	for _, c := range Doctor(t.Context()) {
		if c.Name == "" || c.Detail == "" || !c.OK && c.Remedy == "" && c.Name != "nothing left behind" {
			t.Errorf("a check that helps nobody: %+v", c)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestNeverReady brings up a system that runs and never answers, and ends the wait for it.
func TestNeverReady(t *testing.T) {
	e := needEngine(t)
	s := script("echo I had rather not; sleep infinity")
	s.Connect = func(context.Context, Node, []Node, cluster.Options) (cluster.Conn, error) {
		return nil, errors.New("connection refused")
	}
	run := runName("never")
	c, err := Opener(s)(t.Context(), specOf(run, io.Discard))
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	err = c.Start(ctx)
	if err == nil || !strings.Contains(err.Error(), "node n2: it did not answer: connection refused; its last words: I had rather not") {
		t.Errorf("nodes that never answer: %v", err)
	}
	must(t, c.Close(context.Background()))
	if n, m := belongs(t, e, run); n+m != 0 {
		t.Errorf("%d containers and %d networks are left", n, m)
	}
}

// TestImageDoesNotBuild asks for an image whose Dockerfile fails: the error says at what, and
// nothing is left of the attempt, not even the lock.
func TestImageDoesNotBuild(t *testing.T) {
	e := needEngine(t)
	s := sleeper
	s.Image = func(context.Context, cluster.Options) (Image, error) {
		return Image{Context: sleeperFiles("RUN echo no such package as flux >&2; exit 42\n")}, nil
	}
	run := runName("unbuilt")
	var log bytes.Buffer
	_, err := Opener(s)(t.Context(), specOf(run, &log))
	if err == nil || !strings.Contains(err.Error(), "image faultline/sleeper") || !strings.Contains(err.Error(), "exit 42") {
		t.Errorf("an image that does not build: %v", err)
	}
	if !strings.Contains(log.String(), "no such package as flux") {
		t.Errorf("the log does not say what the build said: %s", log.String())
	}
	if n, m := belongs(t, e, run); n+m != 0 {
		t.Errorf("%d containers and %d networks are left", n, m)
	}
	if alive, err := held(run); alive || err != nil {
		t.Errorf("the lock is still held: %v, %v", alive, err)
	}
}

// TestNamedImage runs an image that is here by its name, and asks for one that nobody has.
func TestNamedImage(t *testing.T) {
	needEngine(t)
	s := sleeper
	s.Image = func(context.Context, cluster.Options) (Image, error) { return Image{Name: "debian:bookworm-slim"}, nil }
	s.Container = func(Node, []Node, cluster.Options) Container {
		return Container{Cmd: []string{"sleep", "infinity"}}
	}
	c, err := Opener(s)(t.Context(), specOf(runName("named"), io.Discard))
	must(t, err)
	defer c.Close(context.Background())
	must(t, c.Start(t.Context()))

	s.Image = func(context.Context, cluster.Options) (Image, error) {
		return Image{Name: "127.0.0.1:1/nobody/has:it"}, nil
	}
	_, err = Opener(s)(t.Context(), specOf(runName("unnamed"), io.Discard))
	if err == nil || !strings.Contains(err.Error(), "image 127.0.0.1:1/nobody/has:it is not here and cannot be pulled") {
		t.Errorf("an image that nobody has: %v", err)
	}
}
