package cassandra

import (
	"errors"
	"fmt"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// classify marks an error as definite if the write certainly was not carried out. A
// coordinator that sees too few replicas says so before it sends anything; a transaction
// may find that out after it has been accepted. All else that a node or the driver says
// (timeouts, failed replicas, a transaction whose outcome is unknown) leaves it open.
func classify(err error, transaction bool) error {
	var unavailable *gocql.RequestErrUnavailable
	switch {
	case err == nil:
		return nil
	case errors.Is(err, gocql.ErrNoConnections), errors.Is(err, gocql.ErrSessionClosed), errors.Is(err, gocql.ErrNoStreams):
		return cluster.Definite(fmt.Errorf("%w: %w", cluster.ErrDisconnected, err)) // not sent
	case errors.As(err, &unavailable) && !transaction:
		return cluster.Definite(err)
	}
	return err
}
