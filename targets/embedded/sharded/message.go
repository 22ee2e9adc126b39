package sharded

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/raft"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// Grouped is a message between two members of a group.
type Grouped struct {
	Group int // 0: the configuration group
	M     node.Message
}

// Transfer brings a frozen shard to the leader of the group that it goes to.
type Transfer struct {
	Shard    int
	Version  uint64
	From, To int // groups
	Data     []byte
}

// Taken tells a Transfer's sender that the group has the shard.
type Taken struct {
	Shard   int
	Version uint64
	From    int // the group that the shard left
}

// Tags of messages, beyond those of package raft.
const (
	tagGrouped byte = iota + 64
	tagTransfer
	tagTaken
)

// AppendBinary implements node.Message.
func (m *Grouped) AppendBinary(b []byte) ([]byte, error) {
	return m.M.AppendBinary(wire.AppendUints(append(b, tagGrouped), uint64(m.Group)))
}

// AppendBinary implements node.Message.
func (m *Transfer) AppendBinary(b []byte) ([]byte, error) {
	b = wire.AppendUints(append(b, tagTransfer), uint64(m.Shard), m.Version, uint64(m.From), uint64(m.To))
	return wire.AppendBytes(b, m.Data), nil
}

// AppendBinary implements node.Message.
func (m *Taken) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagTaken), uint64(m.Shard), m.Version, uint64(m.From)), nil
}

// Decode implements node.Codec.
func Decode(b []byte) (node.Message, error) {
	return wire.Decode("sharded", b, kv.Message, message)
}

func message(tag byte, d *wire.Decoder) node.Message {
	switch tag {
	case tagGrouped:
		group := takeGroup(d)
		inner, err := raft.Decode(d.Rest())
		if err != nil {
			d.Fail()
		}
		return &Grouped{Group: group, M: inner}
	case tagTransfer:
		return &Transfer{Shard: takeShard(d), Version: d.Uint(), From: takeGroup(d), To: takeGroup(d), Data: d.Bytes()}
	case tagTaken:
		return &Taken{Shard: takeShard(d), Version: d.Uint(), From: takeGroup(d)}
	}
	return nil
}
