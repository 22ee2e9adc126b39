package raft

import (
	"fmt"

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
	d := wire.NewDecoder(b)
	tag := d.Byte()
	m := kv.Message(tag, &d)
	if m == nil {
		m = route.Message(tag, &d)
	}
	if m == nil {
		if tag != tagPeer {
			return nil, fmt.Errorf("raft: no message of type %d", tag)
		}
		m = &Peer{M: takePeer(&d)}
	}
	if err := d.End(); err != nil {
		return nil, fmt.Errorf("raft: message of type %d: %w", tag, err)
	}
	return m, nil
}
