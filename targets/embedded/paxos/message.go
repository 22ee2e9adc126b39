package paxos

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/route"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// The messages between nodes.
type (
	// Prepare is phase 1a, for all slots from one on.
	Prepare struct {
		Ballot Ballot
		Slot   uint64
	}
	// Promise is phase 1b: nothing more in earlier ballots, and what was accepted so far.
	Promise struct {
		Ballot Ballot
		Suffix
	}
	// Accept is phase 2a, for a run of slots.
	Accept struct {
		Ballot Ballot
		Slot   uint64
		Values [][]byte
	}
	// Accepted is phase 2b.
	Accepted struct {
		Ballot      Ballot
		Slot, Count uint64
	}
	// Nack answers a Prepare, an Accept or a Heartbeat of a ballot that comes too late.
	Nack struct{ Ballot, Promised Ballot }
	// Heartbeat says that a leader is there, and that all slots before one are chosen; and
	// it asks for a read round.
	Heartbeat struct {
		Ballot Ballot
		Chosen uint64
		Round  uint64
	}
	// Alive answers it: nothing was promised to a later leader.
	Alive struct {
		Ballot Ballot
		Round  uint64
	}
	// CatchUp asks what is chosen from a slot on.
	CatchUp struct{ Slot uint64 }
	// Learn answers it.
	Learn struct{ Suffix }
)

// Tags of messages.
const (
	tagPrepare = kv.FirstTag + iota
	tagPromise
	tagAccept
	tagAccepted
	tagNack
	tagHeartbeat
	tagAlive
	tagCatchUp
	tagLearn
)

// AppendBinary implements node.Message.
func (m *Prepare) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagPrepare), uint64(m.Ballot), m.Slot), nil
}

// AppendBinary implements node.Message.
func (m *Promise) AppendBinary(b []byte) ([]byte, error) {
	return appendSuffix(wire.AppendUints(append(b, tagPromise), uint64(m.Ballot)), &m.Suffix), nil
}

// AppendBinary implements node.Message.
func (m *Accept) AppendBinary(b []byte) ([]byte, error) {
	b = wire.AppendUints(append(b, tagAccept), uint64(m.Ballot), m.Slot, uint64(len(m.Values)))
	for _, v := range m.Values {
		b = wire.AppendBytes(b, v)
	}
	return b, nil
}

// AppendBinary implements node.Message.
func (m *Accepted) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagAccepted), uint64(m.Ballot), m.Slot, m.Count), nil
}

// AppendBinary implements node.Message.
func (m *Nack) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagNack), uint64(m.Ballot), uint64(m.Promised)), nil
}

// AppendBinary implements node.Message.
func (m *Heartbeat) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagHeartbeat), uint64(m.Ballot), m.Chosen, m.Round), nil
}

// AppendBinary implements node.Message.
func (m *Alive) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagAlive), uint64(m.Ballot), m.Round), nil
}

// AppendBinary implements node.Message.
func (m *CatchUp) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagCatchUp), m.Slot), nil
}

// AppendBinary implements node.Message.
func (m *Learn) AppendBinary(b []byte) ([]byte, error) {
	return appendSuffix(append(b, tagLearn), &m.Suffix), nil
}

// Decode implements node.Codec.
func Decode(b []byte) (node.Message, error) {
	return wire.Decode("paxos", b, kv.Message, route.Message, message)
}

func message(tag byte, d *wire.Decoder) node.Message {
	ballot := func() Ballot { return Ballot(d.Uint()) }
	switch tag {
	case tagPrepare:
		return &Prepare{Ballot: ballot(), Slot: d.Uint()}
	case tagPromise:
		return &Promise{Ballot: ballot(), Suffix: takeSuffix(d)}
	case tagAccept:
		return &Accept{Ballot: ballot(), Slot: d.Uint(), Values: wire.Take(d, (*wire.Decoder).Bytes)}
	case tagAccepted:
		return &Accepted{Ballot: ballot(), Slot: d.Uint(), Count: d.Uint()}
	case tagNack:
		return &Nack{Ballot: ballot(), Promised: ballot()}
	case tagHeartbeat:
		return &Heartbeat{Ballot: ballot(), Chosen: d.Uint(), Round: d.Uint()}
	case tagAlive:
		return &Alive{Ballot: ballot(), Round: d.Uint()}
	case tagCatchUp:
		return &CatchUp{Slot: d.Uint()}
	case tagLearn:
		return &Learn{takeSuffix(d)}
	}
	return nil
}

func appendEntry(b []byte, e Entry) []byte {
	return wire.AppendBytes(wire.AppendUints(b, uint64(e.Ballot)), e.Value)
}

func takeEntry(d *wire.Decoder) Entry { return Entry{Ballot(d.Uint()), d.Bytes()} }

func appendSuffix(b []byte, x *Suffix) []byte {
	b = wire.AppendUints(b, x.Slot, x.Chosen, uint64(len(x.Entries)))
	for _, e := range x.Entries {
		b = appendEntry(b, e)
	}
	b = append(b, wire.Flag(x.Snapshot != nil))
	return wire.AppendBytes(b, x.Snapshot)
}

func takeSuffix(d *wire.Decoder) Suffix {
	x := Suffix{Slot: d.Uint(), Chosen: d.Uint(), Entries: wire.Take(d, takeEntry)}
	whole := d.Flag()
	x.Snapshot = d.Bytes()
	if whole && x.Snapshot == nil {
		x.Snapshot = []byte{}
	}
	return x
}

// takeCommand reads the value of a slot.
func takeCommand(value []byte) (kv.Request, error) {
	d := wire.NewDecoder(value)
	r := kv.TakeRequest(&d)
	return r, d.End()
}
