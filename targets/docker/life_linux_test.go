package docker

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
)

// TestLineWatch finds lines that must not be there, however the log is cut into pieces, and
// no others.
func TestLineWatch(t *testing.T) {
	const log = "all is well\nnothing to panic: about\npanic: runtime error\n" + "custom disaster 7\n" + "half a line, panic: "
	for _, size := range []int{1, 3, 7, len(log)} {
		var told []string
		w, err := newLineWatch([]string{`disaster \d`}, func(line string) { told = append(told, line) })
		must(t, err)
		for rest := log; rest != ""; rest = rest[min(size, len(rest)):] {
			w.look([]byte(rest[:min(size, len(rest))]))
		}
		if !slices.Equal(told, []string{"panic: runtime error", "custom disaster 7"}) {
			t.Errorf("in pieces of %d: %q", size, told)
		}
	}
	told := 0
	w, err := newLineWatch(nil, func(string) { told++ })
	must(t, err)
	w.look([]byte(strings.Repeat("panic: again\n", 100) + strings.Repeat("x", 10*longestLine)))
	if told != panicsTold || len(w.line) > longestLine {
		t.Errorf("told %d times, and %d bytes of a line kept", told, len(w.line))
	}
	if _, err := newLineWatch([]string{"("}, nil); err == nil {
		t.Error("a pattern that is none was taken")
	}
}

// script is sleeper with a shell command for its nodes.
func script(command string) System {
	s := sleeper
	s.Container = func(Node, []Node, cluster.Options) Container {
		return Container{Entrypoint: []string{"bash", "-c"}, Cmd: []string{command}, Volumes: []string{"/data"}}
	}
	return s
}

// heard collects telemetry.
type heard struct {
	mu     sync.Mutex
	events []history.Event
}

func (h *heard) note(e history.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *heard) has(kind history.EventKind, text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.events, func(e history.Event) bool { return e.Kind == kind && strings.Contains(e.Text, text) })
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never came about: %s", what)
		}
	}
}

// TestDeath: a node that panics, and one that a signal ends, are told of as what they are.
func TestDeath(t *testing.T) {
	needEngine(t)
	h := &heard{}
	spec := specOf(runName("death"), io.Discard)
	spec.Dir, spec.Note = t.TempDir(), h.note
	c, err := Opener(script("sleep 0.3; echo 'panic: I cannot go on'; exit 139"))(t.Context(), spec)
	must(t, err)
	defer c.Close(context.WithoutCancel(t.Context()))
	must(t, c.Start(t.Context()))
	waitFor(t, "the panic", func() bool { return h.has(history.EventPanic, "panic: I cannot go on") })
	waitFor(t, "the end by a signal", func() bool { return h.has(history.EventNodeDown, "by itself with code 139, by signal 11") })
}

// TestRestartedByOthers: a node that somebody else starts again gets its cuts back.
func TestRestartedByOthers(t *testing.T) {
	e := needEngine(t)
	h := &heard{}
	spec := specOf(runName("others"), io.Discard)
	spec.Note = h.note
	opened, err := Opener(sleeper)(t.Context(), spec)
	must(t, err)
	c := opened.(*containers)
	defer c.Close(context.WithoutCancel(t.Context()))
	must(t, c.Start(t.Context()))
	must(t, c.Cut(t.Context(), cluster.Grudge{"n1": {"n2"}}))
	timeout := 0
	_, err = e.ContainerRestart(t.Context(), c.nodes[0].id, client.ContainerRestartOptions{Timeout: &timeout})
	must(t, err)
	cutAgain := func() bool {
		state, err := c.state(t.Context(), c.nodes[0])
		must(t, err)
		c.nodes[0].mu.Lock()
		defer c.nodes[0].mu.Unlock()
		if !state.Running || c.nodes[0].pid != state.Pid || c.nodes[0].wires == nil {
			return false
		}
		return c.nodes[0].cuts.sources != nil
	}
	waitFor(t, "the new process's cuts", cutAgain)
	waitFor(t, "the end that it had no part in", func() bool { return h.has(history.EventNodeDown, "by somebody else") })
	if h.has(history.EventNodeDown, "by itself") {
		t.Error("what somebody else did is blamed on the system")
	}
}

// TestKeep keeps what a node had written, within the limits that it was given, also when the
// node is down; and leaves the cluster running if it shall.
func TestKeep(t *testing.T) {
	e := needEngine(t)
	spec := specOf(runName("keep"), io.Discard)
	spec.Memory, spec.CPUs, spec.Leave = 64<<20, 0.5, true
	opened, err := Opener(script("echo precious >/data/file; sync; sleep infinity"))(t.Context(), spec)
	must(t, err)
	c := opened.(*containers)
	closed := false
	defer func() {
		if !closed {
			c.Close(context.WithoutCancel(t.Context()))
		}
		_, err := Clean(context.WithoutCancel(t.Context()), io.Discard) // it has no owner now
		must(t, err)
		if n, m := belongs(t, e, spec.RunID); n+m != 0 {
			t.Errorf("%d containers and %d networks are left", n, m)
		}
	}()
	must(t, c.Start(t.Context()))
	got, err := e.ContainerInspect(t.Context(), c.nodes[0].id, client.ContainerInspectOptions{})
	must(t, err)
	if r := got.Container.HostConfig.Resources; r.Memory != 64<<20 || r.NanoCPUs != 5e8 {
		t.Errorf("the node may use %d bytes and %d billionths of a processor", r.Memory, r.NanoCPUs)
	}
	time.Sleep(300 * time.Millisecond) // the file is written
	_, err = c.Kill(t.Context(), "n2")
	must(t, err)
	dir := t.TempDir()
	must(t, c.Keep(t.Context(), dir))
	for _, n := range []string{"n1", "n2"} {
		if content := tarred(t, filepath.Join(dir, "nodes", n, "data.tar"), "data/file"); content != "precious\n" {
			t.Errorf("%s: kept %q", n, content)
		}
	}
	closed = true
	must(t, c.Close(context.WithoutCancel(t.Context())))
	if n, m := belongs(t, e, spec.RunID); n != 2 || m != 1 {
		t.Errorf("%d containers and %d networks were left running", n, m)
	}
}

// tarred reads a file of a tar archive.
func tarred(t *testing.T, archive, name string) string {
	t.Helper()
	f, err := os.Open(archive)
	must(t, err)
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return ""
		}
		must(t, err)
		if h.Name == name {
			content, err := io.ReadAll(r)
			must(t, err)
			return string(content)
		}
	}
}
