// Package kv is what clients say to the reference stores, and the state machine that
// answers them: registers, sets, counters, lists, locks and a source of ids.
//
// The one idea: a store is a replication protocol around one deterministic Machine, so that
// each protocol's package holds the protocol and nothing else. Request and Reply are the
// same for all of them; a store that does not offer an operation answers Unsupported.
// Start with Op, then Machine.
package kv

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// Op is a client's operation.
type Op uint8

// The operations. Value and Expect are of the Request, the answers in the Reply.
const (
	OpRead          Op = iota // the register's Value, if Found
	OpWrite                   // the register becomes Value
	OpCompareAndSet           // the register becomes Value if it is Expect; else Differs
	OpAdd                     // Value joins the set
	OpRemove                  // Value leaves the set
	OpReadAll                 // the set's Elements
	OpIncrement               // the counter grows by Value
	OpReadCounter             // the counter's Value
	OpAppend                  // Value joins the end of the list
	OpReadList                // the list's Elements
	OpNextID                  // a Value that nobody else gets
	OpAcquire                 // the lock, at the time Expect (ns) of who takes the request in: its token is Value
	OpRelease                 // the lock that was acquired with the token Value
	lastOp          = OpRelease
)

// Reads reports whether the operation changes nothing.
func (o Op) Reads() bool {
	return o == OpRead || o == OpReadAll || o == OpReadCounter || o == OpReadList
}

// Blind reports whether the operation changes something whatever there is, and says nothing
// of it.
func (o Op) Blind() bool {
	return o == OpWrite || o == OpAdd || o == OpRemove || o == OpIncrement || o == OpAppend
}

// Request is a client's request, to any node.
type Request struct {
	Op     Op
	Key    int64
	Value  int64
	Expect int64
}

// Status is how a request ended.
type Status uint8

// The statuses.
const (
	Done        Status = iota
	Differs            // a compare-and-set found another value, which the reply carries
	Unsupported        // the store does not offer the operation
	Refused            // it failed and certainly had no effect
	Uncertain          // it may have taken effect, or may yet
	NotLeader          // between nodes: the receiver does not lead and did nothing
	NotHere            // between groups: the receiver does not have the key and did nothing
	lastStatus  = NotHere
)

// Reply is the answer to a client.
type Reply struct {
	Status   Status
	Found    bool // the register was written
	Value    int64
	Elements []int64
	Reason   string // of Refused and Uncertain
}

// Refuse is the answer to what certainly had no effect.
func Refuse(reason string) *Reply { return &Reply{Status: Refused, Reason: reason} }

// Doubt is the answer to what may have had one.
func Doubt(reason string) *Reply { return &Reply{Status: Uncertain, Reason: reason} }

// Tags of messages. A store numbers its own from FirstTag on.
const (
	tagRequest byte = iota + 1
	tagReply
	tagChange
	tagAskMembers
	tagMembers
	FirstTag byte = 16
)

// AppendBinary implements node.Message.
func (r *Request) AppendBinary(b []byte) ([]byte, error) {
	return AppendRequest(append(b, tagRequest), r), nil
}

// AppendBinary implements node.Message.
func (r *Reply) AppendBinary(b []byte) ([]byte, error) {
	return AppendReply(append(b, tagReply), r), nil
}

// Message decodes what follows a tag; nil if the tag is not one of this package.
func Message(tag byte, d *wire.Decoder) node.Message {
	switch tag {
	case tagRequest:
		r := TakeRequest(d)
		return &r
	case tagReply:
		r := TakeReply(d)
		return &r
	case tagChange:
		return &Change{Join: d.Flag(), Node: node.ID(d.String())}
	case tagAskMembers:
		return AskMembers{}
	case tagMembers:
		return &Members{Nodes: TakeNodes(d)}
	}
	return nil
}

// AppendRequest appends a request's fields.
func AppendRequest(b []byte, r *Request) []byte {
	return wire.AppendInts(append(b, byte(r.Op)), r.Key, r.Value, r.Expect)
}

// AppendReply appends a reply's fields.
func AppendReply(b []byte, r *Reply) []byte {
	b = wire.AppendInts(append(b, byte(r.Status), wire.Flag(r.Found)), r.Value)
	return wire.AppendBytes(wire.AppendList(b, r.Elements), r.Reason)
}

// TakeRequest reads what AppendRequest wrote.
func TakeRequest(d *wire.Decoder) Request {
	return Request{Op: Op(d.UpTo(byte(lastOp))), Key: d.Int(), Value: d.Int(), Expect: d.Int()}
}

// TakeReply reads what AppendReply wrote.
func TakeReply(d *wire.Decoder) Reply {
	return Reply{
		Status: Status(d.UpTo(byte(lastStatus))), Found: d.Flag(), Value: d.Int(),
		Elements: d.List(), Reason: d.String(),
	}
}
