package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// answering serves one connection: each command it reads is answered by the next word.
func answering(t *testing.T, answers ...string) *redis.Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b := make([]byte, 4096)
		for _, a := range append([]string{"-ERR unknown command 'HELLO'\r\n"}, answers...) { // the greeting
			if _, err := c.Read(b); err != nil {
				return
			}
			_, _ = io.WriteString(c, a)
		}
	}()
	client := dial(l.Addr().String())
	t.Cleanup(func() { client.Close() })
	return client
}

// fixed is a server that is known.
type fixed struct{ client *redis.Client }

func (f fixed) of(context.Context, string, bool) (*redis.Client, error) { return f.client, nil }
func (f fixed) mistaken(context.Context, string, error) bool            { return false }
func (f fixed) Close() error                                            { return nil }

// TestClassify: only answers that say so mean that a write did not happen.
func TestClassify(t *testing.T) {
	const cannot = "-NOREPLICAS Not enough good replicas to write.\r\n"
	for _, c := range []struct {
		name     string
		wait     int
		answers  []string
		definite bool
		ok       bool
	}{
		{"done", 0, []string{"+OK\r\n"}, false, true},
		{"a replica", 0, []string{"-READONLY You can't write against a read only replica.\r\n"}, true, false},
		{"too few replicas", 0, []string{cannot}, true, false},
		{"some other error", 0, []string{"-ERR something happened\r\n"}, false, false},
		{"hung up", 0, nil, false, false},
		{"done and waited", 1, []string{"+OK\r\n:1\r\n"}, false, true},
		{"done, but not waited long enough", 1, []string{"+OK\r\n:0\r\n"}, false, false},
		{"done, then deposed", 1, []string{"+OK\r\n-UNBLOCKED force unblock from blocking operation\r\n"}, false, false},
		{"done, then read-only", 1, []string{"+OK\r\n-READONLY You can't\r\n"}, false, false},
		{"refused, whatever the wait says", 1, []string{cannot + ":1\r\n"}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			conn := &conn{server: fixed{answering(t, c.answers...)}, wait: c.wait}
			err := conn.Write(ctx, 1, 2)
			if (err == nil) != c.ok || cluster.IsDefinite(err) != c.definite {
				t.Errorf("%v, definite %v", err, cluster.IsDefinite(err))
			}
		})
	}
}

// TestUnsent: a server that is not there has not been sent anything.
func TestUnsent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	client := dial(addr)
	defer client.Close()
	if err := (&conn{server: fixed{client}}).Write(t.Context(), 1, 2); !cluster.IsDefinite(err) {
		t.Errorf("a refused connection leaves a write in doubt: %v", err)
	}
	if unsent(fmt.Errorf("read: %w", &net.OpError{Op: "read", Err: io.EOF})) {
		t.Error("after a failed read something may have been sent")
	}
}

// TestMismatch: a compare-and-set that did not match tells what it found.
func TestMismatch(t *testing.T) {
	for answer, want := range map[string]cluster.Mismatch{
		"*2\r\n:0\r\n$2\r\n41\r\n": {Observed: true, Found: true, Value: 41},
		"*2\r\n:0\r\n$-1\r\n":      {Observed: true},
		"*1\r\n:0\r\n":             {Observed: true}, // a nil ends the script's answer
	} {
		err := (&conn{server: fixed{answering(t, answer)}}).CompareAndSet(t.Context(), 1, 2, 3)
		var m *cluster.Mismatch
		if !errors.As(err, &m) || *m != want {
			t.Errorf("%q: %v", strings.ReplaceAll(answer, "\r\n", " "), err)
		}
	}
}
