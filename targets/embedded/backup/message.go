package backup

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/oplog"
	"github.com/faultline-dev/faultline/targets/embedded/route"
	"github.com/faultline-dev/faultline/targets/embedded/view"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// Prepare is the primary's: the operations after From, and up to where they are committed.
type Prepare struct {
	View    uint64
	From    uint64
	Entries []oplog.Entry
	Commit  uint64
}

// PrepareOK is a backup's: it has everything up to Number on its disk.
type PrepareOK struct {
	View   uint64
	Number uint64
}

// GetState asks the primary of a new view for what the sender lacks after Mark.
type GetState struct {
	View uint64
	Mark oplog.Mark
}

// NewState answers a GetState.
type NewState struct {
	View  uint64
	State oplog.State
}

const (
	tagPrepare byte = view.FirstTag + iota
	tagPrepareOK
	tagGetState
	tagNewState
)

// AppendBinary implements node.Message.
func (m *Prepare) AppendBinary(b []byte) ([]byte, error) {
	return oplog.AppendEntries(wire.AppendUints(append(b, tagPrepare), m.View, m.From, m.Commit), m.Entries), nil
}

// AppendBinary implements node.Message.
func (m *PrepareOK) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagPrepareOK), m.View, m.Number), nil
}

// AppendBinary implements node.Message.
func (m *GetState) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagGetState), m.View, m.Mark.Number, m.Mark.View), nil
}

// AppendBinary implements node.Message.
func (m *NewState) AppendBinary(b []byte) ([]byte, error) {
	return oplog.AppendState(wire.AppendUints(append(b, tagNewState), m.View), &m.State), nil
}

// Decode implements node.Codec.
func Decode(b []byte) (node.Message, error) {
	return wire.Decode("primary-backup", b, kv.Message, route.Message, view.Message, message)
}

func message(tag byte, d *wire.Decoder) node.Message {
	switch tag {
	case tagPrepare:
		return &Prepare{View: d.Uint(), From: d.Uint(), Commit: d.Uint(), Entries: oplog.TakeEntries(d)}
	case tagPrepareOK:
		return &PrepareOK{View: d.Uint(), Number: d.Uint()}
	case tagGetState:
		return &GetState{View: d.Uint(), Mark: oplog.Mark{Number: d.Uint(), View: d.Uint()}}
	case tagNewState:
		return &NewState{View: d.Uint(), State: oplog.TakeState(d)}
	}
	return nil
}
