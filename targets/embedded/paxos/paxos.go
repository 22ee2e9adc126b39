// Package paxos is a replicated store on Multi-Paxos with a stable leader (Lamport: Paxos
// Made Simple. ACM SIGACT News 32(4), 2001, section 3).
//
// The one idea: clients' commands stand in numbered slots, and each slot is an instance of
// the synod algorithm, by which acceptors choose one value for it. Its first phase is
// carried out once for all slots from a slot on; whoever has a majority's promises leads,
// and from then on a command takes the second phase alone.
//
//	           phase 1, once for a leader           phase 2, for each command
//	leader     prepare b ->                         accept b, slot, value ->
//	acceptors               <- promise b, accepted                    <- accepted b, slot
//
// A value that a majority has accepted in one ballot is chosen, and every later ballot
// proposes it again: the promises of any majority tell of it. Learners hear from the leader
// up to which slot all are chosen, and carry the commands out in the order of the slots.
//
// Every node is proposer, acceptor and learner. Start with acceptor.go and proposer.go, which
// are the algorithm; read.go has reads that need no slot, log.go what a node has accepted,
// storage.go what of that survives a crash, server.go a node's life.
package paxos

import (
	"fmt"

	"github.com/faultline-dev/faultline/harness/node"
)

// Reads says how a read learns that what it sees is current.
type Reads string

// The ways to read.
const (
	// ByRound has a majority confirm that it has promised nothing to a later leader.
	ByRound Reads = "round"
	// ByLog gives the read a slot, as if it changed something.
	ByLog Reads = "log"
)

// Bug is a planted mistake.
type Bug string

// The bugs.
const (
	NoBug                  Bug = ""
	AcceptedBeforeSync     Bug = "accepted-before-sync"
	PromisesIgnored        Bug = "promises-ignored"
	QuorumCountsDuplicates Bug = "quorum-counts-duplicates"
	UnconfirmedRead        Bug = "unconfirmed-read"
	ReadBeforeReady        Bug = "read-before-ready"
)

// Config is how the store is set up.
type Config struct {
	Reads Reads
	Bug   Bug
	// CompactAt is for the journal.Journal.
	CompactAt int
}

// Check reports what is wrong with a configuration.
func (c Config) Check() error {
	if c.Reads != ByRound && c.Reads != ByLog {
		return fmt.Errorf("paxos: unknown way to read %q", c.Reads)
	}
	return nil
}

// New returns the store as a system that a world can run.
func New(c Config) (node.System, error) {
	if err := c.Check(); err != nil {
		return node.System{}, err
	}
	return node.System{New: func() node.Node { return newServer(c) }, Codec: Decode}, nil
}

// Ballot numbers an attempt to lead. Each node has its own: those that leave its index
// when divided by the number of nodes. 0 is none.
type Ballot uint64

// owner is the index of the node that a ballot belongs to.
func (b Ballot) owner(nodes int) int { return int(b % Ballot(nodes)) }

// above is a node's first ballot above another one.
func (b Ballot) above(index, nodes int) Ballot {
	n := Ballot(nodes)
	return (b/n+1)*n + Ballot(index)
}
