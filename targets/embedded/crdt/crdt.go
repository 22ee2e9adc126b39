// Package crdt is a store of conflict-free replicated data types after Shapiro, Preguiça,
// Baquero and Zawirski, "Conflict-free Replicated Data Types" (SSS 2011), and their
// "Comprehensive study of Convergent and Commutative Replicated Data Types" (INRIA report
// 7506, 2011), as a state machine on harness/node.
//
// The one idea: what a node holds only ever grows in a semilattice, and merging takes the
// least upper bound. So every node answers its clients alone, and nodes that have merged the
// same updates, in whatever order and however often, hold the same. There are
//
//   - grow-only sets: merged by union (specification 11 of the report);
//   - observed-remove sets: an addition tags its element uniquely, a removal takes away the
//     tags that its node has observed, so that an addition beside it stands (specification
//     15, and SSS 2011, section 3.3). A tag that was taken away stays as a tombstone for as
//     long as somebody may not know of it (tombstone.go);
//   - PN-counters: each node counts its own increments and decrements, and of two versions
//     of a node's counts the greater is the later one (specification 7);
//   - ids, which need no merging: each node numbers its own.
//
// Nodes gossip what changed since a peer last confirmed it, instead of their whole state:
// delta-intervals (Almeida, Shoker and Baquero, "Efficient State-based CRDTs by
// Delta-Mutation", NETYS 2015, algorithm 2), to a peer drawn at random, as in epidemic
// anti-entropy (Demers and others, PODC 1987).
//
// Start with item.go, the lattices; then server.go and gossip.go.
package crdt

import "github.com/faultline-dev/faultline/harness/node"

// Bug is a planted mistake.
type Bug string

// The bugs. Each is named after what it breaks.
const (
	NoBug                 Bug = ""
	RemoveDropsAdd        Bug = "remove-drops-add"        // a removal takes the element away, not the tags that were observed
	CounterLastWriter     Bug = "counter-last-writer"     // of two versions of a node's counts the one that came last stands
	CounterNotPersisted   Bug = "counter-not-persisted"   // increments are acknowledged before they are on the disk
	IDsReset              Bug = "ids-reset"               // the last id that was given out lives in memory only
	TombstoneDroppedEarly Bug = "tombstone-dropped-early" // a tombstone goes after a while, whoever knows of it by then
)

// Sets is the kind of sets that a store offers.
type Sets string

// The kinds of sets.
const (
	ObservedRemove Sets = "observed-remove"
	GrowOnly       Sets = "grow-only"
)

// Config says what kind of store it is.
type Config struct {
	Sets      Sets
	Bug       Bug
	CompactAt int // see journal.Journal
}

// New returns the store as a system that a world can run.
func New(c Config) (node.System, error) {
	return node.System{New: func() node.Node { return &server{cfg: c} }, Codec: Decode}, nil
}
