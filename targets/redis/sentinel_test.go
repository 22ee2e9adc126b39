package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

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

func start(t *testing.T, target cluster.Target, settings map[string]string, nodes ...string) cluster.Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: containers take seconds")
	}
	if os.Geteuid() != 0 {
		t.Skip("reaching into containers takes root")
	}
	options, err := cluster.Resolve(target.Options, settings)
	must(t, err)
	c, err := target.Open[cluster.Docker](t.Context(), cluster.Spec{
		Nodes: nodes, Options: options, RunID: fmt.Sprintf("%s-test-%d-%d", target.Name, os.Getpid(), time.Now().UnixNano()%1e6),
		Dir: t.TempDir(), Log: io.Discard, Note: func(history.Event) {},
	})
	if errors.Is(err, docker.ErrUnavailable) {
		t.Skip(err)
	}
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	must(t, c.Start(t.Context()))
	return c
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

// useAll writes by way of one node and reads by way of another, in every data model.
func useAll(t *testing.T, writer, reader *conn, key int64) {
	t.Helper()
	ctx := t.Context()
	must(t, writer.Write(ctx, key, 1))
	must(t, writer.CompareAndSet(ctx, key, 1, 2))
	var m *cluster.Mismatch
	if err := writer.CompareAndSet(ctx, key, 1, 3); !errors.As(err, &m) || m.Value != 2 {
		t.Errorf("a compare-and-set of what is not there: %v", err)
	}
	if v, found, err := reader.Read(ctx, key); v != 2 || !found || err != nil {
		t.Errorf("read %d, %v, %v", v, found, err)
	}
	if _, found, err := reader.Read(ctx, key+1<<20); found || err != nil {
		t.Errorf("a key that nobody wrote: %v, %v", found, err)
	}
	for i := range int64(3) {
		must(t, writer.Add(ctx, key, i))
		must(t, writer.Append(ctx, key, 10+i))
		must(t, writer.Increment(ctx, key, 5))
	}
	set, err := reader.ReadAll(ctx, key)
	must(t, err)
	if slices.Sort(set); !slices.Equal(set, []int64{0, 1, 2}) {
		t.Errorf("the set holds %v", set)
	}
	if list, err := reader.ReadList(ctx, key); err != nil || !slices.Equal(list, []int64{10, 11, 12}) {
		t.Errorf("the list is %v, %v", list, err)
	}
	if n, err := reader.ReadCounter(ctx, key); err != nil || n != 15 {
		t.Errorf("the counter is %d, %v", n, err)
	}
}

// connected is a client of one node.
func connected(t *testing.T, c cluster.Cluster, node string) *conn {
	t.Helper()
	opened, err := c.Connect(t.Context(), node)
	must(t, err)
	t.Cleanup(func() { opened.Close() })
	return opened.(*conn)
}

// TestFailover kills the primary: the sentinels name another one, whom clients then use,
// and the old one comes back as a replica.
func TestFailover(t *testing.T) {
	c := start(t, Sentinel, map[string]string{waitFor: "1"}, "n1", "n2", "n3")
	leaders := func() []string { l, _ := c.(cluster.LeaderTeller).Leaders(t.Context()); return l }
	if l := leaders(); !slices.Equal(l, []string{"n1"}) {
		t.Fatalf("leaders %v", l)
	}
	second := connected(t, c, "n2")
	useAll(t, second, connected(t, c, "n3"), 0)
	_, err := c.(cluster.Killer).Kill(t.Context(), "n1")
	must(t, err)
	eventually(t, "a write through a surviving node", func() bool { return second.Write(t.Context(), 7, 8) == nil })
	must(t, c.(cluster.Killer).Restart(t.Context(), "n1"))
	eventually(t, "one leader, and not the first", func() bool { l := leaders(); return len(l) == 1 && l[0] != "n1" })
	eventually(t, "the value through the node that was gone", func() bool {
		back, err := c.Connect(t.Context(), "n1")
		if err != nil {
			return false
		}
		defer back.Close()
		v, _, err := back.(*conn).Read(t.Context(), 7)
		return err == nil && v == 8
	})
}
