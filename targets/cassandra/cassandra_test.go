package cassandra

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

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

func options(t *testing.T, settings map[string]string) cluster.Options {
	t.Helper()
	o, err := cluster.Resolve(Target.Options, settings)
	must(t, err)
	return o
}

// TestClassify: a write did not happen only if the coordinator had sent nothing.
func TestClassify(t *testing.T) {
	for _, c := range []struct {
		name        string
		err         error
		transaction bool
		definite    bool
	}{
		{"no connection", gocql.ErrNoConnections, false, true},
		{"too few replicas", fmt.Errorf("write: %w", &gocql.RequestErrUnavailable{}), false, true},
		{"too few replicas for a transaction, maybe after it was accepted", &gocql.RequestErrUnavailable{}, true, false},
		{"write timeout", &gocql.RequestErrWriteTimeout{}, false, false},
		{"write failure", &gocql.RequestErrWriteFailure{}, false, false},
		{"outcome of a transaction unknown", &gocql.RequestErrCASWriteUnknown{}, true, false},
		{"no answer", gocql.ErrTimeoutNoResponse, false, false},
		{"connection closed", gocql.ErrConnectionClosed, false, false},
		{"deadline", context.DeadlineExceeded, false, false},
		{"hung up", io.EOF, true, false},
	} {
		if got := cluster.IsDefinite(classify(c.err, c.transaction)); got != c.definite {
			t.Errorf("%s: definite %v", c.name, got)
		}
	}
	if !errors.Is(classify(gocql.ErrNoConnections, true), cluster.ErrDisconnected) {
		t.Error("without a connection the process goes on")
	}
	if classify(nil, true) != nil {
		t.Error("no error became one")
	}
}

// TestToken: nodes share the ring equally, from its beginning.
func TestToken(t *testing.T) {
	for want, got := range map[string]string{
		"-9223372036854775808": token(1, 3), "-3074457345618258603": token(2, 3), "3074457345618258602": token(3, 3), "0": token(2, 2),
	} {
		if got != want {
			t.Errorf("token %s, want %s", got, want)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, bad := range []map[string]string{{"version": "4.1.0"}, {"consistency": "two"}, {"heap": "big"}} {
		if _, err := cluster.Resolve(Target.Options, bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	if got := promises(options(t, map[string]string{"consistency": "one"})); got != nil {
		t.Errorf("ONE promises %v", got)
	}
}

// TestThreeNodes writes and reads through all nodes, plainly and by transactions, and shows
// the coordinator's clock at work: what a node that is ahead has written wins over what
// another one writes later.
func TestThreeNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: containers take seconds")
	}
	if os.Geteuid() != 0 {
		t.Skip("reaching into containers takes root")
	}
	c, err := Target.Open[cluster.Docker](t.Context(), cluster.Spec{
		Nodes: []string{"n1", "n2", "n3"}, Options: options(t, nil), RunID: fmt.Sprintf("cassandra-test-%d-%d", os.Getpid(), time.Now().UnixNano()%1e6),
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
	var plain, lwt []*conn
	for _, n := range c.Nodes() {
		opened, err := c.Connect(ctx, n)
		must(t, err)
		defer opened.Close()
		plain = append(plain, opened.(*conn))
		lwt = append(lwt, &conn{session: opened.(*conn).session, lwt: true})
	}
	for i := range int64(3) {
		must(t, plain[i].Write(ctx, i, i+10))
		must(t, lwt[i].Write(ctx, 100, i+20))
		must(t, plain[i].Add(ctx, 0, i))
		must(t, lwt[i].Add(ctx, 1, i))
		must(t, lwt[i].Add(ctx, 1, 0))
	}
	for i := range int64(3) {
		next := (i + 1) % 3
		if v, found, err := plain[next].Read(ctx, i); v != i+10 || !found || err != nil {
			t.Errorf("read %d, %v, %v", v, found, err)
		}
		if v, found, err := lwt[next].Read(ctx, 100); v != 22 || !found || err != nil {
			t.Errorf("read %d, %v, %v by a transaction", v, found, err)
		}
		for key := range int64(2) {
			all, err := plain[i].ReadAll(ctx, key)
			if slices.Sort(all); err != nil || !slices.Equal(all, []int64{0, 1, 2}) {
				t.Errorf("set %d holds %v, %v", key, all, err)
			}
		}
	}
	if _, found, err := lwt[0].Read(ctx, 101); found || err != nil {
		t.Errorf("a row that nobody wrote: %v, %v", found, err)
	}
	if err := plain[0].CompareAndSet(ctx, 100, 22, 23); !errors.Is(err, cluster.ErrUnsupported) {
		t.Errorf("compare-and-set without transactions: %v", err)
	}
	must(t, lwt[0].CompareAndSet(ctx, 100, 22, 23))
	var m *cluster.Mismatch
	if err := lwt[1].CompareAndSet(ctx, 100, 22, 24); !errors.As(err, &m) || !m.Found || m.Value != 23 {
		t.Errorf("a compare-and-set of what is not there: %v", err)
	}
	if err := lwt[1].CompareAndSet(ctx, 102, 1, 2); !errors.As(err, &m) || m.Found {
		t.Errorf("a compare-and-set of a row that is not there: %v", err)
	}

	skewer := c.(cluster.ClockSkewer)
	must(t, skewer.Skew(ctx, "n2", time.Minute, 1))
	must(t, plain[1].Write(ctx, 7, 1))
	must(t, plain[0].Write(ctx, 7, 2))
	if v, _, err := plain[2].Read(ctx, 7); v != 1 || err != nil {
		t.Errorf("read %d, %v; the clock that is a minute ahead should have won", v, err)
	}
	must(t, skewer.Skew(ctx, "n2", 0, 1))
}
