package docker

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/nemesis/linux/process"
)

// several is a system whose nodes have three processes: a shell that ends in good order
// when it is asked to, and two that it started, of which it misses none.
var several = System{
	Name: sleeper.Name, Image: sleeper.Image, Connect: sleeper.Connect,
	Container: func(Node, []Node, cluster.Options) Container {
		return Container{Entrypoint: []string{"sh", "-c", `trap "exit 3" TERM; sleep 1001 & sleep 1002 & while :; do sleep 0.05; done`}}
	},
}

// up brings up two nodes and returns the first, with what is noted of both.
func up(t *testing.T, s System, name string) (*containers, *member, func() []history.Event) {
	t.Helper()
	needEngine(t)
	var mu sync.Mutex
	var notes []history.Event
	spec := specOf(runName(name), os.Stderr)
	spec.Note = func(e history.Event) {
		mu.Lock()
		defer mu.Unlock()
		notes = append(notes, e)
	}
	c, err := open(t.Context(), s, spec)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close(context.Background())) })
	must(t, c.Start(t.Context()))
	return c, c.nodes[0], func() []history.Event {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(notes)
	}
}

// running are the names of a node's processes that are called sleep 100?.
func running(t *testing.T, m *member) (names []string) {
	t.Helper()
	err := withProcesses(m.pid, m.id, "100?", func(found crowd) error {
		for _, p := range found.found {
			names = append(names, p.Name)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errNoProcess) {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// awaitBoth waits until both processes have been started.
func awaitBoth(t *testing.T, m *member) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); len(running(t, m)) < 2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("its processes do not start")
		}
	}
}

func TestOneProcessOfANode(t *testing.T) {
	c, m, notes := up(t, several, "several")
	awaitBoth(t, m)
	awaitBoth(t, c.nodes[1])
	first := m.pid

	evidence, err := c.KillProcess(t.Context(), "n1", "1001")
	must(t, err)
	if !strings.Contains(evidence, "(sleep 1001) of n1 gone") {
		t.Errorf("evidence %q", evidence)
	}
	if left := running(t, m); !slices.Equal(left, []string{"sleep 1002"}) {
		t.Errorf("%v are left", left)
	}
	if left := running(t, c.nodes[1]); len(left) != 2 {
		t.Errorf("%v are left of the other node", left)
	}
	if _, err := c.KillProcess(t.Context(), "n1", "1001"); err == nil || !strings.Contains(err.Error(), "sleep 1002") {
		t.Errorf("a process that is not there: %v", err)
	}
	must(t, c.Revive(t.Context(), "n1", "1002")) // which runs: nothing is to be done
	if m.pid != first {
		t.Error("the node was restarted although its process ran")
	}
	must(t, c.Revive(t.Context(), "n1", "1001"))
	awaitBoth(t, m)
	if m.pid == first {
		t.Error("the node was not restarted")
	}

	// The first process takes all with it.
	evidence, err = c.KillProcess(t.Context(), "n1", "sh")
	must(t, err)
	if state, err := c.state(t.Context(), m); err != nil || state.Running {
		t.Errorf("after %q it runs: %v", evidence, err)
	}
	must(t, c.Revive(t.Context(), "n1", "sh"))
	awaitBoth(t, m)
	for _, e := range notes() {
		if e.Kind == history.EventNodeDown && e.Text != "killed" {
			t.Errorf("an end of our doing is told as %q", e.Text)
		}
	}
}

func TestProcessesAreStopped(t *testing.T) {
	c, m, _ := up(t, several, "stopped")
	awaitBoth(t, m)
	stopped := func() (names []string) {
		must(t, withProcesses(m.pid, m.id, "", func(all crowd) error {
			for _, p := range all.found {
				if process.Stopped(p.PID) {
					names = append(names, p.Name)
				}
			}
			return nil
		}))
		return names
	}
	evidence, err := c.StopProcess(t.Context(), "n1", "1002")
	must(t, err)
	if got := stopped(); !slices.Equal(got, []string{"sleep 1002"}) {
		t.Errorf("%q, but %v are stopped", evidence, got)
	}
	must(t, c.ContinueProcesses(t.Context(), "n1"))
	if got := stopped(); len(got) != 0 {
		t.Errorf("%v are still stopped", got)
	}
	_, err = c.StopProcess(t.Context(), "n1", "")
	must(t, err)
	if got := stopped(); len(got) < 3 {
		t.Errorf("only %v are stopped", got)
	}
	// What a run leaves that is killed, is found and mended.
	for _, mend := range menders {
		must(t, mend(m.pid, m.id))
	}
	if got := stopped(); len(got) != 0 {
		t.Errorf("%v are still stopped", got)
	}
	_, err = c.Kill(t.Context(), "n1")
	must(t, err)
	if _, err := c.StopProcess(t.Context(), "n1", ""); !errors.Is(err, cluster.ErrSkipped) {
		t.Errorf("stopped a dead node: %v", err)
	}
	must(t, c.ContinueProcesses(t.Context(), "n1"))
}

func TestStopEndsANodeInGoodOrder(t *testing.T) {
	c, m, notes := up(t, several, "in-order")
	awaitBoth(t, m) // its trap is set by then
	evidence, err := c.Stop(t.Context(), "n1")
	must(t, err)
	if !strings.Contains(evidence, "of n1 gone, with exit code 3") {
		t.Errorf("evidence %q", evidence)
	}
	if _, err := c.Stop(t.Context(), "n1"); !errors.Is(err, cluster.ErrSkipped) {
		t.Errorf("stopped a dead node: %v", err)
	}
	must(t, c.Restart(t.Context(), "n1"))
	awaitBoth(t, m)
	for _, e := range notes() {
		if e.Kind == history.EventNodeDown && e.Text != "killed" {
			t.Errorf("an end of our doing is told as %q", e.Text)
		}
	}
}
