package paxos

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/journal"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// A record of the journal begins with its kind.

const (
	recordPromise  byte = iota + 1 // the lowest ballot to take part in
	recordEntry                    // overrules an earlier one of the same slot
	recordChosen                   // all slots before this one are known to be chosen
	recordSnapshot                 // the state before a slot
)

// kept is what a journal holds.
type kept struct {
	promised Ballot
	log      log
	chosen   uint64
	snapshot []byte
}

// add takes a record.
func (k *kept) add(d *wire.Decoder) {
	switch d.Byte() {
	case recordPromise:
		k.promised = max(k.promised, Ballot(d.Uint()))
	case recordEntry:
		slot, e := d.Uint(), takeEntry(d)
		if slot >= k.log.next()+maxGap {
			d.Fail()
			return
		}
		k.log.set(slot, e)
	case recordChosen:
		k.chosen = max(k.chosen, d.Uint())
	case recordSnapshot:
		slot := d.Uint()
		k.snapshot = d.Bytes()
		k.log.forget(slot)
		k.log.chosen = max(k.log.chosen, slot)
	default:
		d.Fail()
	}
}

// maxGap bounds what a slot that makes no sense can make a log grow to.
const maxGap = 1 << 20

func (s *server) writePromise() {
	s.journal.Write(func(b []byte) []byte { return wire.AppendUints(append(b, recordPromise), uint64(s.promised)) })
}

func (s *server) writeEntry(slot uint64, e Entry) {
	s.journal.Write(func(b []byte) []byte { return appendEntry(wire.AppendUints(append(b, recordEntry), slot), e) })
}

func (s *server) writeChosen() {
	s.journal.Write(func(b []byte) []byte { return wire.AppendUints(append(b, recordChosen), s.log.chosen) })
}

func (s *server) writeMachine() {
	s.journal.Write(func(b []byte) []byte {
		return wire.AppendBytes(wire.AppendUints(append(b, recordSnapshot), s.log.chosen), s.machine.Snapshot())
	})
}

// trailing is how many chosen entries stay in memory for nodes that are a little behind,
// who would otherwise be sent the whole state.
const trailing = 256

// snapshot writes the state and what is not chosen yet.
func (s *server) snapshot(*journal.Journal) {
	if s.log.chosen > trailing {
		s.log.forget(s.log.chosen - trailing)
	}
	s.writePromise()
	s.writeMachine()
	for slot := s.log.chosen; slot < s.log.next(); slot++ {
		if e := s.log.at(slot); e.Ballot != 0 {
			s.writeEntry(slot, e)
		}
	}
}

// afterSync sends a message once the disk has all that was written before.
func (s *server) afterSync(to node.ID, m node.Message) {
	s.journal.Then(func() { s.env.Send(to, m) })
}
