package etcd

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// refusedBefore are etcd's answers to a request that it turned away before it proposed
// anything to Raft. Its timeouts, a stopping server and a changed leader are not among
// them: what was proposed may be committed by whoever leads next.
var refusedBefore = []error{
	rpctypes.ErrTooManyRequests,
	rpctypes.ErrNoSpace,
	rpctypes.ErrRequestTooLarge,
	rpctypes.ErrNotCapable,
	rpctypes.ErrNoLeader,
}

// refusedWords are those of refusals that have no code of their own. Raft drops a proposal
// where no leader is known: it enters no log.
var refusedWords = []string{"raft proposal dropped"}

// neverSent are the words of gRPC, under the code Unavailable, when there was no
// connection to send the request by.
var neverSent = []string{"Error while dialing", "there is no address available", "there is no connection available"}

// pause keeps a member that refuses connections from filling the history with failures.
const pause = 100 * time.Millisecond

// classify marks an error as definite if the operation certainly did not happen.
func classify(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	words := err.Error()
	switch {
	case slices.ContainsFunc(refusedBefore, func(known error) bool { return errors.Is(rpctypes.Error(err), known) }),
		contains(words, refusedWords):
		return cluster.Definite(err)
	case code(err) == codes.Unavailable && contains(words, neverSent):
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		return cluster.Definite(err)
	}
	return err
}

func contains(words string, any []string) bool {
	return slices.ContainsFunc(any, func(w string) bool { return strings.Contains(words, w) })
}

// code is an error's, whether gRPC's or etcd's.
func code(err error) codes.Code {
	var e rpctypes.EtcdError
	if errors.As(err, &e) {
		return e.Code()
	}
	return status.Code(err)
}
