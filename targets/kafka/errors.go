package kafka

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// refusedBefore are a leader's answers to a record that it did not append. A broker that
// does not lead answers so before it appends - but with acks=all also when it stops leading
// while it waits for its followers, after it has appended: see refused.
var refusedBefore = []error{
	kerr.NotEnoughReplicas, // and not NotEnoughReplicasAfterAppend
	kerr.UnknownTopicOrPartition,
	kerr.MessageTooLarge,
	kerr.InvalidRequiredAcks,
	kerr.CorruptMessage,
	kerr.UnknownProducerID,
	kerr.InvalidProducerEpoch,
}

// refusedUnlessWaiting are definite where the leader does not wait for followers.
var refusedUnlessWaiting = []error{kerr.NotLeaderForPartition, kerr.FencedLeaderEpoch}

// refused reports whether an answer to one attempt says that nothing was appended.
func refused(err error, waits bool) bool {
	is := func(known error) bool { return errors.Is(err, known) }
	return slices.ContainsFunc(refusedBefore, is) || !waits && slices.ContainsFunc(refusedUnlessWaiting, is)
}

// unsent reports whether an error says that the request never left: no connection came
// about.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// errNoLeader: the connection's node names no leader of the partition.
var errNoLeader = errors.New("the node knows no leader of the partition")

// lost marks an error after which the connection to a node should not be trusted.
func lost(err error) error { return fmt.Errorf("%w: %w", cluster.ErrDisconnected, err) }
