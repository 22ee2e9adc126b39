package route

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// Forward hands a client's request to the leader. It names the term in which the sender
// believes that the receiver leads: a copy that the network kept for long is void, and
// within a term the leader knows the calls that it has seen.
type Forward struct {
	Term    uint64
	Session uint64 // the sender's life
	Call    uint64 // of the session
	Request kv.Request
}

// Answer answers a Forward.
type Answer struct {
	Session uint64
	Call    uint64
	Mark    uint64 // where in the leader's log the request stands; 0: it does not say
	Reply   kv.Reply
}

// Tags of messages, between those of package kv and those of the stores.
const (
	tagForward byte = iota + 8
	tagAnswer
)

// AppendBinary implements node.Message.
func (m *Forward) AppendBinary(b []byte) ([]byte, error) {
	b = wire.AppendUints(append(b, tagForward), m.Term, m.Session, m.Call)
	return kv.AppendRequest(b, &m.Request), nil
}

// AppendBinary implements node.Message.
func (m *Answer) AppendBinary(b []byte) ([]byte, error) {
	b = wire.AppendUints(append(b, tagAnswer), m.Session, m.Call, m.Mark)
	return kv.AppendReply(b, &m.Reply), nil
}

// Message decodes what follows a tag; nil if the tag is not one of this package.
func Message(tag byte, d *wire.Decoder) node.Message {
	switch tag {
	case tagForward:
		return &Forward{Term: d.Uint(), Session: d.Uint(), Call: d.Uint(), Request: kv.TakeRequest(d)}
	case tagAnswer:
		return &Answer{Session: d.Uint(), Call: d.Uint(), Mark: d.Uint(), Reply: kv.TakeReply(d)}
	}
	return nil
}
