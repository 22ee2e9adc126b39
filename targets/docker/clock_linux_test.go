package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// teller is a system that writes down all the while what time it is.
var teller = System{
	Name: "teller",
	Image: func(context.Context, cluster.Options) (Image, error) {
		return Image{Context: fstest.MapFS{
			"Dockerfile": {Data: []byte("ARG BASE=debian:bookworm-slim\nFROM ${BASE}\nENTRYPOINT [\"perl\", \"-e\"]\n")},
		}}, nil
	},
	Container: func(Node, []Node, cluster.Options) Container {
		return Container{Cmd: []string{tellTime("/time")}}
	},
	Connect: func(context.Context, Node, []Node, cluster.Options) (cluster.Conn, error) { return awake{}, nil },
}

// tellTime is a program that keeps the time in a file.
func tellTime(file string) string {
	return fmt.Sprintf(`while (1) { open(F, ">", "%s.new"); print F time, "\n"; close F; rename "%[1]s.new", "%[1]s"; select(undef, undef, undef, 0.01) }`, file)
}

// told is how far the time in a node's file is ahead once it was written anew.
func told(t *testing.T, m *member, file string) time.Duration {
	t.Helper()
	path := fmt.Sprintf("/proc/%d/root%s", m.pid, file)
	_ = os.Remove(path)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		s, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		must(t, err)
		return time.Duration(s-time.Now().Unix()) * time.Second
	}
	t.Fatalf("%s tells no time", m.Name)
	return 0
}

// TestClock skews the clock of one node: all its processes read it, through restarts and
// pauses, and nobody else does.
func TestClock(t *testing.T) {
	needEngine(t)
	cl, err := Opener(teller)(t.Context(), specOf(runName("clock"), os.Stderr))
	must(t, err)
	defer cl.Close(context.Background())
	must(t, cl.Start(t.Context()))
	c := cl.(*containers)
	n1, n2 := c.nodes[0], c.nodes[1]
	hostBefore, began := time.Now().Round(0), time.Now()

	expect := func(m *member, file string, offset time.Duration) {
		t.Helper()
		if got := told(t, m, file); (got - offset).Abs() > 20*time.Second {
			t.Errorf("%s tells a time that is ahead by %v, not %v", m.Name, got, offset)
		}
	}
	witness := func(pattern string) {
		t.Helper()
		got, err := c.ClockReading(t.Context(), "n1")
		must(t, err)
		if !regexp.MustCompile(pattern).MatchString(got) {
			t.Errorf("the evidence is %q, not %s", got, pattern)
		}
	}
	expect(n1, "/time", 0)
	if off, err := c.Offset(t.Context(), "n1"); off != 0 || err != nil {
		t.Errorf("before any fault: %v, %v", off, err)
	}
	must(t, c.Skew(t.Context(), "n1", time.Hour, 1))
	expect(n1, "/time", time.Hour)
	expect(n2, "/time", 0)
	witness(`^pid \d+ reads \+3600\.000s$`)

	// A program that begins later in the same container.
	out, err := exec.Command("docker", "exec", "-d", n1.id, "perl", "-e", tellTime("/later")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	until := time.Now().Add(10 * time.Second)
	for told(t, n1, "/later") < 30*time.Minute && time.Now().Before(until) {
	}
	expect(n1, "/later", time.Hour)
	witness(`^pid \d+ \(\+1 more\) reads \+3600\.000s$`)

	// The node restarts under its skew.
	_, err = c.Kill(t.Context(), "n1")
	must(t, err)
	if err := c.Skew(t.Context(), "n1", time.Minute, 1); !errors.Is(err, cluster.ErrSkipped) {
		t.Errorf("skewed a dead node: %v", err)
	}
	if _, err := c.Offset(t.Context(), "n1"); !errors.Is(err, cluster.ErrSkipped) {
		t.Errorf("a dead node reads a clock: %v", err)
	}
	must(t, c.Restart(t.Context(), "n1"))
	expect(n1, "/time", time.Hour)

	// A frozen node whose clock is reached already, and one whose is not.
	_, err = c.Pause(t.Context(), "n1")
	must(t, err)
	must(t, c.Skew(t.Context(), "n1", -2*time.Hour, 1))
	must(t, c.Resume(t.Context(), "n1"))
	expect(n1, "/time", -2*time.Hour)
	_, err = c.Pause(t.Context(), "n2")
	must(t, err)
	if err := c.Skew(t.Context(), "n2", time.Hour, 1); !errors.Is(err, cluster.ErrSkipped) {
		t.Errorf("skewed a frozen node: %v", err)
	}
	must(t, c.Resume(t.Context(), "n2"))
	expect(n2, "/time", 0)

	// What a run leaves that is killed, is found and mended.
	must(t, mendClock(n1.pid, n1.id))
	expect(n1, "/time", 0)
	must(t, c.Strobe(t.Context(), "n1", time.Hour, 2*time.Millisecond))
	if off, err := c.Offset(t.Context(), "n1"); off != time.Hour || err != nil {
		t.Errorf("a strobe reads %v, %v", off, err)
	}
	must(t, c.Skew(t.Context(), "n1", 0, 1))
	expect(n1, "/time", 0)
	witness(`^pid \d+ reads \+0\.000s$`)

	// The host's clock went on as the monotonic one did.
	if d := time.Now().Round(0).Sub(hostBefore) - time.Since(began); d.Abs() > 5*time.Second {
		t.Errorf("the host's clock has moved by %v", d)
	}
}
