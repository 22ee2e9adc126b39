package caspaxos

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// The messages between nodes.
type (
	// Prepare asks an acceptor for a register's state, and to accept nothing below.
	Prepare struct {
		Key    Key
		Ballot Ballot
	}
	// Promise answers with what was accepted last.
	Promise struct {
		Key      Key
		Ballot   Ballot
		Accepted Ballot
		State    State
	}
	// Accept asks an acceptor to take a state.
	Accept struct {
		Key    Key
		Ballot Ballot
		State  State
	}
	// Accepted says that it did.
	Accepted struct {
		Key    Key
		Ballot Ballot
	}
	// Conflict says that the acceptor has seen a greater ballot.
	Conflict struct {
		Key    Key
		Ballot Ballot
		Seen   Ballot
	}
)

// Tags of messages.
const (
	tagPrepare = kv.FirstTag + iota
	tagPromise
	tagAccept
	tagAccepted
	tagConflict
)

func head(b []byte, tag byte, k Key, c Ballot) []byte {
	return appendBallot(appendKey(append(b, tag), k), c)
}

// AppendBinary implements node.Message.
func (m *Prepare) AppendBinary(b []byte) ([]byte, error) {
	return head(b, tagPrepare, m.Key, m.Ballot), nil
}

// AppendBinary implements node.Message.
func (m *Promise) AppendBinary(b []byte) ([]byte, error) {
	return appendState(appendBallot(head(b, tagPromise, m.Key, m.Ballot), m.Accepted), &m.State), nil
}

// AppendBinary implements node.Message.
func (m *Accept) AppendBinary(b []byte) ([]byte, error) {
	return appendState(head(b, tagAccept, m.Key, m.Ballot), &m.State), nil
}

// AppendBinary implements node.Message.
func (m *Accepted) AppendBinary(b []byte) ([]byte, error) {
	return head(b, tagAccepted, m.Key, m.Ballot), nil
}

// AppendBinary implements node.Message.
func (m *Conflict) AppendBinary(b []byte) ([]byte, error) {
	return appendBallot(head(b, tagConflict, m.Key, m.Ballot), m.Seen), nil
}

// Decode implements node.Codec.
func Decode(b []byte) (node.Message, error) {
	return wire.Decode("caspaxos", b, kv.Message, message)
}

func message(tag byte, d *wire.Decoder) node.Message {
	switch tag {
	case tagPrepare:
		return &Prepare{Key: takeKey(d), Ballot: takeBallot(d)}
	case tagPromise:
		return &Promise{Key: takeKey(d), Ballot: takeBallot(d), Accepted: takeBallot(d), State: takeState(d)}
	case tagAccept:
		return &Accept{Key: takeKey(d), Ballot: takeBallot(d), State: takeState(d)}
	case tagAccepted:
		return &Accepted{Key: takeKey(d), Ballot: takeBallot(d)}
	case tagConflict:
		return &Conflict{Key: takeKey(d), Ballot: takeBallot(d), Seen: takeBallot(d)}
	}
	return nil
}

func appendKey(b []byte, k Key) []byte { return wire.AppendInts(append(b, byte(k.Kind)), k.Number) }

func takeKey(d *wire.Decoder) Key { return Key{Kind(d.UpTo(byte(lastKind))), d.Int()} }

func appendBallot(b []byte, c Ballot) []byte { return wire.AppendUints(b, c.Counter, c.Proposer) }

func takeBallot(d *wire.Decoder) Ballot { return Ballot{d.Uint(), d.Uint()} }

func appendState(b []byte, x *State) []byte {
	b = wire.AppendInts(append(b, wire.Flag(x.Found)), x.Value)
	b = wire.AppendUints(wire.AppendList(b, x.Elements), uint64(len(x.Changes)))
	for _, c := range x.Changes {
		b = appendBallot(b, c)
	}
	return b
}

func takeState(d *wire.Decoder) State {
	return State{Found: d.Flag(), Value: d.Int(), Elements: d.List(), Changes: wire.Take(d, takeBallot)}
}
