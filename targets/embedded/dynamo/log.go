package dynamo

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// A node's log is a sequence of records, each a frame whose payload is the record's kind and
// the fields of that kind.

type recordKind uint8

const (
	recordLife      recordKind = iota + 1 // the node began its Life-th life
	recordData                            // Value was merged into Key
	recordHint                            // Value was kept as a hint for Home
	recordSettled                         // Home confirmed Value, so the hint of it is void
	recordSeats                           // the members changed
	recordMoved                           // Value went from Key to the homes it has now
	recordCollected                       // the versions of Value went from Key
)

// record is one change of a node's durable state.
type record struct {
	Kind  recordKind
	Life  uint64
	Home  node.ID
	Key   Key
	Value Value
	Seats []Seat
}

// appendRecord frames a record.
func appendRecord(b []byte, r *record) []byte {
	start := len(b)
	b = append(wire.Open(b), byte(r.Kind))
	switch r.Kind {
	case recordLife:
		b = wire.AppendUints(b, r.Life)
	case recordSeats:
		b = appendSeats(b, r.Seats)
	case recordData, recordCollected, recordMoved:
		b = appendValue(appendKey(b, r.Key), r.Value)
	default:
		b = appendValue(appendKey(wire.AppendBytes(b, r.Home), r.Key), r.Value)
	}
	return wire.Seal(b, start)
}

// nextRecord takes a record off the front; ok is false at the end and at a torn record.
func nextRecord(b []byte) (r record, rest []byte, ok bool) {
	payload, rest, ok := wire.Next(b)
	if !ok {
		return r, b, false
	}
	d := wire.NewDecoder(payload)
	switch r.Kind = recordKind(d.Byte()); r.Kind {
	case recordLife:
		r.Life = d.Uint()
	case recordSeats:
		r.Seats = takeSeats(&d)
	case recordData, recordCollected, recordMoved:
		r.Key, r.Value = takeKey(&d), takeValue(&d)
	case recordHint, recordSettled:
		r.Home, r.Key, r.Value = node.ID(d.String()), takeKey(&d), takeValue(&d)
	default:
		d.Fail()
	}
	if d.End() != nil {
		return r, b, false
	}
	return r, rest, true
}
