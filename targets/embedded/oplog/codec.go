package oplog

import (
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

func appendEntry(b []byte, e *Entry) []byte {
	return kv.AppendRequest(wire.AppendUints(b, e.View), &e.Request)
}

func takeEntry(d *wire.Decoder) Entry { return Entry{View: d.Uint(), Request: kv.TakeRequest(d)} }

// AppendEntries appends operations behind their count.
func AppendEntries(b []byte, entries []Entry) []byte {
	b = wire.AppendUints(b, uint64(len(entries)))
	for i := range entries {
		b = appendEntry(b, &entries[i])
	}
	return b
}

// TakeEntries reads what AppendEntries wrote.
func TakeEntries(d *wire.Decoder) []Entry { return wire.Take(d, takeEntry) }

// AppendState appends what brings a replica up to date.
func AppendState(b []byte, s *State) []byte {
	b = wire.AppendUints(b, s.From.Number, s.From.View, s.Commit)
	b = wire.AppendBytes(append(b, wire.Flag(s.Whole)), s.Snapshot)
	return AppendEntries(b, s.Entries)
}

// TakeState reads what AppendState wrote.
func TakeState(d *wire.Decoder) State {
	s := State{From: Mark{d.Uint(), d.Uint()}, Commit: d.Uint(), Whole: d.Flag(), Snapshot: d.Bytes()}
	s.Entries = TakeEntries(d)
	return s
}
