package cassandra

import (
	"context"
	"errors"
	"fmt"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/docker"
)

// open makes a session with one node, which coordinates all that it is sent; nothing is
// sent twice.
func open(n docker.Node, o cluster.Options) (*gocql.Session, error) {
	addr := n.Addr.String()
	c := gocql.NewCluster(addr)
	c.Port = port
	c.ProtoVersion = 5
	c.DisableInitialHostLookup = true
	c.HostFilter = gocql.WhiteListHostFilter(addr)
	c.NumConns = 1
	c.ConnectTimeout, c.Timeout = time.Second, 10*time.Second
	c.RetryPolicy = nil
	c.DefaultTimestamp = o[timestamps] != server
	c.Consistency = map[string]gocql.Consistency{"one": gocql.One, "quorum": gocql.Quorum, "all": gocql.All}[o[consistency]]
	c.SerialConsistency = gocql.Serial
	c.Logger = gocql.NewLogger(gocql.LogLevelNone)
	c.Events.DisableNodeStatusEvents, c.Events.DisableTopologyEvents, c.Events.DisableSchemaEvents = true, true, true
	return c.CreateSession()
}

// conn is a client of one node.
type conn struct {
	session *gocql.Session
	lwt     bool
}

var (
	_ cluster.Register = (*conn)(nil)
	_ cluster.Set      = (*conn)(nil)
)

func connect(_ context.Context, n docker.Node, _ []docker.Node, o cluster.Options) (cluster.Conn, error) {
	s, err := open(n, o)
	if err != nil {
		return nil, cluster.Definite(err)
	}
	return &conn{session: s, lwt: o.Bool(lwt)}, nil
}

// Close implements cluster.Conn.
func (c *conn) Close() error { c.session.Close(); return nil }

// query is a read.
func (c *conn) query(statement string, args ...any) *gocql.Query {
	q := c.session.Query(statement, args...)
	if c.lwt {
		q = q.Consistency(gocql.Serial)
	}
	return q
}

// exec carries out a write.
func (c *conn) exec(ctx context.Context, statement string, args ...any) error {
	return c.tell(ctx, classify(c.session.Query(statement, args...).ExecContext(ctx), false))
}

// apply carries out a transaction: whether its condition held, and else what was there.
func (c *conn) apply(ctx context.Context, statement string, args ...any) (applied bool, row map[string]any, err error) {
	row = map[string]any{}
	applied, err = c.session.Query(statement, args...).MapScanCASContext(ctx, row)
	return applied, row, c.tell(ctx, classify(err, true))
}

// tell passes an error on, a definite one after a pause.
func (c *conn) tell(ctx context.Context, err error) error {
	if cluster.IsDefinite(err) {
		docker.Rest(ctx)
	}
	return err
}

// Read implements cluster.Register.
func (c *conn) Read(ctx context.Context, key int64) (int64, bool, error) {
	var value int64
	err := c.query("SELECT value FROM faultline.registers WHERE key = ?", key).ScanContext(ctx, &value)
	if errors.Is(err, gocql.ErrNotFound) {
		return 0, false, nil
	}
	return value, err == nil, c.tell(ctx, classify(err, false))
}

// Write implements cluster.Register.
func (c *conn) Write(ctx context.Context, key, value int64) error {
	if !c.lwt {
		return c.exec(ctx, "INSERT INTO faultline.registers (key, value) VALUES (?, ?)", key, value)
	}
	// Rows are never deleted, so that one of these applies. One that did not has done nothing.
	for range 2 {
		applied, _, err := c.apply(ctx, "UPDATE faultline.registers SET value = ? WHERE key = ? IF EXISTS", value, key)
		if applied || err != nil {
			return err
		}
		applied, _, err = c.apply(ctx, "INSERT INTO faultline.registers (key, value) VALUES (?, ?) IF NOT EXISTS", key, value)
		if applied || err != nil {
			return err
		}
	}
	return cluster.Definite(fmt.Errorf("row %d exists, and does not", key))
}

// CompareAndSet implements cluster.Register.
func (c *conn) CompareAndSet(ctx context.Context, key, old, new int64) error {
	if !c.lwt {
		return cluster.ErrUnsupported
	}
	applied, row, err := c.apply(ctx, "UPDATE faultline.registers SET value = ? WHERE key = ? IF value = ?", new, key, old)
	if applied || err != nil {
		return err
	}
	value, found := row["value"].(int64)
	return &cluster.Mismatch{Observed: true, Found: found, Value: value}
}

// Add implements cluster.Set.
func (c *conn) Add(ctx context.Context, key, element int64) error {
	const insert = "INSERT INTO faultline.sets (key, element) VALUES (?, ?)"
	if !c.lwt {
		return c.exec(ctx, insert, key, element)
	}
	_, _, err := c.apply(ctx, insert+" IF NOT EXISTS", key, element) // there already: as good
	return err
}

// ReadAll implements cluster.Set.
func (c *conn) ReadAll(ctx context.Context, key int64) ([]int64, error) {
	rows := c.query("SELECT element FROM faultline.sets WHERE key = ?", key).IterContext(ctx)
	var all []int64
	var element int64
	for rows.Scan(&element) {
		all = append(all, element)
	}
	return all, c.tell(ctx, classify(rows.Close(), false))
}
