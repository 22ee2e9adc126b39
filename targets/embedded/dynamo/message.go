package dynamo

import "github.com/faultline-dev/faultline/harness/node"

// What clients say.

// Op is a client's operation.
type Op uint8

// The operations.
const (
	OpRead Op = iota
	OpWrite
	OpCompareAndSet // refused: without an order that all replicas agree on there is none
	OpAdd
	OpReadAll
)

// Request is a client's request to its coordinator.
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
	Done        Status = iota
	Unsupported        // the store does not offer the operation
	Refused            // it failed and certainly had no effect
	Uncertain          // it may have taken effect, or may yet
)

// Reply is the coordinator's answer.
type Reply struct {
	Status   Status
	Found    bool // of a read: the register was written
	Value    int64
	Elements []int64
	Reason   string // unless Done
}

// What nodes say to each other.

// Get asks a replica what it holds of a key; the answer is Held.
type Get struct {
	Call uint64
	Key  Key
}

// Put gives a replica something to merge and to keep before it answers with Held.
type Put struct {
	Call  uint64 // 0: no answer is wanted
	Key   Key
	Value Value
	// For is the home that the receiver stands in for: it keeps the value as a hint, apart
	// from its own data, and hands it over when the home is back. Empty: it is a home.
	For node.ID
	// Report asks for all that the receiver then holds of the key.
	Report bool
}

// Held answers a Get or a Put.
type Held struct {
	Call  uint64
	Value Value // empty if the Put did not ask for a report
}

// Probe asks a node that went silent whether it is back; Alive says so.
type (
	Probe struct{}
	Alive struct{}
)
