package host_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/dynamo"
	"github.com/faultline-dev/faultline/targets/host"
)

// TestMain lets the test binary be a node, as the user's program is in a container.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "node" {
		err := host.Command(context.Background(), os.Args[2:], []cluster.Target{dynamo.Target})
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var atomically = map[string]string{"mode": "abd"}

// world is three nodes of a store, each served by serve.
type world struct {
	*testing.T
	peers []host.Peer
	dirs  []string
	stops []func()
	// serve starts a node; stop ends it.
	serve func(w *world, i int) (stop func())
}

func newWorld(t *testing.T, serve func(*world, int) func()) *world {
	w := &world{T: t, serve: serve, stops: make([]func(), 3)}
	for i := range 3 {
		w.peers = append(w.peers, host.Peer{ID: node.ID("n" + strconv.Itoa(i+1)), Addr: freeAddr(t)})
		w.dirs = append(w.dirs, t.TempDir())
	}
	t.Cleanup(func() {
		for i := range w.stops {
			w.stop(i)
		}
	})
	for i := range w.stops {
		w.start(i)
	}
	return w
}

func (w *world) start(i int) { w.stops[i] = w.serve(w, i) }

func (w *world) stop(i int) {
	if w.stops[i] != nil {
		w.stops[i]()
		w.stops[i] = nil
	}
}

// freeAddr is an address that a node can come back to: its port is below those that the
// kernel gives to outgoing connections, which would take it while the node is down.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.IntN(12_000)))
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr
		}
	}
	t.Fatal("no free port between 20000 and 32000")
	return ""
}

// eventually does something through node i until it succeeds.
func (w *world) eventually(i int, do func(context.Context, cluster.Register) error) {
	w.Helper()
	options, err := cluster.Resolve(dynamo.Target.Options, atomically)
	if err != nil {
		w.Fatal(err)
	}
	system, err := dynamo.Target.Reference.System(options)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.Context(), 30*time.Second)
	defer cancel()
	for {
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			c, err := host.Dial(ctx, w.peers[i].Addr, system.Codec)
			if err != nil {
				return err
			}
			conn := dynamo.Target.Reference.Client(c, options)
			defer conn.Close()
			return do(ctx, conn.(cluster.Register))
		}()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			w.Fatalf("node %s: %v", w.peers[i].ID, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (w *world) write(i int, key, value int64) {
	w.Helper()
	w.eventually(i, func(ctx context.Context, r cluster.Register) error { return r.Write(ctx, key, value) })
}

func (w *world) expect(i int, key, value int64) {
	w.Helper()
	w.eventually(i, func(ctx context.Context, r cluster.Register) error {
		got, found, err := r.Read(ctx, key)
		if err == nil && (!found || got != value) {
			w.Fatalf("node %s has %d (found: %t) at %d instead of %d", w.peers[i].ID, got, found, key, value)
		}
		return err
	})
}

// story is what must hold however the nodes are run.
func (w *world) story() {
	for key := range int64(5) {
		w.write(0, key, 10+key)
		w.expect(1, key, 10+key)
	}
	w.stop(2)
	for key := range int64(5) {
		w.write(1, key, 20+key) // two of three go on
	}
	w.start(2)
	for key := range int64(5) {
		w.expect(2, key, 20+key)
	}
	for i := range w.peers { // nothing lives on but what the disks hold
		w.stop(i)
	}
	for i := range w.peers {
		w.start(i)
	}
	for key := range int64(5) {
		w.expect(int(key)%3, key, 20+key)
	}
}

func TestNodesOfOneProcess(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("story", func(t *testing.T) {
		newWorld(t, func(w *world, i int) func() {
			options, err := cluster.Resolve(dynamo.Target.Options, atomically)
			if err != nil {
				t.Fatal(err)
			}
			system, err := dynamo.Target.Reference.System(options)
			if err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("tcp", w.peers[i].Addr)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() {
				ended <- host.Serve(ctx, l, host.Config{System: system, ID: w.peers[i].ID, Peers: w.peers, Dir: w.dirs[i]})
			}()
			return func() {
				cancel()
				if err := <-ended; err != nil {
					t.Errorf("node %s: %v", w.peers[i].ID, err)
				}
			}
		}).story()
	})
	leaked := func() bool { return runtime.NumGoroutine() > before }
	for end := time.Now().Add(10 * time.Second); leaked() && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if leaked() {
		stacks := make([]byte, 1<<20)
		t.Errorf("%d goroutines became %d:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
	}
}

func TestNodesOfTheirOwnProcesses(t *testing.T) {
	for _, how := range []os.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(how.String(), func(t *testing.T) {
			newWorld(t, func(w *world, i int) func() {
				cmd := exec.Command(os.Args[0], append([]string{"node"},
					host.Args("dynamo", atomically, w.peers[i].ID, w.peers, w.dirs[i], w.peers[i].Addr)...)...)
				var stderr strings.Builder
				cmd.Stderr = &stderr
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				// A signal that comes before the handler is in place ends a process rudely.
				w.eventually(i, func(context.Context, cluster.Register) error { return nil })
				return func() {
					if err := cmd.Process.Signal(how); err != nil {
						t.Error(err)
					}
					if err := cmd.Wait(); err != nil && how == syscall.SIGTERM {
						t.Errorf("node %s did not stop in peace: %v\n%s", w.peers[i].ID, err, stderr.String())
					}
				}
			}).story()
		})
	}
}

func TestBadCommandLines(t *testing.T) {
	good := host.Args("dynamo", atomically, "n1", []host.Peer{{ID: "n1", Addr: "127.0.0.1:1"}}, t.TempDir(), "127.0.0.1:0")
	with := func(args ...string) []string { return append(append([]string(nil), good...), args...) }
	for _, c := range []struct {
		args []string
		want string
	}{
		{with("--target", "dynamoo"), `did you mean`},
		{with("--id", "n2"), `node "n2" is not among the peers`},
		{with("--peers", "n1"), `not of the form name=host:port`},
		{with("--peers", "n1=127.0.0.1:2"), `twice`},
		{with("--set", "mode"), `not of the form name=value`},
		{with("--set", "mode=none"), `option mode`},
		{with("--set", "no=1"), `no`},
		{with("extra"), `unexpected argument "extra"`},
		{good[2:], `--target is missing`},
		{with("--listen", "nowhere"), `listen`},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err := host.Command(ctx, c.args, []cluster.Target{dynamo.Target})
		cancel()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, which lacks %q", c.args, err, c.want)
		}
	}
	if err := host.Command(context.Background(), good, nil); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("without any target: %v", err)
	}
}
