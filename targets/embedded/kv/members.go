package kv

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// What administrators say to a store whose members change: apart from Request, for it is no
// operation on data, and names a node.

// Change asks that a node join the members or leave them. The answer is a Reply, once that
// has happened.
type Change struct {
	Join bool // else leave
	Node node.ID
}

// AskMembers asks for the members; the answer is Members, or a Reply that says why not.
type AskMembers struct{}

// Members are the members as a node knows them.
type Members struct{ Nodes []node.ID }

// AppendBinary implements node.Message.
func (c *Change) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendBytes(append(b, tagChange, wire.Flag(c.Join)), c.Node), nil
}

// AppendBinary implements node.Message.
func (AskMembers) AppendBinary(b []byte) ([]byte, error) { return append(b, tagAskMembers), nil }

// AppendBinary implements node.Message.
func (m *Members) AppendBinary(b []byte) ([]byte, error) {
	return AppendNodes(append(b, tagMembers), m.Nodes), nil
}

// AppendNodes appends names of nodes.
func AppendNodes(b []byte, nodes []node.ID) []byte {
	b = wire.AppendUints(b, uint64(len(nodes)))
	for _, id := range nodes {
		b = wire.AppendBytes(b, id)
	}
	return b
}

// TakeNodes reads what AppendNodes wrote.
func TakeNodes(d *wire.Decoder) []node.ID {
	return wire.Take(d, func(d *wire.Decoder) node.ID { return node.ID(d.String()) })
}
