package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/stats"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/targets/docker"
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
	rpctypes.ErrLeaseNotFound, // said as a transaction is applied, which then changes nothing
}

// refusedWords are those of refusals that have no code of their own. Raft drops a proposal
// where no leader is known: it enters no log.
var refusedWords = []string{"raft proposal dropped"}

// attempt says whether a request was handed to a connection. gRPC tells by way of its
// statistics, which is surer than the words of its errors.
type attempt struct{ sent atomic.Bool }

type attemptKey struct{}

// try is a context whose request can be asked whether it was sent.
func try(ctx context.Context) (context.Context, *attempt) {
	a := &attempt{}
	return context.WithValue(ctx, attemptKey{}, a), a
}

// sendings is the gRPC statistics handler that marks attempts.
type sendings struct{}

func (sendings) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (sendings) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if _, ok := s.(*stats.OutHeader); !ok {
		return
	}
	if a, ok := ctx.Value(attemptKey{}).(*attempt); ok {
		a.sent.Store(true)
	}
}

func (sendings) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (sendings) HandleConn(context.Context, stats.ConnStats)                       {}

// classify marks an error as definite if the operation certainly did not happen.
func (a *attempt) classify(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case !a.sent.Load():
		docker.Rest(ctx)
		return cluster.Definite(fmt.Errorf("not sent: %w", err))
	case refused(err):
		return cluster.Definite(err)
	}
	return err
}

func refused(err error) bool {
	return slices.ContainsFunc(refusedBefore, func(known error) bool { return errors.Is(rpctypes.Error(err), known) }) ||
		slices.ContainsFunc(refusedWords, func(w string) bool { return strings.Contains(err.Error(), w) })
}
