package dynamo

import "github.com/faultline-dev/faultline/harness/node"

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
