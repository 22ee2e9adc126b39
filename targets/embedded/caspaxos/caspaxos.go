// Package caspaxos is a replicated store without a leader and without a log (Rystsov:
// CASPaxos: Replicated State Machines without logs. arXiv:1802.07000, 2018).
//
// The one idea: each key is a register of its own, and all that is ever done to it is to
// change its state by a function: a read is the identity, a compare-and-set depends on what
// it finds. The node that a client asks is the proposer. It learns the state from a majority
// of the acceptors, applies the function, and has a majority accept what comes out.
//
//	proposer    prepare b ->                   f     accept b, f(state) ->
//	acceptors                <- promise b, state                           <- accepted b
//
// Two proposers that change the same key get in each other's way: an acceptor that has
// promised more to the other one answers with a conflict, and the proposer tries again with
// a higher ballot after a while. A change that an acceptor may have accepted must not be
// applied once more, so that states carry the ballot of each node's last change.
//
// Start with acceptor.go and proposer.go, which are the algorithm; state.go has the functions,
// ids.go unique ids, server.go a node's life.
package caspaxos

import "github.com/faultline-dev/faultline/harness/node"

// Bug is a planted mistake.
type Bug string

// The bugs.
const (
	NoBug                 Bug = ""
	IdentityNotAccepted   Bug = "identity-not-accepted"
	NamelessBallots       Bug = "nameless-ballots"
	AcceptedBallotDropped Bug = "accepted-ballot-dropped"
	TimedOutApplied       Bug = "timed-out-applied-twice"
	IDBlockReused         Bug = "id-block-reused"
)

// Config is how the store is set up.
type Config struct {
	Bug Bug
	// CompactAt is for the journal.Journal.
	CompactAt int
}

// New returns the store as a system that a world can run.
func New(c Config) node.System {
	return node.System{New: func() node.Node { return &server{cfg: c} }, Codec: Decode}
}

// Ballot numbers a round. Proposers are told apart by their names, and each life of a node
// is a proposer of its own: so a ballot is never used twice, though counters begin anew.
type Ballot struct{ Counter, Proposer uint64 }

// Less orders ballots.
func (b Ballot) Less(c Ballot) bool {
	return b.Counter < c.Counter || b.Counter == c.Counter && b.Proposer < c.Proposer
}
