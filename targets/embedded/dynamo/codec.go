package dynamo

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

const (
	tagAsk = kv.FirstTag + iota
	tagAnswer
	tagGet
	tagPut
	tagHeld
	tagProbe
	tagAlive
	tagCompare
	tagWant
	tagView
	tagViewed
)

// AppendBinary implements node.Message.
func (m *Ask) AppendBinary(b []byte) ([]byte, error) {
	return appendContext(kv.AppendRequest(append(b, tagAsk, wire.Flag(m.InContext)), &m.Request), m.Seen), nil
}

// AppendBinary implements node.Message.
func (m *Answer) AppendBinary(b []byte) ([]byte, error) {
	b = wire.AppendUints(kv.AppendReply(append(b, tagAnswer), &m.Reply), uint64(len(m.Seen)))
	for _, c := range m.Seen {
		b = appendContext(b, c)
	}
	return b, nil
}

// AppendBinary implements node.Message.
func (m *Get) AppendBinary(b []byte) ([]byte, error) {
	b = appendKey(wire.AppendUints(append(b, tagGet, wire.Flag(m.One)), m.Call), m.Key)
	if m.One {
		b = wire.AppendInts(b, m.Element)
	}
	return b, nil
}

// AppendBinary implements node.Message.
func (m *Put) AppendBinary(b []byte) ([]byte, error) {
	b = wire.AppendUints(append(b, tagPut, wire.Flag(m.Report)), m.Call)
	b = appendValue(appendKey(b, m.Key), m.Value)
	return wire.AppendBytes(b, m.For), nil
}

// AppendBinary implements node.Message.
func (m *Held) AppendBinary(b []byte) ([]byte, error) {
	return appendValue(wire.AppendUints(append(b, tagHeld), m.Call), m.Value), nil
}

// AppendBinary implements node.Message.
func (Probe) AppendBinary(b []byte) ([]byte, error) { return append(b, tagProbe), nil }

// AppendBinary implements node.Message.
func (Alive) AppendBinary(b []byte) ([]byte, error) { return append(b, tagAlive), nil }

// AppendBinary implements node.Message.
func (m *Compare) AppendBinary(b []byte) ([]byte, error) {
	return wire.AppendUints(wire.AppendUints(append(b, tagCompare, m.Child), uint64(len(m.Hashes))), m.Hashes...), nil
}

// AppendBinary implements node.Message.
func (m *Want) AppendBinary(b []byte) ([]byte, error) { return append(b, tagWant, m.Leaf), nil }

// AppendBinary implements node.Message.
func (m *View) AppendBinary(b []byte) ([]byte, error) {
	return appendSeats(append(b, tagView), m.Seats), nil
}

// AppendBinary implements node.Message.
func (m *Viewed) AppendBinary(b []byte) ([]byte, error) {
	return appendSeats(append(b, tagViewed), m.Seats), nil
}

// Decode implements node.Codec.
func Decode(b []byte) (node.Message, error) {
	return wire.Decode("dynamo", b, kv.Message, message)
}

func message(tag byte, d *wire.Decoder) node.Message {
	switch tag {
	case tagAsk:
		return &Ask{InContext: d.Flag(), Request: kv.TakeRequest(d), Seen: takeContext(d)}
	case tagAnswer:
		return &Answer{Reply: kv.TakeReply(d), Seen: wire.Take(d, takeContext)}
	case tagGet:
		g := &Get{One: d.Flag(), Call: d.Uint(), Key: takeKey(d)}
		if g.One {
			g.Element = d.Int()
		}
		return g
	case tagPut:
		return &Put{Report: d.Flag(), Call: d.Uint(), Key: takeKey(d), Value: takeValue(d), For: node.ID(d.String())}
	case tagHeld:
		return &Held{Call: d.Uint(), Value: takeValue(d)}
	case tagProbe:
		return Probe{}
	case tagAlive:
		return Alive{}
	case tagCompare:
		return &Compare{Child: d.UpTo(theRoot), Hashes: wire.Take(d, (*wire.Decoder).Uint)}
	case tagView:
		return &View{takeSeats(d)}
	case tagViewed:
		return &Viewed{takeSeats(d)}
	case tagWant:
		return &Want{d.Byte()}
	}
	return nil
}

func appendKey(b []byte, k Key) []byte { return wire.AppendInts(append(b, byte(k.Kind)), k.ID) }

func takeKey(d *wire.Decoder) Key { return Key{Kind(d.UpTo(byte(Set))), d.Int()} }

func appendValue(b []byte, v Value) []byte {
	b = wire.AppendBytes(wire.AppendInts(b, v.Stamp.Time), v.Stamp.Node)
	b = wire.AppendInts(wire.AppendUints(b, v.Stamp.Serial), v.Int)
	b = wire.AppendUints(wire.AppendList(b, v.Elements), uint64(len(v.Versions)))
	for i := range v.Versions {
		w := &v.Versions[i]
		b = appendDot(wire.AppendInts(append(b, wire.Flag(w.Gone)), w.Item, w.Int), w.Dot)
		b = appendContext(b, w.Past)
	}
	return b
}

func takeValue(d *wire.Decoder) Value {
	return Value{
		Stamp: Stamp{Time: d.Int(), Node: node.ID(d.String()), Serial: d.Uint()},
		Int:   d.Int(), Elements: d.List(), Versions: wire.Take(d, takeVersion),
	}
}

func takeVersion(d *wire.Decoder) Version {
	return Version{Gone: d.Flag(), Item: d.Int(), Int: d.Int(), Dot: takeDot(d), Past: takeContext(d)}
}

func appendDot(b []byte, d Dot) []byte {
	return wire.AppendUints(wire.AppendBytes(b, d.Node), d.Life, d.Number)
}

func takeDot(d *wire.Decoder) Dot { return Dot{Actor{node.ID(d.String()), d.Uint()}, d.Uint()} }

func appendContext(b []byte, c Context) []byte {
	for _, dots := range [][]Dot{c.Upto, c.Dots} {
		b = wire.AppendUints(b, uint64(len(dots)))
		for _, d := range dots {
			b = appendDot(b, d)
		}
	}
	return b
}

func takeContext(d *wire.Decoder) Context {
	return Context{Upto: wire.Take(d, takeDot), Dots: wire.Take(d, takeDot)}
}

func appendSeats(b []byte, seats []Seat) []byte {
	b = wire.AppendUints(b, uint64(len(seats)))
	for _, s := range seats {
		b = append(wire.AppendUints(b, s.Version), wire.Flag(s.Member))
	}
	return b
}

func takeSeats(d *wire.Decoder) []Seat {
	return wire.Take(d, func(d *wire.Decoder) Seat { return Seat{d.Uint(), d.Flag()} })
}
