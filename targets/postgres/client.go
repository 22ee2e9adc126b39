package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/docker"
)

// conn is a client of one node: its Patroni says who is primary.
type conn struct {
	node     docker.Node
	readHome bool

	primary *session // nil: to be looked for
	home    *session // the node's own PostgreSQL; nil: not connected
	asked   time.Time
}

var (
	_ cluster.Register = (*conn)(nil)
	_ cluster.Set      = (*conn)(nil)
	_ cluster.Append   = (*conn)(nil)
	_ cluster.Counter  = (*conn)(nil)
)

const (
	// askEvery is how old Patroni's word may be, and askLimit how long it may take to give it.
	askEvery = 300 * time.Millisecond
	askLimit = 500 * time.Millisecond
)

// connect makes a client of a node that serves and knows who is primary.
func connect(ctx context.Context, n docker.Node, o cluster.Options) (*conn, error) {
	if err := ready(ctx, n, o); err != nil {
		return nil, cluster.Definite(err)
	}
	c := &conn{node: n, readHome: o[reads] == replica}
	for _, write := range []bool{true, false} {
		if _, err := c.of(ctx, write); err != nil {
			return nil, errors.Join(cluster.Definite(err), c.Close())
		}
	}
	return c, nil
}

// Close implements cluster.Conn.
func (c *conn) Close() error {
	for _, s := range []*session{c.primary, c.home} {
		if s != nil {
			s.close()
		}
	}
	c.primary, c.home = nil, nil
	return nil
}

// of finds the server for a statement. A client whose Patroni cannot tell stays where it is.
func (c *conn) of(ctx context.Context, write bool) (*session, error) {
	if c.readHome && !write {
		var err error
		if c.home == nil {
			c.home, err = dial(ctx, net.JoinHostPort(c.node.Addr.String(), strconv.Itoa(port)))
		}
		return c.home, err
	}
	if c.primary != nil && time.Since(c.asked) < askEvery {
		return c.primary, nil
	}
	asking, cancel := context.WithTimeout(ctx, askLimit)
	addr, err := leader(asking, c.node)
	cancel()
	c.asked = time.Now()
	switch {
	case c.primary != nil && (err != nil || addr == c.primary.addr) && !c.primary.standby():
		return c.primary, nil
	case err != nil:
		return nil, err
	}
	if c.primary != nil {
		c.primary.close()
		c.primary = nil
	}
	s, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	if s.standby() {
		s.close()
		return nil, errStandby
	}
	c.primary = s
	return s, nil
}

// drop gives up a session that failed, so that the next statement looks anew.
func (c *conn) drop(s *session) {
	s.close()
	if s == c.primary {
		c.primary = nil
	}
	if s == c.home {
		c.home = nil
	}
}

// send carries one statement out, once.
func (c *conn) send(ctx context.Context, write bool, do func(*session) error) error {
	s, err := c.of(ctx, write)
	if err != nil {
		return rest(ctx, cluster.Definite(err))
	}
	s.warning = nil
	if err = do(s); err == nil && write {
		err = warned(s.warning)
	}
	if err == nil {
		return nil
	}
	c.drop(s)
	return rest(ctx, classify(err))
}

// rest passes a definite error on after a pause.
func rest(ctx context.Context, err error) error {
	if cluster.IsDefinite(err) {
		docker.Rest(ctx)
	}
	return err
}

// change carries out a statement that changes rows, and counts them.
func (c *conn) change(ctx context.Context, sql string, args ...any) (rows int64, err error) {
	err = c.send(ctx, true, func(s *session) error {
		done, err := s.pg.Exec(ctx, sql, args...)
		rows = done.RowsAffected()
		return err
	})
	return rows, err
}

// look reads one row of one column; found is false where there is none.
func look[T any](ctx context.Context, c *conn, sql string, key int64) (value T, found bool, err error) {
	err = c.send(ctx, false, func(s *session) error {
		err := s.pg.QueryRow(ctx, sql, key).Scan(&value)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		found = err == nil
		return err
	})
	return value, found, err
}

// Read implements cluster.Register.
func (c *conn) Read(ctx context.Context, key int64) (int64, bool, error) {
	return look[int64](ctx, c, `SELECT value FROM registers WHERE key = $1`, key)
}

// Write implements cluster.Register.
func (c *conn) Write(ctx context.Context, key, value int64) error {
	return c.one(ctx, `INSERT INTO registers VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
}

// one carries out a statement that changes one row.
func (c *conn) one(ctx context.Context, sql string, args ...any) error {
	rows, err := c.change(ctx, sql, args...)
	if err == nil && rows != 1 {
		return fmt.Errorf("the statement changed %d rows", rows)
	}
	return err
}

// CompareAndSet implements cluster.Register. An update of no row does not tell which value
// is there.
func (c *conn) CompareAndSet(ctx context.Context, key, old, new int64) error {
	rows, err := c.change(ctx, `UPDATE registers SET value = $3 WHERE key = $1 AND value = $2`, key, old, new)
	if err == nil && rows == 0 {
		return &cluster.Mismatch{}
	}
	return err
}

// Add implements cluster.Set: an element is a row.
func (c *conn) Add(ctx context.Context, key, element int64) error {
	return c.one(ctx, `INSERT INTO elements VALUES ($1, $2)`, key, element)
}

// ReadAll implements cluster.Set.
func (c *conn) ReadAll(ctx context.Context, key int64) ([]int64, error) {
	all, _, err := look[[]int64](ctx, c, `SELECT coalesce(array_agg(element), '{}') FROM elements WHERE key = $1`, key)
	return all, err
}

// Append implements cluster.Append.
func (c *conn) Append(ctx context.Context, key, element int64) error {
	return c.one(ctx, `INSERT INTO lists VALUES ($1, ARRAY[$2::bigint]) ON CONFLICT (key) DO UPDATE SET elements = lists.elements || excluded.elements`, key, element)
}

// ReadList implements cluster.Append.
func (c *conn) ReadList(ctx context.Context, key int64) ([]int64, error) {
	all, _, err := look[[]int64](ctx, c, `SELECT elements FROM lists WHERE key = $1`, key)
	return all, err
}

// Increment implements cluster.Counter.
func (c *conn) Increment(ctx context.Context, key, delta int64) error {
	return c.one(ctx, `INSERT INTO counters VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = counters.value + excluded.value`, key, delta)
}

// ReadCounter implements cluster.Counter.
func (c *conn) ReadCounter(ctx context.Context, key int64) (int64, error) {
	v, _, err := look[int64](ctx, c, `SELECT value FROM counters WHERE key = $1`, key)
	return v, err
}
