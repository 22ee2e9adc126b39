package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/docker"
)

// running is the state of a PostgreSQL that serves, as Patroni has it of its own node; a
// replica's is told as streaming by later ones.
const (
	running   = "running"
	streaming = "streaming"
)

// leads says whether a role is a primary's, by Patroni's older word or its newer one.
func leads(role string) bool { return role == "master" || role == "primary" || role == "leader" }

// state is what a Patroni says of its own node.
type state struct {
	State    string `json:"state"`
	Role     string `json:"role"`
	Timeline uint64 `json:"timeline"`
}

// peer is a node as Patroni's record in etcd has it.
type peer struct {
	Name  string `json:"name"`
	Role  string `json:"role"`
	State string `json:"state"`
	Host  string `json:"host"`
	Port  int    `json:"port"`
}

// Every question is one of its own: connections that are kept would outlive restarts.
var web = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// ask puts a question to a node's Patroni.
func ask(ctx context.Context, n docker.Node, what string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s:%d/%s", n.Addr, patroniPort, what), nil)
	if err != nil {
		return err
	}
	response, err := web.Do(request)
	if err != nil {
		return fmt.Errorf("ask Patroni: %w", err)
	}
	defer response.Body.Close()
	// /patroni answers 503 for a node that is not up, and says so in its body all the same.
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusServiceUnavailable {
		return fmt.Errorf("ask Patroni: it answers %s to /%s", response.Status, what)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(answer); err != nil {
		return fmt.Errorf("read what Patroni answers to /%s: %w", what, err)
	}
	return nil
}

func askState(ctx context.Context, n docker.Node) (s state, err error) {
	return s, ask(ctx, n, "patroni", &s)
}

// askPeers asks who there is. Patroni may answer from what it last heard of etcd, so that a
// node that is cut off can name a primary that was deposed.
func askPeers(ctx context.Context, n docker.Node) ([]peer, error) {
	var says struct{ Members []peer }
	err := ask(ctx, n, "cluster", &says)
	return says.Members, err
}

var errNoLeader = errors.New("no primary is known to Patroni")

// leader is the address of the primary, as a node's Patroni names it.
func leader(ctx context.Context, n docker.Node) (string, error) {
	peers, err := askPeers(ctx, n)
	if err != nil {
		return "", err
	}
	for _, p := range peers {
		if leads(p.Role) {
			return net.JoinHostPort(p.Host, strconv.Itoa(p.Port)), nil
		}
	}
	return "", errNoLeader
}

// ready says that a node's PostgreSQL serves.
func ready(ctx context.Context, n docker.Node, _ cluster.Options) error {
	s, err := askState(ctx, n)
	if err != nil {
		return err
	}
	if s.State != running && s.State != streaming {
		return fmt.Errorf("its PostgreSQL is not running yet: %q", s.State)
	}
	return nil
}

// tables are what clients use.
const tables = `
CREATE TABLE IF NOT EXISTS registers (key bigint PRIMARY KEY, value bigint NOT NULL);
CREATE TABLE IF NOT EXISTS elements (key bigint, element bigint, PRIMARY KEY (key, element));
CREATE TABLE IF NOT EXISTS lists (key bigint PRIMARY KEY, elements bigint[] NOT NULL);
CREATE TABLE IF NOT EXISTS counters (key bigint PRIMARY KEY, value bigint NOT NULL)`

// setup makes the tables and waits until every replica follows, one of them synchronously
// where that is asked for: before that nobody could take over.
func setup(ctx context.Context, all []docker.Node, o cluster.Options) error {
	return docker.Until(ctx, func() error { return trySetup(ctx, all, o) })
}

// setupLimit is the deadline of one attempt.
const setupLimit = 5 * time.Second

func trySetup(ctx context.Context, all []docker.Node, o cluster.Options) error {
	ctx, cancel := context.WithTimeout(ctx, setupLimit)
	defer cancel()
	peers, err := askPeers(ctx, all[0])
	if err != nil {
		return err
	}
	inSync := 0
	for _, p := range peers {
		if p.Role == "sync_standby" {
			inSync++
		}
	}
	if o[commit] == synchronous && len(all) > 1 && inSync == 0 {
		return errors.New("there is no synchronous replica yet")
	}
	addr, err := leader(ctx, all[0])
	if err != nil {
		return err
	}
	s, err := dial(ctx, addr)
	if err != nil {
		return err
	}
	defer s.close()
	if _, err := s.pg.Exec(ctx, tables, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("make tables: %w", err)
	}
	var follow int
	if err := s.pg.QueryRow(ctx, `SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND replay_lsn = pg_current_wal_lsn()`).Scan(&follow); err != nil {
		return err
	}
	if follow < len(all)-1 {
		return fmt.Errorf("%d of %d replicas follow their primary", follow, len(all)-1)
	}
	return nil
}
