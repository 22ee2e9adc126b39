// Package sharded is a store whose keys are hashed into shards and whose shards are spread
// over several Raft groups, between which they move while clients write: what Corbett and
// others do with fragments of a directory ("Spanner: Google's Globally-Distributed Database",
// OSDI 2012, section 2.2), in the form of the sharded key-value store of MIT's course 6.824.
//
// The one idea: who may serve a shard is decided in the groups' own logs, not by the routing
// table. The table, which a group of its own keeps (the configuration group), says where a
// shard shall be. The move itself is a chain of log entries, each of which is applied once
// however often it is proposed, for every assignment of a shard has a version of its own:
//
//	configuration group   assign: shard 3 to group 2, version 8
//	group 1, which has it   freeze 3 at 8: from here on it serves the shard no more
//	group 1 to group 2      Transfer: all that the shard held at its freezing
//	group 2               install 3 at 8: from here on it serves it
//	group 2 to group 1      Taken
//	group 1               forget 3 at 8
//
// At any point of time at most one group has the shard unfrozen. A node may send a request
// to the wrong one, for its copy of the table may be old; the answer says that the shard is
// not there, which promises that nothing was done, and the node looks into its table again.
//
// Every node is a member of every group. Start with holdings.go (what a group has, and its
// log entries), then table.go, then move.go (who proposes what) and server.go (a node).
package sharded

import (
	"fmt"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
)

// Shards is how many there are.
const Shards = 6

// MaxGroups bounds the groups that share them.
const MaxGroups = 4

// Bug is a planted mistake.
type Bug string

// The bugs.
const (
	NoBug          Bug = ""
	TwoOwners      Bug = "shard-of-two-groups"
	CopyThenFreeze Bug = "copy-then-freeze"
	Unversioned    Bug = "table-without-version"
	InstallTwice   Bug = "shard-installed-twice"
)

// Config is how the store is set up.
type Config struct {
	// Groups share the shards; the configuration group comes on top.
	Groups int
	// MoveEvery is the mean time between two moves, which the configuration group's leader
	// orders by itself; 0 means DefaultMoveEvery, less than 0 that it orders none.
	MoveEvery time.Duration
	Bug       Bug
}

// DefaultMoveEvery has each shard move a few times in a short run.
const DefaultMoveEvery = 600 * time.Millisecond

// New returns the store as a system that a world can run.
func New(c Config) (node.System, error) {
	if c.Groups < 2 || c.Groups > MaxGroups {
		return node.System{}, fmt.Errorf("sharded: %d groups; there can be 2 to %d", c.Groups, MaxGroups)
	}
	if c.MoveEvery == 0 {
		c.MoveEvery = DefaultMoveEvery
	}
	return node.System{New: func() node.Node { return newServer(c) }, Codec: Decode}, nil
}

// ShardOf is the shard of a key.
func ShardOf(key int64) int {
	const golden = 0x9e3779b97f4a7c15 // Fibonacci hashing (Knuth, volume 3, section 6.4)
	return int(uint64(key) * golden >> 32 % Shards)
}
