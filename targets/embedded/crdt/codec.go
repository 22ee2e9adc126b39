package crdt

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/journal"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

const (
	tagDelta = kv.FirstTag + iota
	tagConfirm
)

// AppendBinary implements node.Message.
func (m *Delta) AppendBinary(b []byte) ([]byte, error) {
	b = wire.AppendUints(append(b, tagDelta), m.Mark.Life, m.Mark.Number, uint64(len(m.Items)))
	for i := range m.Items {
		b = appendItem(b, &m.Items[i])
	}
	return b, nil
}

// AppendBinary implements node.Message.
func (m *Confirm) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(append(b, tagConfirm), m.Delta.Life, m.Delta.Number, m.Mark.Life, m.Mark.Number), nil
}

// Decode implements node.Codec.
func Decode(b []byte) (node.Message, error) {
	return wire.Decode("crdt", b, kv.Message, message)
}

func message(tag byte, d *wire.Decoder) node.Message {
	switch tag {
	case tagDelta:
		return &Delta{Mark: Mark{d.Uint(), d.Uint()}, Items: wire.Take(d, takeItem)}
	case tagConfirm:
		return &Confirm{Mark{d.Uint(), d.Uint()}, Mark{d.Uint(), d.Uint()}}
	}
	return nil
}

func appendItem(b []byte, i *Item) []byte {
	b = wire.AppendBytes(wire.AppendInts(b, i.Key, i.Element), i.Node)
	b = appendTags(appendTags(b, i.Live), i.Dead)
	return wire.AppendUints(b, i.Plus, i.Minus)
}

func takeItem(d *wire.Decoder) Item {
	return Item{
		Name: Name{d.Int(), d.Int(), node.ID(d.String())},
		Live: takeTags(d), Dead: takeTags(d), Plus: d.Uint(), Minus: d.Uint(),
	}
}

func appendTags(b []byte, tags []Tag) []byte {
	b = wire.AppendUints(b, uint64(len(tags)))
	for _, t := range tags {
		b = wire.AppendUints(wire.AppendBytes(b, t.Node), t.Number)
	}
	return b
}

func takeTags(d *wire.Decoder) []Tag {
	return wire.Take(d, func(d *wire.Decoder) Tag { return Tag{node.ID(d.String()), d.Uint()} })
}

// The records of a node's journal.
const (
	recordItem  byte = iota + 1 // an item became this
	recordHeard                 // a peer's delta up to a mark was merged
	recordSelf                  // the node's own numbers
)

func appendHeard(b []byte, p *peer) []byte {
	return wire.AppendUints(wire.AppendBytes(append(b, recordHeard), p.id), p.heard.Life, p.heard.Number)
}

func (s *server) appendSelf(b []byte) []byte {
	return wire.AppendUints(append(b, recordSelf), s.life, s.tags, s.ids)
}

func (s *server) restore(d *wire.Decoder) {
	switch d.Byte() {
	case recordItem:
		i := takeItem(d)
		it := s.item(i.Name)
		it.Item = i
		for _, t := range i.Live {
			if t.Node == s.self {
				s.tags = max(s.tags, t.Number)
			}
		}
		if i.Node == "" && len(i.Live) == 0 && len(i.Dead) == 0 {
			s.forget(it)
		}
	case recordHeard:
		id, mark := node.ID(d.String()), Mark{d.Uint(), d.Uint()}
		for i := range s.peers {
			if s.peers[i].id == id {
				s.peers[i].heard = mark
			}
		}
	case recordSelf:
		s.life, s.tags, s.ids = d.Uint(), max(s.tags, d.Uint()), d.Uint()
	default:
		d.Fail()
	}
}

// snapshot writes down records that lead to the present state.
func (s *server) snapshot(j *journal.Journal) {
	s.each(func(it *held) {
		j.Write(func(b []byte) []byte { return appendItem(append(b, recordItem), &it.Item) })
	})
	for i := range s.peers {
		j.Write(func(b []byte) []byte { return appendHeard(b, &s.peers[i]) })
	}
	j.Write(s.appendSelf)
}
