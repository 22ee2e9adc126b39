// Package chain is a replicated store on chain replication (van Renesse and Schneider:
// "Chain Replication for Supporting High Throughput and Availability", OSDI 2004).
//
// The one idea: the members of a view stand in a line. Changes enter at the head, which
// numbers them, and pass from each member to its successor once they are on its disk; what
// reaches the tail is on every disk, so it is acknowledged there, and the tail answers the
// reads. The tail's acknowledgement goes back along the chain, and until it has passed, a
// member keeps what it sent: if its successor fails, the next one may lack some of that.
//
//	changes -> head --Update--> middle --Update--> tail <- reads
//	            |   <---Ack----        <---Ack----  |
//	            +<-------------- Reply -------------+
//
// The paper's master, which says who is in the chain, is here an agreement of a majority of
// all nodes (package view). As no failure can be told from silence, a tail also asks all
// members, before it answers a read, whether they still know no later chain.
//
// Start with server.go (a node's life), then link.go (what passes between neighbours).
package chain

import (
	"fmt"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/oplog"
)

// Bug is a planted mistake.
type Bug string

// The bugs.
const (
	NoBug        Bug = ""
	OldTailReads Bug = "old-tail-reads"
	SentDropped  Bug = "sent-list-dropped"
	HeadAcks     Bug = "head-acknowledges"
	EarlyTail    Bug = "tail-added-early"
)

// Config is how the store is set up.
type Config struct {
	Bug Bug
	// Replicas is how many nodes are in a view, if so many are there.
	Replicas int
	// CompactAt is the size of the log file, in bytes, from which on it is rewritten; 0
	// means oplog.DefaultCompactAt.
	CompactAt int
}

// Check reports what is wrong with a configuration.
func (c Config) Check() error {
	if c.Replicas < 1 {
		return fmt.Errorf("chain: a chain of %d nodes", c.Replicas)
	}
	return nil
}

// New returns the store as a system that a world can run.
func New(c Config) (node.System, error) {
	if err := c.Check(); err != nil {
		return node.System{}, err
	}
	if c.CompactAt == 0 {
		c.CompactAt = oplog.DefaultCompactAt
	}
	return node.System{New: func() node.Node { return &server{cfg: c} }, Codec: Decode}, nil
}
