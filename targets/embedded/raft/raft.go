// Package raft is a replicated store of registers, sets, counters, lists, locks and ids on
// the Raft consensus protocol (Ongaro and Ousterhout, USENIX ATC 2014), with the protocol
// core of go.etcd.io/raft.
//
// The one idea: the core is a pure state machine, and so is everything around it. What the
// core wants written is appended to a log file, and nothing that depends on it, be it a
// vote, an acknowledgement or a reply, leaves the node before the disk has it. The core's
// own election timeouts come from a random source that cannot be seeded, so that they are
// left unused: election.go times elections with the node's stream.
//
//	client -> any node -> its leader -> log entry -> majority -> applied -> reply, back again
//
// Start with server.go (one node's life; package route says how a request finds the leader),
// then read.go (reads that need no log entry), members.go (who belongs to it), storage.go and
// log.go (what survives a crash). A Server can have any Machine, so that another store can be
// made of several groups.
package raft

import (
	"fmt"

	"github.com/faultline-dev/faultline/harness/node"
)

// Reads says how a read learns that what it sees is current.
type Reads string

// The ways to read.
const (
	// ByIndex asks a majority whether the leader still leads: linearizable.
	ByIndex Reads = "index"
	// ByLease lets the leader answer alone while no other one can have been elected, by
	// its clock: linearizable as long as the clocks' rates differ by less than MaxDrift.
	ByLease Reads = "lease"
	// Locally answers from what the node itself has applied, which may be old.
	Locally Reads = "local"
)

// Clock names the clock that measures a lease.
type Clock string

// The clocks.
const (
	Monotonic Clock = "monotonic"
	WallClock Clock = "wall" // which may step: a lease by it can outlive its leader
)

// Bug is a planted mistake.
type Bug string

// The bugs.
const (
	NoBug            Bug = ""
	StaleRead        Bug = "stale-read"
	VoteNotPersisted Bug = "vote-not-persisted"
	AckBeforeSync    Bug = "ack-before-sync"
	AckBeforeQuorum  Bug = "ack-before-quorum"
	LeaseWallClock   Bug = "lease-wall-clock"
	RetryTwice       Bug = "retry-applied-twice"
	SnapshotBehind   Bug = "snapshot-behind"
	IDReset          Bug = "id-reset"
	// ChangeBeforeCommit names what Ongaro found in the first published form of changes of
	// one member ("bug in single-server membership changes", raft-dev, 2015) in its crudest form.
	ChangeBeforeCommit Bug = "members-before-commit"
)

// Config is how the store is set up.
type Config struct {
	Reads      Reads
	LeaseClock Clock
	Bug        Bug
	// CompactAt is the size of the log file, in bytes, from which on it is rewritten as a
	// snapshot and what follows it; 0 means DefaultCompactAt.
	CompactAt int
}

// DefaultCompactAt keeps recovery short and rewrites rare.
const DefaultCompactAt = 64 << 10

// bugCompactAt makes snapshots frequent, for the bugs that show in them.
const bugCompactAt = 4 << 10

// Check reports what is wrong with a configuration.
func (c Config) Check() error {
	switch {
	case c.Reads != ByIndex && c.Reads != ByLease && c.Reads != Locally:
		return fmt.Errorf("raft: unknown way to read %q", c.Reads)
	case c.LeaseClock != Monotonic && c.LeaseClock != WallClock:
		return fmt.Errorf("raft: unknown clock %q", c.LeaseClock)
	}
	return nil
}

// New returns the store as a system that a world can run.
func New(c Config) (node.System, error) {
	if err := c.Check(); err != nil {
		return node.System{}, err
	}
	switch c.Bug {
	case StaleRead:
		c.Reads = Locally
	case LeaseWallClock:
		c.Reads, c.LeaseClock = ByLease, WallClock
	case SnapshotBehind, IDReset:
		c.CompactAt = bugCompactAt
	}
	return node.System{New: func() node.Node { return NewServer(c, c.machine()) }, Codec: Decode}, nil
}

// machine is the state machine of the whole store.
func (c Config) machine() Machine {
	if c.Bug == IDReset {
		return &forgetful{}
	}
	return &machine{}
}
