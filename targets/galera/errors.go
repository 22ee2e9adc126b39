package galera

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/go-sql-driver/mysql"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/docker"
)

// rolledBack are the numbers of MariaDB's answers after which nothing of the transaction
// stays. An error during commit (1180) is not among them: the write may have been sent to
// the group already.
var rolledBack = []uint16{
	1020, // changed since the snapshot
	1040, // too many connections
	1047, // the node is not ready: it is not in the primary component
	1205, // waited too long for a lock, or for its node to catch up
	1213, // a deadlock, which is also what a conflict between nodes is called
}

// classify says of the error of a statement that commits whether nothing happened.
func classify(ctx context.Context, err error) error {
	var answer *mysql.MySQLError
	var op *net.OpError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &answer):
		if !slices.Contains(rolledBack, answer.Number) {
			return err
		}
		if answer.Number == 1047 {
			docker.Rest(ctx)
		}
		return cluster.Definite(err)
	case errors.As(err, &op) && op.Op == "dial":
		return cluster.Definite(fmt.Errorf("%w: %w", cluster.ErrDisconnected, err))
	case errors.Is(err, driver.ErrBadConn): // the driver says so only if it has sent nothing
		return cluster.Definite(fmt.Errorf("%w: %w", cluster.ErrDisconnected, err))
	}
	return err
}

// uncommitted says of the error of a statement before the commit that nothing happened:
// what is not committed goes with its connection.
func uncommitted(ctx context.Context, err error) error {
	var answer *mysql.MySQLError
	if errors.As(err, &answer) && answer.Number == 1047 {
		docker.Rest(ctx)
	}
	return cluster.Definite(fmt.Errorf("%w, before the commit: %w", cluster.ErrDisconnected, err))
}
