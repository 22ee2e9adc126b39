package raft

import pb "go.etcd.io/raft/v3/raftpb"

// What clients say.

// Op is a client's operation.
type Op uint8

// The operations.
const (
	OpRead Op = iota
	OpWrite
	OpCompareAndSet
	OpAdd
	OpReadAll
)

// reads reports whether the operation changes nothing.
func (o Op) reads() bool { return o == OpRead || o == OpReadAll }

// Request is a client's request, to any node.
type Request struct {
	Op     Op
	Key    int64
	Value  int64 // to write or add
	Expect int64 // of a compare-and-set
}

// Status is how a request ended.
type Status uint8

// The statuses.
const (
	Done      Status = iota
	Differs          // a compare-and-set found another value, which the reply carries
	Refused          // it failed and certainly had no effect
	Uncertain        // it may have taken effect, or may yet
	NotLeader        // between nodes: the receiver does not lead and did nothing
)

// Reply is the answer to a client.
type Reply struct {
	Status   Status
	Found    bool // the register was written
	Value    int64
	Elements []int64
	Reason   string // of Refused and Uncertain
}

// What nodes say to each other.

// Forward hands a client's request to the leader. It names the term in which the sender
// believes that the receiver leads: a copy that the network kept for long is void, and
// within a term the leader knows the calls that it has seen.
type Forward struct {
	Term    uint64
	Session uint64 // the sender's life
	Call    uint64 // of the session
	Request Request
}

// Answer answers a Forward.
type Answer struct {
	Session uint64
	Call    uint64
	Reply   Reply
}

// Peer is a message of the protocol core.
type Peer struct{ M *pb.Message }
