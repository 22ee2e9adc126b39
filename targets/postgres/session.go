package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// session is one connection to one PostgreSQL.
type session struct {
	addr    string
	pg      *pgx.Conn
	raw     net.Conn
	warning *pgconn.Notice // the last one, since it was cleared
}

// dialLimit is how long connecting may take: a killed node's address answers nothing.
const dialLimit = time.Second

// dial opens a session.
func dial(ctx context.Context, addr string) (*session, error) {
	config, err := pgx.ParseConfig(fmt.Sprintf("postgres://postgres@%s/postgres?sslmode=disable", addr))
	if err != nil {
		return nil, err
	}
	s, line := &session{addr: addr}, &once{}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // one round trip, nothing cached
	config.DialFunc = line.dial
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			s.warning = n
		}
	}
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	if s.pg, err = pgx.ConnectConfig(ctx, config); err != nil {
		line.close()
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	s.raw = line.conn
	return s, nil
}

// errStandby is said of a primary that was deposed. It serves as a replica by then, and shows
// what it had committed for itself alone, which nobody was told to be committed.
var errStandby = errors.New("whom Patroni names as primary is a replica")

// standby reports whether the server replays another's log, as it told when the session
// began or since.
func (s *session) standby() bool { return s.pg.PgConn().ParameterStatus("in_hot_standby") == "on" }

// close ends the session without waiting for the server, which may be waiting itself.
func (s *session) close() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.pg.Close(ctx)
	_ = s.raw.Close()
}

// once dials a single time. The library would dial again to have a statement cancelled that
// a client gave up on; but a commit that waits for its replica is made visible by that.
type once struct {
	mu   sync.Mutex
	used bool
	conn net.Conn
}

var errOnce = errors.New("nothing is cancelled")

func (o *once) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.used {
		return nil, errOnce
	}
	o.used = true
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err == nil {
		o.conn = c
	}
	return c, err
}

func (o *once) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.conn != nil {
		_ = o.conn.Close()
	}
}
