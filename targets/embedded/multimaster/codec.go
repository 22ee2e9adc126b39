package multimaster

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/journal"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

const (
	tagReplicate = kv.FirstTag + iota
	tagReplicated
)

// AppendBinary implements node.Message.
func (m *Replicate) AppendBinary(b []byte) ([]byte, error) {
	b = wire.AppendUints(append(b, tagReplicate), m.Life, m.Upto, uint64(len(m.Rows)))
	for i := range m.Rows {
		b = appendRow(b, &m.Rows[i])
	}
	return b, nil
}

// AppendBinary implements node.Message.
func (m *Replicated) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagReplicated), m.Life, m.Upto), nil
}

// Decode implements node.Codec.
func Decode(b []byte) (node.Message, error) {
	return wire.Decode("multi-master", b, kv.Message, message)
}

func message(tag byte, d *wire.Decoder) node.Message {
	switch tag {
	case tagReplicate:
		return &Replicate{Life: d.Uint(), Upto: d.Uint(), Rows: wire.Take(d, takeRow)}
	case tagReplicated:
		return &Replicated{Life: d.Uint(), Upto: d.Uint()}
	}
	return nil
}

func appendRow(b []byte, r *Row) []byte {
	b = wire.AppendInts(append(b, byte(r.Key.Kind)), r.Key.ID, r.Stamp.Time)
	b = wire.AppendUints(wire.AppendBytes(b, r.Stamp.Node), r.Stamp.Number)
	return wire.AppendList(wire.AppendInts(b, r.Value), r.Elements)
}

func takeRow(d *wire.Decoder) Row {
	return Row{
		Key:   Key{Kind(d.UpTo(byte(Set))), d.Int()},
		Stamp: Stamp{Time: d.Int(), Node: node.ID(d.String()), Number: d.Uint()},
		Value: d.Int(), Elements: d.List(),
	}
}

// The records of a node's journal.
const (
	recordRow      byte = iota + 1 // a row was written
	recordPosition                 // a peer has this node's writes up to a number
	recordLast                     // the time and number of this node's last write
)

func appendPosition(b []byte, p *peer) []byte {
	return wire.AppendUints(wire.AppendBytes(append(b, recordPosition), p.id), p.position)
}

func (s *server) restore(d *wire.Decoder) {
	switch d.Byte() {
	case recordRow:
		r := takeRow(d)
		s.put(r)
		if r.Stamp.Node == s.self {
			s.time, s.number = max(s.time, r.Stamp.Time), max(s.number, r.Stamp.Number)
		}
	case recordPosition:
		id, position := node.ID(d.String()), d.Uint()
		for i := range s.peers {
			if s.peers[i].id == id {
				s.peers[i].position = position
			}
		}
	case recordLast:
		s.time, s.number = d.Int(), d.Uint()
	default:
		d.Fail()
	}
}

// snapshot writes down records that lead to the present state.
func (s *server) snapshot(j *journal.Journal) {
	for i := range s.rows {
		j.Write(func(b []byte) []byte { return appendRow(append(b, recordRow), &s.rows[i]) })
	}
	for i := range s.peers {
		j.Write(func(b []byte) []byte { return appendPosition(b, &s.peers[i]) })
	}
	j.Write(s.appendLast)
}

func (s *server) appendLast(b []byte) []byte {
	return wire.AppendUints(wire.AppendInts(append(b, recordLast), s.time), s.number)
}
