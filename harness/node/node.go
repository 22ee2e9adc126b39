// Package node is what one node of a reference system sees of the world: messages,
// timers, its disk, its clocks and its own stream of random numbers.
//
// The one idea: a node is an event-driven state machine that never blocks. Everything
// that takes time is a request whose end is a later event, a call of a function that the
// node handed in. So the same code runs in the simulated world (harness/sim), where a
// seed decides everything, and as a process on TCP with a real disk (targets/host).
// Start with Node, then Env.
package node

import (
	"math/rand/v2"
	"time"
)

// ID names a node: n1, n2, ...
type ID string

// Message is what nodes and clients exchange. In the simulation the value itself is
// handed over, so sender and receiver must treat it as immutable; over TCP it is its bytes.
type Message interface {
	// AppendBinary appends the encoding, which the system's Codec decodes.
	AppendBinary(b []byte) ([]byte, error)
}

// Codec turns bytes back into messages. It must not panic on any input, nor keep b.
type Codec func(b []byte) (Message, error)

// RequestID names a client's request at the node that received it. It is never reused
// within one life of the node.
type RequestID uint64

// Node is a state machine. Its methods, and the functions that it hands to its Env, are
// called one at a time; none may block.
type Node interface {
	// Start is called once in a node's life, before anything else: at first start and
	// after each crash, then with what the disk still holds.
	Start(env Env)
	// Receive is called for each message of a peer.
	Receive(from ID, m Message)
	// Request is called for each request of a client; the answer goes out by Env.Reply.
	Request(id RequestID, m Message)
}

// Factory makes a node in its state before Start.
type Factory func() Node

// System is everything that a world needs to run a reference system.
type System struct {
	New   Factory
	Codec Codec // of messages between nodes and of clients' requests and replies
}

// Env is a node's world. It is valid for one life of the node.
type Env interface {
	// ID is the node's name, Peers all nodes of the cluster, itself included, in order.
	ID() ID
	Peers() []ID

	// Send sends to a peer; it may be lost, late, twice or out of order.
	Send(to ID, m Message)
	// Reply answers a request; answers to a client that is gone are dropped.
	Reply(id RequestID, m Message)

	// After calls f once, d from now by the node's monotonic clock, unless stopped.
	After(d time.Duration, f func()) Timer
	// Now is the node's monotonic clock: it may drift but never steps. Zero is arbitrary.
	Now() time.Duration
	// Wall is the node's wall clock in nanoseconds since the Unix epoch: it may drift,
	// step and go back.
	Wall() int64

	// Disk is the node's own.
	Disk() Disk
	// Rand is the node's own stream.
	Rand() *rand.Rand

	// Leading reports, for the telemetry track, that this node now believes that it
	// leads in term (or, with leads false, that it no longer does).
	Leading(term uint64, leads bool)
	// Logf writes a line to the node's log.
	Logf(format string, args ...any)
	// Fatalf ends the node's life as a panic of a real process would: the run reports it.
	Fatalf(format string, args ...any)
}

// Timer is a pending After.
type Timer interface {
	// Stop prevents the call; it does nothing if that has happened.
	Stop()
}

// Disk is a node's directory of files, behind a write-back cache: what was written is
// read back at once, but survives a crash for certain only when a later Sync of the file
// has completed. Without it each write may be kept, lost, or torn.
// Requests on one file complete in order. done may be nil.
type Disk interface {
	// Read returns a file's content, nil if there is none. Meant for Start; it is
	// the one call that answers at once.
	Read(file string) ([]byte, error)
	// Append adds data to the end of a file, creating it.
	Append(file string, data []byte, done func(error))
	// Replace puts data in the place of the file's whole content, atomically once synced:
	// after a crash the file holds the old content or the new.
	Replace(file string, data []byte, done func(error))
	// Sync makes everything requested for the file before it survive a crash.
	Sync(file string, done func(error))
}
