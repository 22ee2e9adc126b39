package zookeeper

import (
	"errors"
	"fmt"

	"github.com/go-zookeeper/zk"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// classify marks an error as definite if the request certainly was not carried out. A
// request that was under way when the connection broke is in doubt; one for which there was
// no connection was not sent. The server's own refusals say what they found.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, zk.ErrNoServer):
		return cluster.Definite(fmt.Errorf("%w: %w", cluster.ErrDisconnected, err))
	case errors.Is(err, zk.ErrNoNode), errors.Is(err, zk.ErrNodeExists), errors.Is(err, zk.ErrBadVersion),
		errors.Is(err, zk.ErrNotEmpty), errors.Is(err, zk.ErrInvalidACL), errors.Is(err, zk.ErrBadArguments):
		return cluster.Definite(err)
	}
	return err
}
