package raft

import (
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/route"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// Peer is a message of the protocol core.
type Peer struct{ M *pb.Message }

const tagPeer = kv.FirstTag

// AppendBinary implements node.Message.
func (m *Peer) AppendBinary(b []byte) ([]byte, error) {
	return appendPeer(append(b, tagPeer), m.M), nil
}

// Decode implements node.Codec.
func Decode(b []byte) (node.Message, error) {
	return wire.Decode("raft", b, kv.Message, route.Message, func(tag byte, d *wire.Decoder) node.Message {
		if tag != tagPeer {
			return nil
		}
		return &Peer{M: takePeer(d)}
	})
}
