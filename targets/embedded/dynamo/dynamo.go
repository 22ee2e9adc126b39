// Package dynamo is a leaderless key-value store after DeCandia and others, "Dynamo:
// Amazon's Highly Available Key-value Store" (SOSP 2007), as a state machine on
// harness/node.
//
// The one idea: whatever a key holds is a lattice. A register keeps the write with the
// highest stamp, a set the union of what was added. Replicas only ever merge, so messages
// may be lost, late, repeated or reordered without harm, and one pair of messages carries
// everything: Get asks a replica for what it holds, Put gives it something to merge.
//
// Every node coordinates the requests of its own clients. The ring (ring.go) names a key's
// preference list: the first N nodes are its homes, the others may stand in for them. How a
// coordinator uses that is the mode:
//
//   - LastWriteWins (quorum.go) is Dynamo: stamps from the coordinator's wall clock,
//     sloppy quorums of R and W, hinted handoff, read repair. Whatever was acknowledged
//     reaches all homes in the end; a later write with an earlier stamp loses, and reads
//     may be stale. Sets are merged as Dynamo's shopping carts are, so that no
//     acknowledged element is lost.
//   - Siblings (siblings.go) uses the same quorums, but no clock: versions that did not know
//     of each other stay side by side, so that no acknowledged write is lost, and elements of
//     sets can be removed.
//   - Atomic (atomic.go) makes reads and writes linearizable by two phases over a strict
//     majority of the homes, after Attiya, Bar-Noy and Dolev, "Sharing Memory Robustly in
//     Message-Passing Systems" (JACM 1995), and its extension to many writers by Lynch and
//     Shvartsman (FTCS 1997).
//
// Replicas differ until hints are delivered (handoff.go), reads repair them, or they compare
// their keys by Merkle trees (merkle.go). Nodes join and leave the ring (view.go). Start with
// Config, then server.go.
package dynamo

import (
	"fmt"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
)

// Mode is how a coordinator uses the replicas.
type Mode string

// The modes.
const (
	LastWriteWins Mode = "lww"
	Siblings      Mode = "siblings"
	Atomic        Mode = "abd"
)

// Bug is a planted mistake.
type Bug string

// The bugs. Each is named after what it breaks.
const (
	NoBug          Bug = ""
	HintsDropped   Bug = "hints-dropped"           // hints live in memory only
	NoWriteBack    Bug = "no-write-back"           // an atomic read returns without its second phase
	AckBeforeSync  Bug = "replica-ack-before-sync" // the log is synced by a timer, acknowledgements do not wait
	TimestampReuse Bug = "timestamp-reuse"         // nothing sets one write of a coordinator apart from another
	HintedMajority Bug = "hinted-majority"         // stand-ins count towards an atomic operation's majority

	SiblingsOverwritten     Bug = "siblings-overwritten"      // a write replaces what a quorum holds, not what its client has read
	TombstoneCollectedEarly Bug = "tombstone-collected-early" // the grace period is half a second
	DropBeforeHandover      Bug = "drop-before-handover"      // a node drops what it is no home of any more, before the homes have it
	RepairResurrects        Bug = "repair-resurrects"         // a read repair knows no tombstones, and writes over them
)

// Config says what kind of store it is.
type Config struct {
	Mode         Mode
	N            int           // homes of a key; all nodes if there are fewer
	R, W         int           // answers that a read and a write wait for; LastWriteWins only
	Strict       bool          // no stand-ins: a quorum counts homes only; Atomic always is
	AntiEntropy  bool          // homes compare their keys now and then; not needed by Atomic
	VirtualNodes int           // places on the ring that each node takes
	Grace        time.Duration // of a tombstone; Siblings only
	Bug          Bug
	// CompactAt is the size of the log, in bytes, from which on it is rewritten; 0 means
	// DefaultCompactAt.
	CompactAt int
}

// earlyGrace is the grace period of TombstoneCollectedEarly.
const earlyGrace = 500 * time.Millisecond

// DefaultCompactAt keeps recovery short and rewrites rare.
const DefaultCompactAt = 256 << 10

// Check reports what is wrong with a configuration.
func (c Config) Check() error {
	switch {
	case c.Mode != LastWriteWins && c.Mode != Siblings && c.Mode != Atomic:
		return fmt.Errorf("dynamo: unknown mode %q", c.Mode)
	case c.N < 1:
		return fmt.Errorf("dynamo: n=%d: a key needs at least one home", c.N)
	case c.Mode != Atomic && (c.R < 1 || c.R > c.N):
		return fmt.Errorf("dynamo: r=%d: a read waits for 1 to n=%d answers", c.R, c.N)
	case c.Mode != Atomic && (c.W < 1 || c.W > c.N):
		return fmt.Errorf("dynamo: w=%d: a write waits for 1 to n=%d answers", c.W, c.N)
	case c.VirtualNodes < 1:
		return fmt.Errorf("dynamo: vnodes=%d: a node needs at least one place on the ring", c.VirtualNodes)
	}
	return nil
}

// New returns the store as a system that a world can run.
func New(c Config) (node.System, error) {
	if err := c.Check(); err != nil {
		return node.System{}, err
	}
	if c.Bug == TombstoneCollectedEarly {
		c.Grace = earlyGrace
	}
	if c.CompactAt == 0 {
		c.CompactAt = DefaultCompactAt
	}
	return node.System{New: func() node.Node { return newServer(c) }, Codec: Decode}, nil
}
