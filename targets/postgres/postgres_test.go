package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

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

func resolve(t *testing.T, set map[string]string) cluster.Options {
	t.Helper()
	o, err := cluster.Resolve(Target.Options, set)
	must(t, err)
	return o
}

// TestClassify: what a server refused before it committed did not happen; all else is in doubt.
func TestClassify(t *testing.T) {
	for code, definite := range map[string]bool{
		"25006": true, "40001": true, "40P01": true, "53300": true, "57P03": true, "23505": true,
		"40003": false, "57P01": false, "57P02": false, "57014": false, "08006": false, "58030": false, "XX000": false, "": false,
	} {
		if got := cluster.IsDefinite(classify(fmt.Errorf("exec: %w", &pgconn.PgError{Code: code}))); got != definite {
			t.Errorf("%q: definite %v", code, got)
		}
	}
	for _, err := range []error{io.ErrUnexpectedEOF, context.DeadlineExceeded, net.ErrClosed} {
		if cluster.IsDefinite(classify(err)) {
			t.Errorf("%v is definite", err)
		}
	}
	if err := warned(&pgconn.Notice{Code: "01000", Message: "canceling wait for synchronous replication due to user request"}); err == nil || cluster.IsDefinite(classify(err)) {
		t.Errorf("a commit that no replica has: %v", err)
	}
}

// TestSettings: the lock outlasts a round and two retries, as Patroni asks.
func TestSettings(t *testing.T) {
	all := []docker.Node{{Name: "n1", Index: 1, Addr: netip.MustParseAddr("10.0.0.2")}}
	for _, lease := range []string{"10", "11", "20", "120"} {
		var got struct {
			Bootstrap struct {
				DCS struct {
					TTL    int  `json:"ttl"`
					Loop   int  `json:"loop_wait"`
					Retry  int  `json:"retry_timeout"`
					Sync   bool `json:"synchronous_mode"`
					Strict bool `json:"synchronous_mode_strict"`
				} `json:"dcs"`
			} `json:"bootstrap"`
		}
		must(t, json.Unmarshal(patroniSettings(all[0], all, resolve(t, map[string]string{leaseTime: lease, commit: synchronous})), &got))
		if d := got.Bootstrap.DCS; d.Loop+2*d.Retry > d.TTL || d.Retry < 3 || !d.Sync || !d.Strict {
			t.Errorf("ttl %s: %+v", lease, d)
		}
	}
}

func TestPromises(t *testing.T) {
	for _, c := range []struct {
		set  map[string]string
		want int
	}{
		{nil, 0},
		{map[string]string{commit: synchronous}, 1},
		{map[string]string{commit: synchronous, level: localFlush}, 0},
		{map[string]string{commit: synchronous, reads: replica}, 0},
	} {
		if got := promises(resolve(t, c.set)); len(got) != c.want {
			t.Errorf("%v: %v", c.set, got)
		}
	}
}

// TestOnce: a session never dials again, so that nothing is cancelled.
func TestOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	var o once
	_, err = o.dial(t.Context(), "tcp", l.Addr().String())
	must(t, err)
	defer o.close()
	if _, err := o.dial(t.Context(), "tcp", l.Addr().String()); !errors.Is(err, errOnce) {
		t.Errorf("a second time: %v", err)
	}
}

// TestThreeNodes uses every data model by way of one node and another, then has a commit
// wait for replicas that are gone.
func TestThreeNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: containers take seconds")
	}
	if os.Geteuid() != 0 {
		t.Skip("reaching into containers takes root")
	}
	c, err := Target.Open[cluster.Docker](t.Context(), cluster.Spec{
		Nodes: []string{"n1", "n2", "n3"}, Options: resolve(t, map[string]string{commit: synchronous}),
		RunID: fmt.Sprintf("postgres-test-%d-%d", os.Getpid(), time.Now().UnixNano()%1e6),
		Dir:   t.TempDir(), Log: io.Discard, Note: func(history.Event) {},
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
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	must(t, c.Start(ctx))
	client := func(n string) *conn {
		opened, err := c.Connect(ctx, n)
		must(t, err)
		return opened.(*conn)
	}
	a, b := client("n1"), client("n2")
	defer a.Close()
	defer b.Close()
	must(t, a.Write(ctx, 1, 10))
	must(t, b.Write(ctx, 1, 11))
	must(t, a.CompareAndSet(ctx, 1, 11, 12))
	var m *cluster.Mismatch
	if err := b.CompareAndSet(ctx, 1, 11, 13); !errors.As(err, &m) || m.Observed {
		t.Errorf("a compare-and-set of what is not there: %v", err)
	}
	if v, found, err := b.Read(ctx, 1); v != 12 || !found || err != nil {
		t.Errorf("read %d, %v, %v", v, found, err)
	}
	if _, found, err := b.Read(ctx, 2); found || err != nil {
		t.Errorf("a row that nobody made: %v, %v", found, err)
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

	leaders, err := c.(cluster.LeaderTeller).Leaders(ctx)
	if err != nil || len(leaders) != 1 {
		t.Fatalf("leaders %v, %v", leaders, err)
	}
	standbys := 0
	for _, n := range c.Nodes() {
		near := client(n)
		h := &conn{node: near.node, readHome: true}
		must(t, near.Close())
		s, err := h.of(ctx, false)
		must(t, err)
		if s.standby() {
			standbys++
		}
		if s.standby() == (n == leaders[0]) {
			t.Errorf("%s is a standby: %v, and %s leads", n, s.standby(), leaders[0])
		}
		must(t, h.Close())
	}
	if standbys != 2 {
		t.Errorf("%d standbys", standbys)
	}
	w := client(leaders[0])
	defer w.Close()
	for _, n := range c.Nodes() {
		if n != leaders[0] {
			_, err := c.(cluster.Pauser).Pause(ctx, n)
			must(t, err)
		}
	}
	waits, stop := context.WithTimeout(ctx, 2*time.Second)
	defer stop()
	if err := w.Add(waits, 1, 99); err == nil || cluster.IsDefinite(err) {
		t.Errorf("a commit without a replica: %v", err)
	}
}
