package galera

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// conn is one session with one node. A session of its own is what database/sql never
// repeats a statement on.
type conn struct {
	db          *sql.DB
	session     *sql.Conn
	transaction bool // lists and counters grow by read and write
}

var (
	_ cluster.Register = (*conn)(nil)
	_ cluster.Set      = (*conn)(nil)
	_ cluster.Append   = (*conn)(nil)
	_ cluster.Counter  = (*conn)(nil)
)

func connect(ctx context.Context, addr string, o cluster.Options) (*conn, error) {
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr, config.DBName = "faultline", "tcp", addr, "faultline"
	config.ClientFoundRows = true   // a row that is set to what it was counts as matched
	config.InterpolateParams = true // one round trip a statement
	config.Logger = log.New(io.Discard, "", 0)
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, cluster.Definite(err)
	}
	db := sql.OpenDB(connector)
	session, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(cluster.Definite(err), db.Close())
	}
	return &conn{db: db, session: session, transaction: o[updates] == transaction}, nil
}

// Close implements cluster.Conn.
func (c *conn) Close() error {
	_ = c.session.Close() // a broken one says so again
	return c.db.Close()
}

// write carries out a statement that commits by itself, once, and counts its rows.
func (c *conn) write(ctx context.Context, statement string, args ...any) (int64, error) {
	done, err := c.session.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, classify(ctx, err)
	}
	return done.RowsAffected()
}

// number reads one number, if there is one.
func (c *conn) number(ctx context.Context, query string, args ...any) (int64, bool, error) {
	var v int64
	err := c.session.QueryRowContext(ctx, query, args...).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return v, err == nil, classify(ctx, err)
}

// Read implements cluster.Register.
func (c *conn) Read(ctx context.Context, key int64) (int64, bool, error) {
	return c.number(ctx, "SELECT val FROM registers WHERE id = ?", key)
}

// Write implements cluster.Register.
func (c *conn) Write(ctx context.Context, key, value int64) error {
	_, err := c.write(ctx, "INSERT INTO registers VALUES (?, ?) ON DUPLICATE KEY UPDATE val = ?", key, value, value)
	return err
}

// CompareAndSet implements cluster.Register. What it finds instead it does not tell: the
// statement was refused by what its node had, which may be old.
func (c *conn) CompareAndSet(ctx context.Context, key, old, new int64) error {
	n, err := c.write(ctx, "UPDATE registers SET val = ? WHERE id = ? AND val = ?", new, key, old)
	if err == nil && n == 0 {
		return &cluster.Mismatch{}
	}
	return err
}

// Add implements cluster.Set: an element is a row.
func (c *conn) Add(ctx context.Context, key, element int64) error {
	_, err := c.write(ctx, "INSERT INTO elements VALUES (?, ?)", key, element)
	return err
}

// ReadAll implements cluster.Set.
func (c *conn) ReadAll(ctx context.Context, key int64) ([]int64, error) {
	rows, err := c.session.QueryContext(ctx, "SELECT element FROM elements WHERE id = ?", key)
	if err != nil {
		return nil, classify(ctx, err)
	}
	defer rows.Close()
	var all []int64
	for rows.Next() {
		var e int64
		if err := rows.Scan(&e); err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, classify(ctx, rows.Err())
}

// Append implements cluster.Append: a list is the text of one row.
func (c *conn) Append(ctx context.Context, key, element int64) error {
	text := strconv.FormatInt(element, 10)
	if c.transaction {
		return c.change(ctx, "lists", key, func(old string) (string, error) { return strings.TrimSpace(old + " " + text), nil })
	}
	_, err := c.write(ctx, "INSERT INTO lists VALUES (?, ?) ON DUPLICATE KEY UPDATE val = CONCAT(val, ' ', ?)", key, text, text)
	return err
}

// ReadList implements cluster.Append.
func (c *conn) ReadList(ctx context.Context, key int64) ([]int64, error) {
	var text string
	err := c.session.QueryRowContext(ctx, "SELECT val FROM lists WHERE id = ?", key).Scan(&text)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, classify(ctx, err)
	}
	fields := strings.Fields(text)
	all := make([]int64, len(fields))
	for i, f := range fields {
		if all[i], err = strconv.ParseInt(f, 10, 64); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Increment implements cluster.Counter.
func (c *conn) Increment(ctx context.Context, key, delta int64) error {
	if c.transaction {
		return c.change(ctx, "counters", key, func(old string) (string, error) {
			if old == "" {
				old = "0"
			}
			n, err := strconv.ParseInt(old, 10, 64)
			return strconv.FormatInt(n+delta, 10), err
		})
	}
	_, err := c.write(ctx, "INSERT INTO counters VALUES (?, ?) ON DUPLICATE KEY UPDATE val = val + ?", key, delta, delta)
	return err
}

// ReadCounter implements cluster.Counter.
func (c *conn) ReadCounter(ctx context.Context, key int64) (int64, error) {
	v, _, err := c.number(ctx, "SELECT val FROM counters WHERE id = ?", key)
	return v, err
}

// change replaces a row's value by what next makes of it, in a transaction.
func (c *conn) change(ctx context.Context, table string, key int64, next func(old string) (string, error)) error {
	if _, err := c.session.ExecContext(ctx, "BEGIN"); err != nil {
		return uncommitted(ctx, err)
	}
	var old string
	err := c.session.QueryRowContext(ctx, "SELECT val FROM "+table+" WHERE id = ?", key).Scan(&old)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return uncommitted(ctx, err)
	}
	value, err := next(old)
	if err != nil {
		return uncommitted(ctx, fmt.Errorf("%s %d holds %q: %w", table, key, old, err))
	}
	if _, err := c.session.ExecContext(ctx, "INSERT INTO "+table+" VALUES (?, ?) ON DUPLICATE KEY UPDATE val = ?", key, value, value); err != nil {
		return uncommitted(ctx, err)
	}
	_, err = c.session.ExecContext(ctx, "COMMIT")
	return classify(ctx, err)
}
