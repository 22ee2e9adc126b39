package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/docker"
)

const (
	// sessionLimit is how long a session outlives its connection: ephemeral nodes too.
	sessionLimit = 4 * time.Second
	// attempts are those of a change at a version that others may change first.
	attempts = 10
)

// conn is a session with one server.
type conn struct {
	zk    *zk.Conn
	sync  bool
	locks map[int64]string // those held, by key: the path of the child
}

var (
	_ cluster.Register = (*conn)(nil)
	_ cluster.Set      = (*conn)(nil)
	_ cluster.Append   = (*conn)(nil)
	_ cluster.Counter  = (*conn)(nil)
	_ cluster.Lock     = (*conn)(nil)
)

type silent struct{}

func (silent) Printf(string, ...any) {}

// connect opens a session. The library would look for a server in the background; trying
// the address first tells one that is down at once.
func connect(ctx context.Context, addr string, sync bool) (*conn, error) {
	try, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, cluster.Definite(err)
	}
	_ = try.Close()
	session, events, err := zk.Connect([]string{addr}, sessionLimit, zk.WithLogger(silent{}), zk.WithLogInfo(false))
	if err != nil {
		return nil, cluster.Definite(err)
	}
	for {
		select {
		case <-ctx.Done():
			session.Close()
			return nil, cluster.Definite(fmt.Errorf("open a session: %w", ctx.Err()))
		case e := <-events:
			if e.State == zk.StateHasSession {
				return &conn{zk: session, sync: sync, locks: map[int64]string{}}, nil
			}
		}
	}
}

// Close implements cluster.Conn.
func (c *conn) Close() error { c.zk.Close(); return nil }

// call carries a request out, which the library knows no deadline for. One that is left
// behind ends when the connection is closed, for it leaves the operation in doubt.
func call[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		v, err := do()
		done <- outcome{v, err}
	}()
	select {
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	case o := <-done:
		return o.value, o.err
	}
}

// node is what a znode holds.
type node struct {
	data    string
	version int32
	found   bool
}

// get reads a znode; caught up has the server catch up first.
func (c *conn) get(ctx context.Context, path string, caughtUp bool) (node, error) {
	n, err := call(ctx, func() (node, error) {
		if caughtUp {
			if _, err := c.zk.Sync(path); err != nil {
				return node{}, err
			}
		}
		data, stat, err := c.zk.Get(path)
		if errors.Is(err, zk.ErrNoNode) {
			return node{}, nil
		}
		if err != nil {
			return node{}, err
		}
		return node{string(data), stat.Version, true}, nil
	})
	return n, c.tell(ctx, err)
}

var open = zk.WorldACL(zk.PermAll)

// create makes a znode. That it is there already is no error.
func (c *conn) create(ctx context.Context, path, data string) (made bool, err error) {
	_, err = call(ctx, func() (string, error) { return c.zk.Create(path, []byte(data), 0, open) })
	if errors.Is(err, zk.ErrNodeExists) {
		return false, nil
	}
	return err == nil, c.tell(ctx, err)
}

// set changes a znode at a version, or at any (-1). That it is not there, or at another
// version, is no error.
func (c *conn) set(ctx context.Context, path, data string, version int32) (done bool, err error) {
	_, err = call(ctx, func() (*zk.Stat, error) { return c.zk.Set(path, []byte(data), version) })
	if errors.Is(err, zk.ErrNoNode) || errors.Is(err, zk.ErrBadVersion) {
		return false, nil
	}
	return err == nil, c.tell(ctx, err)
}

// tell classifies an error, and passes a definite one on after a pause.
func (c *conn) tell(ctx context.Context, err error) error {
	if err = classify(err); cluster.IsDefinite(err) {
		docker.Rest(ctx)
	}
	return err
}

func path(kind string, key int64) string { return fmt.Sprintf("/%s-%d", kind, key) }

// Read implements cluster.Register.
func (c *conn) Read(ctx context.Context, key int64) (int64, bool, error) {
	n, err := c.get(ctx, path("register", key), c.sync)
	if err != nil || !n.found {
		return 0, false, err
	}
	v, err := strconv.ParseInt(n.data, 10, 64)
	return v, err == nil, err
}

var errBusy = cluster.Definite(errors.New("others changed it each time before this could"))

// Write implements cluster.Register.
func (c *conn) Write(ctx context.Context, key, value int64) error {
	p, data := path("register", key), strconv.FormatInt(value, 10)
	for range attempts {
		if done, err := c.set(ctx, p, data, -1); done || err != nil {
			return err
		}
		if made, err := c.create(ctx, p, data); made || err != nil {
			return err
		}
	}
	return errBusy
}

// CompareAndSet implements cluster.Register. What it reads first may be stale; then the
// version is, too, and nothing is changed. It is no observation of the latest value.
func (c *conn) CompareAndSet(ctx context.Context, key, old, new int64) error {
	p := path("register", key)
	n, err := c.get(ctx, p, c.sync)
	if err != nil {
		return cluster.Definite(err)
	}
	if n.found && n.data == strconv.FormatInt(old, 10) {
		done, err := c.set(ctx, p, strconv.FormatInt(new, 10), n.version)
		if done || err != nil {
			return err
		}
		return &cluster.Mismatch{}
	}
	if !n.found {
		return &cluster.Mismatch{Observed: c.sync}
	}
	v, err := strconv.ParseInt(n.data, 10, 64)
	if err != nil {
		return cluster.Definite(err)
	}
	return &cluster.Mismatch{Observed: c.sync, Found: true, Value: v}
}

// Add implements cluster.Set: an element is a child.
func (c *conn) Add(ctx context.Context, key, element int64) error {
	parent := path("set", key)
	child := fmt.Sprintf("%s/%d", parent, element)
	_, err := call(ctx, func() (string, error) { return c.zk.Create(child, nil, 0, open) })
	if errors.Is(err, zk.ErrNoNode) {
		if _, err := c.create(ctx, parent, ""); err != nil {
			return err
		}
		_, err = c.create(ctx, child, "")
		return err
	}
	if errors.Is(err, zk.ErrNodeExists) {
		return nil
	}
	return c.tell(ctx, err)
}

// ReadAll implements cluster.Set.
func (c *conn) ReadAll(ctx context.Context, key int64) ([]int64, error) {
	parent := path("set", key)
	names, err := call(ctx, func() ([]string, error) {
		if c.sync {
			if _, err := c.zk.Sync(parent); err != nil {
				return nil, err
			}
		}
		names, _, err := c.zk.Children(parent)
		if errors.Is(err, zk.ErrNoNode) {
			return nil, nil
		}
		return names, err
	})
	if err != nil {
		return nil, c.tell(ctx, err)
	}
	return integers(names)
}

func integers(words []string) ([]int64, error) {
	all := make([]int64, len(words))
	for i, w := range words {
		var err error
		if all[i], err = strconv.ParseInt(w, 10, 64); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// change replaces what a znode holds by what becomes of it, at its version.
func (c *conn) change(ctx context.Context, p string, become func(string) (string, error)) error {
	for range attempts {
		n, err := c.get(ctx, p, false)
		if err != nil {
			return cluster.Definite(err) // only read so far
		}
		data, err := become(n.data)
		if err != nil {
			return cluster.Definite(err)
		}
		var done bool
		if n.found {
			done, err = c.set(ctx, p, data, n.version)
		} else {
			done, err = c.create(ctx, p, data)
		}
		if done || err != nil {
			return err
		}
	}
	return errBusy
}

// Append implements cluster.Append.
func (c *conn) Append(ctx context.Context, key, element int64) error {
	return c.change(ctx, path("list", key), func(data string) (string, error) {
		return strings.TrimSpace(data + " " + strconv.FormatInt(element, 10)), nil
	})
}

// ReadList implements cluster.Append.
func (c *conn) ReadList(ctx context.Context, key int64) ([]int64, error) {
	n, err := c.get(ctx, path("list", key), c.sync)
	if err != nil {
		return nil, err
	}
	return integers(strings.Fields(n.data))
}

// Increment implements cluster.Counter.
func (c *conn) Increment(ctx context.Context, key, delta int64) error {
	return c.change(ctx, path("counter", key), func(data string) (string, error) {
		n := int64(0)
		if data != "" {
			var err error
			if n, err = strconv.ParseInt(data, 10, 64); err != nil {
				return "", err
			}
		}
		return strconv.FormatInt(n+delta, 10), nil
	})
}

// ReadCounter implements cluster.Counter.
func (c *conn) ReadCounter(ctx context.Context, key int64) (int64, error) {
	n, err := c.get(ctx, path("counter", key), c.sync)
	if err != nil || !n.found {
		return 0, err
	}
	return strconv.ParseInt(n.data, 10, 64)
}
