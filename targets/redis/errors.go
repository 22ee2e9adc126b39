package redis

import (
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// refusals are the first words of answers to commands that were not carried out.
var refusals = []string{
	"READONLY",    // a replica
	"NOREPLICAS",  // min-replicas-to-write
	"LOADING",     // reading its data
	"MASTERDOWN",  // a replica without its primary
	"CLUSTERDOWN", // slots without a primary, or a minority
	"MOVED", "ASK", "TRYAGAIN",
	"OOM", "MISCONF", "BUSY",
}

// refused reports whether an error says that the server did not carry the command out.
func refused(err error) bool {
	var answer redis.Error
	if !errors.As(err, &answer) {
		return false
	}
	word, _, _ := strings.Cut(answer.Error(), " ")
	return slices.Contains(refusals, word)
}

// unsent reports whether an error says that no connection came about.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// classify marks an error as definite if the command certainly was not carried out.
func classify(err error) error {
	if refused(err) || unsent(err) {
		return cluster.Definite(err)
	}
	return err
}
