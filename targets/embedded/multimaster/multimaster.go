// Package multimaster is a key-value store every node of which takes writes, after Johnson
// and Thomas, "The Maintenance of Duplicate Databases" (RFC 677, 1975), as a state machine
// on harness/node.
//
// The one idea: a write carries the time of the node that took it, and of two writes of a
// row the later one stands, wherever and in whatever order they arrive: one that comes too
// late has no effect. (This became known as the Thomas write rule; Thomas, "A Majority
// Consensus Approach to Concurrency Control for Multiple Copy Databases", ACM TODS 4(2),
// 1979.) So a node answers its clients alone, and tells the others when it can:
//
//	client        n1               n2               n3
//	  | -- write -> | sync           |                |
//	  | <- done --- | -- Replicate ->| ------------- >|    until each has answered
//	                | <- Replicated -|
//
// What that costs: reads may be stale, and of two writes that did not know of each other
// one is lost, be it the later one if a clock was wrong. A set is a row like any other, read,
// changed and written as a whole by the node that is asked, so elements are lost likewise.
//
// Start with server.go; replicate.go brings the others up to date.
package multimaster

import (
	"cmp"

	"github.com/faultline-dev/faultline/harness/node"
)

// Bug is a planted mistake.
type Bug string

// The bugs. Each is named after what it breaks.
const (
	NoBug                Bug = ""
	TieByArrival         Bug = "tie-by-arrival"         // of two writes with the same time, each node keeps the one that came last
	PositionBeforeAck    Bug = "position-before-ack"    // what was sent counts as received
	ReplicatedBeforeSync Bug = "replicated-before-sync" // clients and other nodes learn of a write that its node may then lose in a crash
)

// Config says what kind of store it is.
type Config struct {
	Bug       Bug
	CompactAt int // see journal.Journal
}

// New returns the store as a system that a world can run.
func New(c Config) (node.System, error) {
	return node.System{New: func() node.Node { return &server{cfg: c} }, Codec: Decode}, nil
}

// Kind is the kind of data that a row holds.
type Kind byte

// The kinds.
const (
	Register Kind = iota
	Set
)

// Key names a row. Registers and sets of the same number are different rows.
type Key struct {
	Kind Kind
	ID   int64
}

// Stamp is when a row was written, and orders the writes of it.
type Stamp struct {
	Time   int64   // wall clock, in milliseconds, as applications have it
	Node   node.ID // that took the write, and decides between writes of the same time
	Number uint64  // of the write among that node's
}

func (s Stamp) compare(t Stamp) int {
	return cmp.Or(cmp.Compare(s.Time, t.Time), cmp.Compare(s.Node, t.Node), cmp.Compare(s.Number, t.Number))
}

// Row is what a key holds. Rows travel in messages, so their elements are never changed.
type Row struct {
	Key      Key
	Stamp    Stamp
	Value    int64   // of a register
	Elements []int64 // of a set
}
