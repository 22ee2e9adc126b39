package paxos

import (
	"fmt"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// A node's file is a sequence of records, each a frame whose payload begins with the
// record's kind. A snapshot is only ever the first record.

const (
	recordPromise  byte = iota + 1 // the lowest ballot to take part in
	recordEntry                    // overrules an earlier one of the same slot
	recordChosen                   // all slots before this one are known to be chosen
	recordSnapshot                 // the state before a slot
)

const fileName = "paxos.log"

// storage writes records in groups: while the disk syncs one, the next gathers.
type storage struct {
	env     node.Env
	failed  func(error)
	idle    func() // called when a sync is done
	buffer  []byte
	whole   bool     // the buffer takes the place of the file
	waiting []letter // go out when the disk has the buffer
	busy    bool
	size    int // of the file
	floor   int // its size after the last rewrite
}

// letter is a message that waits for the disk.
type letter struct {
	to node.ID
	m  node.Message
}

// kept is what a file holds.
type kept struct {
	promised Ballot
	log      log
	chosen   uint64
	snapshot []byte
	torn     int // bytes that were cut off the end
}

// load reads what the disk kept.
func (s *storage) load() (kept, error) {
	k := kept{log: newLog(1)}
	file, err := s.env.Disk().Read(fileName)
	if err != nil {
		return k, fmt.Errorf("read %s: %w", fileName, err)
	}
	rest := file
	for {
		payload, after, ok := wire.Next(rest)
		if !ok {
			break
		}
		if err := k.add(payload); err != nil {
			return k, fmt.Errorf("%s at byte %d: %w", fileName, len(file)-len(rest), err)
		}
		rest = after
	}
	if wire.Damaged(rest) {
		return k, fmt.Errorf("%s is damaged after byte %d of %d: the disk has lost what this node had promised to keep", fileName, len(file)-len(rest), len(file))
	}
	k.torn, s.size = len(rest), len(file)-len(rest)
	s.floor = s.size
	if k.torn > 0 {
		s.env.Disk().Replace(fileName, file[:s.size], s.check)
	}
	// What was read may be in the kernel's cache alone, left there by a life that was
	// killed before its sync: nothing that rests on it goes out before the disk has it.
	s.sync(nil)
	return k, nil
}

// add takes a record.
func (k *kept) add(payload []byte) error {
	d := wire.NewDecoder(payload)
	switch kind := d.Byte(); kind {
	case recordPromise:
		k.promised = max(k.promised, Ballot(d.Uint()))
	case recordEntry:
		slot, e := d.Uint(), takeEntry(&d)
		if d.End() == nil && slot < k.log.next()+maxGap {
			k.log.set(slot, e)
		}
	case recordChosen:
		k.chosen = max(k.chosen, d.Uint())
	case recordSnapshot:
		slot := d.Uint()
		k.snapshot = d.Bytes()
		k.log, k.chosen = newLog(slot), slot
	default:
		return fmt.Errorf("no record of kind %d", kind)
	}
	return d.End()
}

// maxGap bounds what a slot that makes no sense can make a log grow to.
const maxGap = 1 << 20

func (s *storage) open(kind byte) int {
	start := len(s.buffer)
	s.buffer = append(wire.Open(s.buffer), kind)
	return start
}

func (s *storage) seal(start int) { s.buffer = wire.Seal(s.buffer, start) }

func (s *storage) addPromise(b Ballot) {
	start := s.open(recordPromise)
	s.buffer = wire.AppendUints(s.buffer, uint64(b))
	s.seal(start)
}

func (s *storage) addEntry(slot uint64, e Entry) {
	start := s.open(recordEntry)
	s.buffer = appendEntry(wire.AppendUints(s.buffer, slot), e)
	s.seal(start)
}

func (s *storage) addChosen(before uint64) {
	start := s.open(recordChosen)
	s.buffer = wire.AppendUints(s.buffer, before)
	s.seal(start)
}

// rewrite replaces the file by the state before a slot and the entries from it on.
func (s *storage) rewrite(promised Ballot, slot uint64, snapshot []byte, entries []Entry) {
	s.buffer, s.whole = nil, true
	start := s.open(recordSnapshot)
	s.buffer = wire.AppendBytes(wire.AppendUints(s.buffer, slot), snapshot)
	s.seal(start)
	s.addPromise(promised)
	for i, e := range entries {
		if e.Ballot != 0 {
			s.addEntry(slot+uint64(i), e)
		}
	}
	s.floor = len(s.buffer)
	s.size = 0
}

// bulky reports whether the file has grown so far that a rewrite pays.
func (s *storage) bulky(limit int) bool {
	size := s.size + len(s.buffer)
	return size > limit && size > 2*s.floor
}

// send sends a message once the disk has all that was added before.
func (s *storage) send(to node.ID, m node.Message) { s.waiting = append(s.waiting, letter{to, m}) }

// flush writes if a message waits for it. What nobody waits for may stay in memory.
func (s *storage) flush() {
	if len(s.waiting) > 0 && !s.busy {
		s.write()
	}
}

// write hands what has gathered to the disk.
func (s *storage) write() {
	if s.busy {
		return
	}
	switch {
	case s.whole:
		s.env.Disk().Replace(fileName, s.buffer, s.check)
	case len(s.buffer) > 0:
		s.env.Disk().Append(fileName, s.buffer, s.check)
	}
	s.size += len(s.buffer)
	s.buffer, s.whole = nil, false
	letters := s.waiting
	s.waiting = nil
	s.sync(letters)
}

// sync makes the file durable, then sends.
func (s *storage) sync(letters []letter) {
	s.busy = true
	s.env.Disk().Sync(fileName, func(err error) {
		if err != nil {
			s.check(err)
			return
		}
		s.busy = false
		for _, l := range letters {
			s.env.Send(l.to, l.m)
		}
		s.idle()
	})
}

// check ends the node's life if a write failed: what it said would no longer be so.
func (s *storage) check(err error) {
	if err != nil {
		s.failed(fmt.Errorf("write %s: %w", fileName, err))
	}
}
