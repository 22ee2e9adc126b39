package galera

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

func start(t *testing.T, settings map[string]string, nodes ...string) cluster.Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: containers take seconds")
	}
	if os.Geteuid() != 0 {
		t.Skip("reaching into containers takes root")
	}
	options, err := cluster.Resolve(Target.Options, settings)
	must(t, err)
	c, err := Target.Open[cluster.Docker](t.Context(), cluster.Spec{
		Nodes: nodes, Options: options, RunID: fmt.Sprintf("galera-test-%d-%d", os.Getpid(), time.Now().UnixNano()%1e6),
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

func dial(t *testing.T, c cluster.Cluster, node string) *conn {
	t.Helper()
	opened, err := c.Connect(t.Context(), node)
	must(t, err)
	t.Cleanup(func() { opened.Close() })
	return opened.(*conn)
}

// TestLife uses a cluster in every data model, by way of one node and another, then kills
// all its nodes at once: what was acknowledged is there when they are back.
func TestLife(t *testing.T) {
	c := start(t, map[string]string{syncWait: "7"}, "n1", "n2", "n3")
	ctx := t.Context()
	one, two := dial(t, c, "n1"), dial(t, c, "n2")
	must(t, one.Write(ctx, 1, 7))
	must(t, two.CompareAndSet(ctx, 1, 7, 8))
	must(t, two.CompareAndSet(ctx, 1, 8, 8))
	var m *cluster.Mismatch
	if err := one.CompareAndSet(ctx, 1, 7, 9); !errors.As(err, &m) {
		t.Errorf("a compare-and-set of what is not there: %v", err)
	}
	if _, found, err := one.Read(ctx, 2); found || err != nil {
		t.Errorf("a register that nobody wrote: %v, %v", found, err)
	}
	for i := range int64(4) {
		from := []*conn{one, two}[i%2]
		from.transaction = i > 1
		must(t, from.Add(ctx, 1, i))
		must(t, from.Append(ctx, 1, i))
		must(t, from.Increment(ctx, 1, 5))
	}
	check := func(by *conn) {
		t.Helper()
		if v, _, err := by.Read(ctx, 1); v != 8 || err != nil {
			t.Errorf("the register is %d, %v", v, err)
		}
		set, err := by.ReadAll(ctx, 1)
		if slices.Sort(set); !slices.Equal(set, []int64{0, 1, 2, 3}) || err != nil {
			t.Errorf("the set is %v, %v", set, err)
		}
		if list, err := by.ReadList(ctx, 1); !slices.Equal(list, []int64{0, 1, 2, 3}) || err != nil {
			t.Errorf("the list is %v, %v", list, err)
		}
		if n, err := by.ReadCounter(ctx, 1); n != 20 || err != nil {
			t.Errorf("the counter is %d, %v", n, err)
		}
	}
	check(dial(t, c, "n3"))
	for _, n := range c.Nodes() {
		_, err := c.(cluster.Killer).Kill(ctx, n)
		must(t, err)
	}
	for _, n := range c.Nodes() {
		must(t, c.(cluster.Killer).Restart(ctx, n))
	}
	for _, n := range c.Nodes() {
		limit := time.Now().Add(time.Minute)
		for c.(cluster.Health).Healthy(ctx, n) != nil {
			if time.Now().After(limit) {
				t.Fatalf("%s did not come back after a crash of all", n)
			}
			time.Sleep(100 * time.Millisecond)
		}
		check(dial(t, c, n))
	}
}
