package chain

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/oplog"
	"github.com/faultline-dev/faultline/targets/embedded/route"
	"github.com/faultline-dev/faultline/targets/embedded/view"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// Update goes from a member to its successor: the operations after From.
type Update struct {
	View    uint64
	From    uint64
	Entries []oplog.Entry
}

// Ack goes from a member to its predecessor.
type Ack struct {
	View   uint64
	Number uint64 // up to which the sender has everything on its disk
	Stable uint64 // up to which the tail has
}

// Reply goes from the tail to the head, who owes the clients their answers: everything up
// to Number is done.
type Reply struct {
	View   uint64
	Number uint64
}

// Join asks the predecessor in a new view for what the sender lacks after Mark.
type Join struct {
	View uint64
	Mark oplog.Mark
}

// History answers a Join.
type History struct {
	View  uint64
	State oplog.State
}

const (
	tagUpdate byte = view.FirstTag + iota
	tagAck
	tagReply
	tagJoin
	tagHistory
)

// AppendBinary implements node.Message.
func (m *Update) AppendBinary(b []byte) ([]byte, error) {
	return oplog.AppendEntries(wire.AppendUints(append(b, tagUpdate), m.View, m.From), m.Entries), nil
}

// AppendBinary implements node.Message.
func (m *Ack) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagAck), m.View, m.Number, m.Stable), nil
}

// AppendBinary implements node.Message.
func (m *Reply) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagReply), m.View, m.Number), nil
}

// AppendBinary implements node.Message.
func (m *Join) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagJoin), m.View, m.Mark.Number, m.Mark.View), nil
}

// AppendBinary implements node.Message.
func (m *History) AppendBinary(b []byte) ([]byte, error) {
	return oplog.AppendState(wire.AppendUints(append(b, tagHistory), m.View), &m.State), nil
}

// Decode implements node.Codec.
func Decode(b []byte) (node.Message, error) {
	return wire.Decode("chain", b, kv.Message, route.Message, view.Message, message)
}

func message(tag byte, d *wire.Decoder) node.Message {
	switch tag {
	case tagUpdate:
		return &Update{View: d.Uint(), From: d.Uint(), Entries: oplog.TakeEntries(d)}
	case tagAck:
		return &Ack{View: d.Uint(), Number: d.Uint(), Stable: d.Uint()}
	case tagReply:
		return &Reply{View: d.Uint(), Number: d.Uint()}
	case tagJoin:
		return &Join{View: d.Uint(), Mark: oplog.Mark{Number: d.Uint(), View: d.Uint()}}
	case tagHistory:
		return &History{View: d.Uint(), State: oplog.TakeState(d)}
	}
	return nil
}
