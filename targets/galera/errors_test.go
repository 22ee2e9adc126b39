package galera

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// TestClassify: only what certainly left nothing behind is definite.
func TestClassify(t *testing.T) {
	for _, c := range []struct {
		name     string
		err      error
		definite bool
	}{
		{"conflict", &mysql.MySQLError{Number: 1213}, true},
		{"not in the primary component", &mysql.MySQLError{Number: 1047}, true},
		{"waited too long", &mysql.MySQLError{Number: 1205}, true},
		{"changed since the snapshot", &mysql.MySQLError{Number: 1020}, true},
		{"error during commit", &mysql.MySQLError{Number: 1180}, false},
		{"shutting down", &mysql.MySQLError{Number: 1053}, false},
		{"killed", &mysql.MySQLError{Number: 1927}, false},
		{"there already", &mysql.MySQLError{Number: 1062}, false},
		{"lost connection", mysql.ErrInvalidConn, false},
		{"deadline", context.DeadlineExceeded, false},
		{"reading failed", &net.OpError{Op: "read", Err: errors.New("reset")}, false},
		{"nothing was sent", driver.ErrBadConn, true},
		{"nobody there", &net.OpError{Op: "dial", Err: errors.New("refused")}, true},
	} {
		if err := classify(t.Context(), c.err); err == nil || cluster.IsDefinite(err) != c.definite {
			t.Errorf("%s: definite is to be %v: %v", c.name, c.definite, err)
		}
	}
	if err := uncommitted(t.Context(), mysql.ErrInvalidConn); !cluster.IsDefinite(err) || !errors.Is(err, cluster.ErrDisconnected) {
		t.Errorf("before the commit: %v", err)
	}
}

// TestUnsent: a node that is not there has not been sent anything.
func TestUnsent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := connect(ctx, addr, cluster.Options{}); !cluster.IsDefinite(err) {
		t.Errorf("connecting to nobody: %v", err)
	}
}

func TestPromises(t *testing.T) {
	for wait, want := range map[string]int{"0": 0, "1": 1, "7": 1} {
		if got := promises(cluster.Options{syncWait: wait}); len(got) != want {
			t.Errorf("with sync-wait %s: %v", wait, got)
		}
	}
}
