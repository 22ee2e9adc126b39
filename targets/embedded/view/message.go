package view

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// Prepare asks for a promise to accept no older ballot for the view after Current.
type Prepare struct {
	Current View
	Ballot  uint64
}

// Promise answers a Prepare, or an Accept that came too late. Its ballot is the one
// promised: if that is not the one asked for, it is a refusal.
type Promise struct {
	View     uint64 // the number to be decided
	Ballot   uint64
	Accepted uint64 // the ballot in which Value was accepted; 0: none
	Value    View
}

// Accept asks to accept a view.
type Accept struct {
	Ballot uint64
	Value  View
}

// Accepted answers an Accept.
type Accepted struct {
	View   uint64
	Ballot uint64
}

// Decided tells a node of a view that a majority has accepted.
type Decided struct{ View View }

// Beat is what each node tells the others all the time.
type Beat struct {
	View    uint64 // the last one it has heard of
	Heard   []bool // which nodes it has heard lately, in the order of all nodes
	Passive bool   // it takes no part in that view
	Ready   bool   // it lacks nothing, so that it may be first in the next one
}

// Ask asks a member whether the view is the last one that it has heard of.
type Ask struct{ View, Round uint64 }

// Confirm says that it is.
type Confirm struct{ View, Round uint64 }

// Tags of messages. A store numbers its own from FirstTag on.
const (
	tagPrepare byte = kv.FirstTag + iota
	tagPromise
	tagAccept
	tagAccepted
	tagDecided
	tagBeat
	tagAsk
	tagConfirm
	FirstTag
)

func appendView(b []byte, v *View) []byte {
	b = wire.AppendUints(b, v.Number, uint64(len(v.Members)))
	for _, m := range v.Members {
		b = wire.AppendUints(wire.AppendBytes(b, m.ID), m.Since)
	}
	return b
}

func takeView(d *wire.Decoder) View {
	return View{Number: d.Uint(), Members: wire.Take(d, func(d *wire.Decoder) Member { return Member{node.ID(d.String()), d.Uint()} })}
}

// takeMembers takes a view that has members.
func takeMembers(d *wire.Decoder) View {
	v := takeView(d)
	if len(v.Members) == 0 {
		d.Fail()
	}
	return v
}

// AppendBinary implements node.Message.
func (m *Prepare) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(appendView(append(b, tagPrepare), &m.Current), m.Ballot), nil
}

// AppendBinary implements node.Message.
func (m *Promise) AppendBinary(b []byte) ([]byte, error) {
	return appendView(wire.AppendUints(append(b, tagPromise), m.View, m.Ballot, m.Accepted), &m.Value), nil
}

// AppendBinary implements node.Message.
func (m *Accept) AppendBinary(b []byte) ([]byte, error) {
	return appendView(wire.AppendUints(append(b, tagAccept), m.Ballot), &m.Value), nil
}

// AppendBinary implements node.Message.
func (m *Accepted) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagAccepted), m.View, m.Ballot), nil
}

// AppendBinary implements node.Message.
func (m *Decided) AppendBinary(b []byte) ([]byte, error) {
	return appendView(append(b, tagDecided), &m.View), nil
}

// AppendBinary implements node.Message.
func (m *Beat) AppendBinary(b []byte) ([]byte, error) {
	b = wire.AppendUints(append(b, tagBeat), m.View, uint64(len(m.Heard)))
	for _, h := range m.Heard {
		b = append(b, wire.Flag(h))
	}
	return append(b, wire.Flag(m.Passive), wire.Flag(m.Ready)), nil
}

// AppendBinary implements node.Message.
func (m *Ask) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagAsk), m.View, m.Round), nil
}

// AppendBinary implements node.Message.
func (m *Confirm) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagConfirm), m.View, m.Round), nil
}

// Message decodes what follows a tag; nil if the tag is not one of this package.
func Message(tag byte, d *wire.Decoder) node.Message {
	switch tag {
	case tagPrepare:
		return &Prepare{Current: takeMembers(d), Ballot: d.Uint()}
	case tagPromise:
		m := &Promise{View: d.Uint(), Ballot: d.Uint(), Accepted: d.Uint(), Value: takeView(d)}
		if m.Accepted != 0 && len(m.Value.Members) == 0 {
			d.Fail()
		}
		return m
	case tagAccept:
		return &Accept{Ballot: d.Uint(), Value: takeMembers(d)}
	case tagAccepted:
		return &Accepted{View: d.Uint(), Ballot: d.Uint()}
	case tagDecided:
		return &Decided{View: takeMembers(d)}
	case tagBeat:
		return &Beat{View: d.Uint(), Heard: wire.Take(d, (*wire.Decoder).Flag), Passive: d.Flag(), Ready: d.Flag()}
	case tagAsk:
		return &Ask{View: d.Uint(), Round: d.Uint()}
	case tagConfirm:
		return &Confirm{View: d.Uint(), Round: d.Uint()}
	}
	return nil
}
