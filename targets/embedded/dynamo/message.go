package dynamo

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// What clients of mode Siblings say.

// Ask is a request of a client that says what it has seen: of the register to write, or of
// the element to remove.
type Ask struct {
	kv.Request
	Seen      Context
	InContext bool // an Answer is wanted; a plain kv.Request gets a kv.Reply
}

// Answer is the reply to it, with what the client may then say to have seen: of the register
// or the element, or of each element that it has read. Elements are all values of a register.
type Answer struct {
	kv.Reply
	Seen []Context
}

// What nodes say to each other.

// Get asks a replica what it holds of a key; the answer is Held.
type Get struct {
	Call    uint64
	Key     Key
	One     bool  // of a set, only the versions of Element are asked for
	Element int64 // 0 unless One
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
