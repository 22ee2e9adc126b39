package etcd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/targets/docker"
)

// notes collects telemetry.
type notes struct {
	mu     sync.Mutex
	events []history.Event
}

func (n *notes) add(e history.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e)
}

// of are the texts of a node's events of one kind.
func (n *notes) of(kind history.EventKind, node string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var texts []string
	for _, e := range n.events {
		if e.Kind == kind && e.Node == node {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

// eventually waits for what a real cluster does in its own time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never came about: %s", what)
		}
	}
}

func start(t *testing.T, settings map[string]string, nodes ...string) (cluster.Cluster, *notes, cluster.Spec) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: containers take seconds")
	}
	if os.Geteuid() != 0 {
		t.Skip("reaching into containers takes root")
	}
	options, err := cluster.Resolve(Target.Options, settings)
	must(t, err)
	n := &notes{}
	spec := cluster.Spec{
		Nodes: nodes, Options: options, RunID: fmt.Sprintf("etcd-test-%d-%d", os.Getpid(), time.Now().UnixNano()%1e6),
		Dir: t.TempDir(), Log: io.Discard, Note: n.add,
	}
	if testing.Verbose() {
		spec.Log = os.Stderr
	}
	c, err := Target.Open[cluster.Docker](t.Context(), spec)
	if errors.Is(err, docker.ErrUnavailable) {
		t.Skip(err)
	}
	must(t, err)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(errors.Join(err, c.Close(context.Background())))
	}
	return c, n, spec
}

// hostTraces are the lines of this machine's rules, routes and links that speak of a run:
// of our own table, which belongs into containers alone, and of the run's subnet, which the
// engine takes back with its network.
func hostTraces(t *testing.T, subnet string) []string {
	t.Helper()
	var traces []string
	for _, command := range [][]string{{"nft", "list", "ruleset"}, {"ip", "route"}, {"ip", "-o", "addr"}} {
		out, err := exec.Command(command[0], command[1:]...).Output()
		if err != nil {
			t.Logf("cannot look at %v: %v", command, err)
		}
		for _, line := range strings.Split(string(out), "\n") {
			if strings.Contains(line, "faultline") || subnet != "" && strings.Contains(line, subnet) {
				traces = append(traces, line)
			}
		}
	}
	return traces
}

// TestLife takes one cluster through everything that a run does to it.
func TestLife(t *testing.T) {
	c, seen, spec := start(t, nil, "n1", "n2", "n3")
	closed := false
	defer func() {
		if !closed {
			_ = c.Close(context.Background())
		}
	}()
	ctx := t.Context()
	conns := map[string]*conn{}
	for _, n := range c.Nodes() {
		conns[n] = dial(t, c, n)
	}

	t.Run("register", func(t *testing.T) {
		_, found, err := conns["n1"].Read(ctx, 1)
		if err != nil || found {
			t.Fatalf("an unwritten register: found %v, %v", found, err)
		}
		must(t, conns["n1"].Write(ctx, 1, 7))
		if v, found, err := conns["n2"].Read(ctx, 1); v != 7 || !found || err != nil {
			t.Errorf("wrote 7 on n1, read %d %v %v on n2", v, found, err)
		}
		must(t, conns["n3"].CompareAndSet(ctx, 1, 7, 8))
		var m *cluster.Mismatch
		if err := conns["n1"].CompareAndSet(ctx, 1, 7, 9); !errors.As(err, &m) || !m.Observed || !m.Found || m.Value != 8 {
			t.Errorf("compare-and-set of 7 where 8 is: %v", err)
		}
		if err := conns["n1"].CompareAndSet(ctx, 2, 7, 9); !errors.As(err, &m) || !m.Observed || m.Found {
			t.Errorf("compare-and-set of a register that is not there: %v", err)
		}
	})
	t.Run("set", func(t *testing.T) {
		for i, n := range c.Nodes() {
			must(t, conns[n].Add(ctx, 1, int64(i)))
		}
		got, err := conns["n1"].ReadAll(ctx, 1)
		if slices.Sort(got); err != nil || !slices.Equal(got, []int64{0, 1, 2}) {
			t.Errorf("read %v, %v", got, err)
		}
		if got, err := conns["n1"].ReadAll(ctx, 11); err != nil || len(got) != 0 {
			t.Errorf("a set nobody added to: %v, %v", got, err)
		}
	})

	t.Run("append", func(t *testing.T) {
		for i, n := range c.Nodes() {
			must(t, conns[n].Append(ctx, 1, int64(i)))
		}
		if got, err := conns["n2"].ReadList(ctx, 1); err != nil || !slices.Equal(got, []int64{0, 1, 2}) {
			t.Errorf("read %v, %v", got, err)
		}
		if got, err := conns["n2"].ReadList(ctx, 11); err != nil || len(got) != 0 {
			t.Errorf("a list nobody appended to: %v, %v", got, err)
		}
	})
	t.Run("counter", func(t *testing.T) {
		if got, err := conns["n1"].ReadCounter(ctx, 1); err != nil || got != 0 {
			t.Errorf("a counter nobody incremented: %d, %v", got, err)
		}
		var all sync.WaitGroup
		for _, n := range c.Nodes() {
			all.Go(func() {
				for range 10 {
					if err := conns[n].Increment(ctx, 1, 1); err != nil {
						t.Errorf("increment on %s: %v", n, err)
					}
				}
			})
		}
		all.Wait()
		if got, err := conns["n3"].ReadCounter(ctx, 1); err != nil || got != 30 {
			t.Errorf("after 30 increments, side by side on three nodes: %d, %v", got, err)
		}
	})
	t.Run("lock", func(t *testing.T) { testLock(t, c, conns) })

	target := conns["n1"].etcd.Endpoints()[0] // http://198.18.7.10:2379
	subnet := strings.TrimPrefix(target[:strings.LastIndex(target, ".")+1], "http://")
	leader := currentLeader(t, c)
	t.Run("partition", func(t *testing.T) {
		cutter := c.(cluster.Cutter)
		var rest []string
		grudge := cluster.Grudge{}
		for _, n := range c.Nodes() {
			if n != leader {
				rest = append(rest, n)
				grudge[n] = []string{leader}
			}
		}
		grudge[leader] = rest
		must(t, cutter.Cut(ctx, grudge))
		if traces := hostTraces(t, ""); len(traces) > 0 {
			t.Errorf("the cut is to be made in the containers alone, and not here: %s", traces)
		}
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if err := conns[leader].Write(short, 3, 1); err == nil || cluster.IsDefinite(err) {
			t.Errorf("a leader cut off from all others answers a write by %v", err)
		}
		// What must not be gone is the client's own way to the node.
		if _, err := c.Connect(ctx, leader); err != nil {
			t.Errorf("the cut keeps clients out too: %v", err)
		}
		eventually(t, "another leader", func() bool { l := currentLeader(t, c); return l != leader })
		if err := dial(t, c, rest[0]).Write(ctx, 3, 2); err != nil {
			t.Errorf("the majority does not write: %v", err)
		}
		if n, err := cutter.Dropped(ctx); err != nil || n == 0 {
			t.Errorf("the cut dropped %d packets: %v", n, err)
		}
		must(t, cutter.Uncut(ctx))
		if n, err := cutter.Dropped(ctx); err != nil || n != 0 {
			t.Errorf("after healing %d packets count as dropped: %v", n, err)
		}
		eventually(t, "a write through the old leader", func() bool {
			return c.(cluster.Health).Healthy(ctx, leader) == nil && dial(t, c, leader).Write(ctx, 3, 3) == nil
		})
	})

	t.Run("kill", func(t *testing.T) {
		killer, cutter := c.(cluster.Killer), c.(cluster.Cutter)
		must(t, conns["n1"].Write(ctx, 4, 1))
		evidence, err := killer.Kill(ctx, "n2")
		if err != nil || !strings.Contains(evidence, "gone") {
			t.Fatalf("kill: %q, %v", evidence, err)
		}
		if _, err := killer.Kill(ctx, "n2"); !errors.Is(err, cluster.ErrSkipped) {
			t.Errorf("killing the dead: %v", err)
		}
		if _, err := c.(cluster.Pauser).Pause(ctx, "n2"); !errors.Is(err, cluster.ErrSkipped) {
			t.Errorf("pausing the dead: %v", err)
		}
		if _, err := c.Connect(ctx, "n2"); !cluster.IsDefinite(err) {
			t.Errorf("connecting to the dead: %v", err)
		}
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if err := conns["n2"].Write(short, 4, 2); !cluster.IsDefinite(err) {
			t.Errorf("a write to the dead, which had said goodbye: %v", err)
		}
		// A node that comes back under a cut comes back cut off.
		must(t, cutter.Cut(ctx, cluster.Grudge{"n2": {"n1", "n3"}}))
		must(t, killer.Restart(ctx, "n2"))
		must(t, killer.Restart(ctx, "n2"))
		eventually(t, "dropped packets after the restart", func() bool {
			n, err := cutter.Dropped(ctx)
			return err == nil && n > 0
		})
		if err := c.(cluster.Health).Healthy(ctx, "n2"); err == nil {
			t.Error("the restarted node hears its peers through the cut")
		}
		must(t, cutter.Uncut(ctx))
		eventually(t, "n2 answers again", func() bool { return c.(cluster.Health).Healthy(ctx, "n2") == nil })
		if v, _, err := dial(t, c, "n2").Read(ctx, 4); err != nil || v != 1 {
			t.Errorf("after the restart n2 reads %d, %v", v, err)
		}
		eventually(t, "telemetry of the kill", func() bool {
			return slices.Equal(seen.of(history.EventNodeDown, "n2"), []string{"killed"}) && len(seen.of(history.EventNodeUp, "n2")) == 2
		})
	})

	t.Run("pause", func(t *testing.T) {
		pauser := c.(cluster.Pauser)
		evidence, err := pauser.Pause(ctx, "n3")
		if err != nil || !strings.Contains(evidence, "frozen") {
			t.Fatalf("pause: %q, %v", evidence, err)
		}
		if _, err := c.(cluster.Killer).Kill(ctx, "n3"); !errors.Is(err, cluster.ErrSkipped) {
			t.Errorf("killing the frozen: %v", err)
		}
		if err := c.(cluster.Health).Healthy(ctx, "n3"); err == nil {
			t.Error("a frozen node answers")
		}
		for range 2 {
			must(t, pauser.Resume(ctx, "n3"))
		}
		eventually(t, "n3 answers again", func() bool { return c.(cluster.Health).Healthy(ctx, "n3") == nil })
	})

	t.Run("death", func(t *testing.T) {
		// Behind the harness's back, as a crash would be.
		out, err := exec.Command("docker", "inspect", "--format", "{{.State.Pid}}", "faultline-"+spec.RunID+"-n1").CombinedOutput()
		if err != nil {
			t.Skipf("no docker command to find a node by: %v: %s", err, out)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
		must(t, err)
		must(t, syscall.Kill(pid, syscall.SIGABRT))
		eventually(t, "telemetry of the death", func() bool {
			down := seen.of(history.EventNodeDown, "n1")
			return len(down) == 1 && strings.Contains(down[0], "by itself")
		})
	})

	must(t, c.Close(context.WithoutCancel(ctx)))
	closed = true
	for _, n := range c.Nodes() {
		log, err := os.ReadFile(filepath.Join(spec.Dir, "nodes", n, "node.log"))
		if err != nil || !strings.Contains(string(log), "etcd") {
			t.Errorf("log of %s: %d bytes, %v", n, len(log), err)
		}
	}
	if traces := hostTraces(t, subnet); len(traces) > 0 {
		t.Errorf("the run left on this machine:\n%s", strings.Join(traces, "\n"))
	}
	left, err := exec.Command("docker", "ps", "-aq", "--filter", "label=faultline.run="+spec.RunID).Output()
	if err == nil && len(left) > 0 {
		t.Errorf("containers are left: %s", left)
	}
}

func testLock(t *testing.T, c cluster.Cluster, conns map[string]*conn) {
	ctx := t.Context()
	first, err := conns["n1"].Acquire(ctx, 1)
	must(t, err)
	if _, err := conns["n2"].Acquire(ctx, 1); !cluster.IsDefinite(err) || !errors.Is(err, errHeld) {
		t.Errorf("a lock that somebody else holds: %v", err)
	}
	if err := conns["n2"].Release(ctx, 1); !cluster.IsDefinite(err) {
		t.Errorf("giving back what somebody else holds: %v", err)
	}
	must(t, conns["n1"].Release(ctx, 1))
	second, err := conns["n2"].Acquire(ctx, 1)
	if err != nil || second <= first {
		t.Errorf("token %d after %d, %v", second, first, err)
	}
	// Behind the holder's back, as when it could not keep its lease alive for too long.
	_, err = conns["n3"].etcd.Revoke(ctx, conns["n2"].session.lease)
	must(t, err)
	third, err := conns["n3"].Acquire(ctx, 1)
	if err != nil || third <= second {
		t.Errorf("token %d after %d, %v", third, second, err)
	}
	if err := conns["n2"].Release(ctx, 1); !cluster.IsDefinite(err) || !errors.Is(err, errLost) {
		t.Errorf("giving back a lock whose lease is gone: %v", err)
	}
	must(t, conns["n3"].Release(ctx, 1))
	eventually(t, "a lock with a new lease", func() bool {
		_, err := conns["n2"].Acquire(ctx, 1)
		return err == nil
	})
	// A holder that is gone loses its lock with its lease, and not before.
	gone := dial(t, c, "n1")
	_, err = gone.Acquire(ctx, 2)
	must(t, err)
	must(t, gone.Close())
	if _, err := conns["n3"].Acquire(ctx, 2); !errors.Is(err, errHeld) {
		t.Errorf("a lock whose holder has just gone: %v", err)
	}
	eventually(t, "the lock of a holder that is gone", func() bool {
		_, err := conns["n3"].Acquire(ctx, 2)
		return err == nil
	})
}

func dial(t *testing.T, c cluster.Cluster, node string) *conn {
	t.Helper()
	connection, err := c.Connect(t.Context(), node)
	must(t, err)
	t.Cleanup(func() { connection.Close() })
	return connection.(*conn)
}

func currentLeader(t *testing.T, c cluster.Cluster) string {
	t.Helper()
	var leaders []string
	eventually(t, "a leader", func() (ok bool) {
		var err error
		leaders, err = c.(cluster.LeaderTeller).Leaders(t.Context())
		return err == nil && len(leaders) > 0
	})
	return leaders[0]
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
