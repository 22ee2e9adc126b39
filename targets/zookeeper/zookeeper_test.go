package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/targets/docker"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestClassify: what was under way when the connection broke is in doubt.
func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err      error
		definite bool
	}{
		{zk.ErrNoServer, true},
		{zk.ErrBadVersion, true},
		{fmt.Errorf("create: %w", zk.ErrNodeExists), true},
		{zk.ErrConnectionClosed, false},
		{zk.ErrSessionExpired, false},
		{zk.ErrClosing, false},
		{context.DeadlineExceeded, false},
	} {
		if got := cluster.IsDefinite(classify(c.err)); got != c.definite {
			t.Errorf("%v: definite %v", c.err, got)
		}
	}
	if !errors.Is(classify(zk.ErrNoServer), cluster.ErrDisconnected) {
		t.Error("without a server the process goes on")
	}
}

// TestParseServer reads what servers answer to srvr.
func TestParseServer(t *testing.T) {
	for _, c := range []struct {
		answer string
		leads  bool
		epoch  uint64
		fails  bool
	}{
		{"Zookeeper version: 3.9.5\nZxid: 0x300000002\nMode: leader\nNode count: 5\n", true, 3, false},
		{"Zxid: 0x200000001\nMode: follower\n", false, 2, false},
		{"Zxid: 0x0\nMode: standalone\n", true, 0, false},
		{"This ZooKeeper instance is not currently serving requests\n", false, 0, true},
		{"Zxid: what\nMode: leader\n", false, 0, true},
	} {
		leads, epoch, err := parseServer(strings.NewReader(c.answer))
		if leads != c.leads || epoch != c.epoch || (err != nil) != c.fails {
			t.Errorf("%q: %v, %d, %v", c.answer, leads, epoch, err)
		}
	}
}

func TestPromises(t *testing.T) {
	for sync, want := range map[string]string{"false": "sequential", "true": "linearizable"} {
		o, err := cluster.Resolve(Target.Options, map[string]string{"sync": sync})
		must(t, err)
		if got := promises(o)[0].Model; string(got) != want {
			t.Errorf("sync=%s promises %s", sync, got)
		}
	}
	for _, bad := range []string{"3.4.14", "latest", "3.9"} {
		if checkVersion(bad) == nil {
			t.Errorf("version %s was taken", bad)
		}
	}
}

// TestThreeServers uses every data model, by way of one server and another, and goes on
// when the leader has been killed.
func TestThreeServers(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: containers take seconds")
	}
	if os.Geteuid() != 0 {
		t.Skip("reaching into containers takes root")
	}
	options, err := cluster.Resolve(Target.Options, map[string]string{"sync": "true"})
	must(t, err)
	c, err := Target.Open[cluster.Docker](t.Context(), cluster.Spec{
		Nodes: []string{"n1", "n2", "n3"}, Options: options, RunID: fmt.Sprintf("zookeeper-test-%d-%d", os.Getpid(), time.Now().UnixNano()%1e6),
		Dir: t.TempDir(), Log: io.Discard, Note: func(history.Event) {},
	})
	if errors.Is(err, docker.ErrUnavailable) {
		t.Skip(err)
	}
	must(t, err)
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	must(t, c.Start(t.Context()))
	ctx := t.Context()
	client := func(n string) *conn {
		opened, err := c.Connect(ctx, n)
		must(t, err)
		return opened.(*conn)
	}
	a, b := client("n1"), client("n2")
	must(t, a.Write(ctx, 1, 10))
	must(t, b.Write(ctx, 1, 11))
	must(t, a.CompareAndSet(ctx, 1, 11, 12))
	var m *cluster.Mismatch
	if err := b.CompareAndSet(ctx, 1, 11, 13); !errors.As(err, &m) || !m.Observed || m.Value != 12 {
		t.Errorf("a compare-and-set of what is not there: %v", err)
	}
	if v, found, err := b.Read(ctx, 1); v != 12 || !found || err != nil {
		t.Errorf("read %d, %v, %v", v, found, err)
	}
	if _, found, err := b.Read(ctx, 2); found || err != nil {
		t.Errorf("a znode that nobody made: %v, %v", found, err)
	}
	for i := range int64(3) {
		must(t, a.Add(ctx, 1, i))
		must(t, a.Append(ctx, 1, i+10))
		must(t, a.Increment(ctx, 1, 5))
	}
	set, err := b.ReadAll(ctx, 1)
	if slices.Sort(set); err != nil || !slices.Equal(set, []int64{0, 1, 2}) {
		t.Errorf("the set holds %v, %v", set, err)
	}
	if list, err := b.ReadList(ctx, 1); err != nil || !slices.Equal(list, []int64{10, 11, 12}) {
		t.Errorf("the list is %v, %v", list, err)
	}
	if n, err := b.ReadCounter(ctx, 1); err != nil || n != 15 {
		t.Errorf("the counter is %d, %v", n, err)
	}

	first, err := a.Acquire(ctx, 1)
	must(t, err)
	if _, err := b.Acquire(ctx, 1); !cluster.IsDefinite(err) {
		t.Errorf("a lock that is held: %v", err)
	}
	must(t, a.Close()) // the session ends, and the lock with it
	second, err := b.Acquire(ctx, 1)
	must(t, err)
	if second <= first {
		t.Errorf("the fencing token went from %d to %d", first, second)
	}
	must(t, b.Release(ctx, 1))
	if err := b.Release(ctx, 1); !cluster.IsDefinite(err) {
		t.Errorf("a lock that was released: %v", err)
	}
	must(t, b.Close())

	leaders, err := c.(cluster.LeaderTeller).Leaders(ctx)
	if err != nil || len(leaders) != 1 {
		t.Fatalf("leaders %v, %v", leaders, err)
	}
	_, err = c.(cluster.Killer).Kill(ctx, leaders[0])
	must(t, err)
	other := map[string]string{"n1": "n2", "n2": "n3", "n3": "n1"}[leaders[0]]
	for limit := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if opened, err := c.Connect(ctx, other); err == nil {
			v, _, err := opened.(*conn).Read(ctx, 1)
			opened.Close()
			if err == nil && v == 12 {
				break
			}
		}
		if time.Now().After(limit) {
			t.Fatal("the survivors never served")
		}
	}
	must(t, c.(cluster.Killer).Restart(ctx, leaders[0]))
}
