package oplog

import (
	"fmt"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// The log file is a sequence of frames, whose payload begins with the record's kind.
// Whatever must not be torn apart is one frame: the operations that bring a replica up to
// date take the place of others that it vouched for.

const (
	recordState byte = iota + 1 // a view, an operation and the state up to it: the first record only
	recordBegin                 // a view, and the operations after a number, which replace others
	recordEntry                 // one more operation
)

const fileName = "log"

// file is what is on its way to the disk.
type file struct {
	buffer     []byte
	size       int // of the file
	floor      int // its size after the last rewrite
	compactAt  int
	dirty      bool // something was written since the last sync began
	syncing    bool
	generation uint64 // of the entries: another one may have other operations of the same numbers
}

// DefaultCompactAt is the size from which on a file is rewritten as a state: it keeps
// recovery short and rewrites rare.
const DefaultCompactAt = 64 << 10

// Load reads what the disk kept. changed is called whenever more is on the disk.
func (l *Log) Load(env node.Env, compactAt int, changed func()) error {
	*l = Log{env: env, disk: env.Disk(), changed: changed, file: file{compactAt: compactAt}}
	data, err := l.disk.Read(fileName)
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	rest, known := data, uint64(0)
	for {
		payload, after, ok := wire.Next(rest)
		if !ok {
			break
		}
		if err := l.replay(payload, &known); err != nil {
			return fmt.Errorf("replay the log at byte %d: %w", len(data)-len(rest), err)
		}
		rest = after
	}
	l.file.size = len(data) - len(rest)
	l.file.floor = l.file.size
	if wire.Damaged(rest) {
		return fmt.Errorf("the log is damaged after byte %d of %d: the disk has lost what this node had promised to keep", l.file.size, len(data))
	}
	for l.commit < min(known, l.Last()) {
		l.Machine.Apply(&l.entries[l.commit-l.base].Request)
		l.commit++
	}
	if len(rest) > 0 {
		env.Logf("cut a torn end of %d bytes off the log", len(rest))
		l.disk.Replace(fileName, data[:l.file.size], l.check)
	}
	l.file.sync(l) // what was read need not be durable yet: a killed process leaves unsynced writes behind
	return nil
}

// replay carries out a record; known is up to where the operations are known to be certain.
func (l *Log) replay(payload []byte, known *uint64) error {
	d := wire.NewDecoder(payload)
	switch d.Byte() {
	case recordState:
		l.view, l.commit, l.baseView = d.Uint(), d.Uint(), d.Uint()
		snapshot, entries := d.Bytes(), TakeEntries(&d)
		m, err := kv.Restore(snapshot)
		if err != nil {
			return err
		}
		l.Machine, l.base, l.entries = m, l.commit, entries
	case recordBegin:
		view, from, entries := d.Uint(), d.Uint(), TakeEntries(&d)
		if from < l.base || from > l.Last() {
			d.Fail()
			break
		}
		l.view, l.entries = view, append(l.entries[:from-l.base], entries...)
	case recordEntry:
		*known = d.Uint()
		l.entries = append(l.entries, takeEntry(&d))
	default:
		d.Fail()
	}
	return d.End()
}

// append writes operations behind the others.
func (f *file) append(l *Log, entries []Entry) {
	b := f.buffer[:0]
	for i := range entries {
		start := len(b)
		b = wire.AppendUints(append(wire.Open(b), recordEntry), l.commit)
		b = wire.Seal(appendEntry(b, &entries[i]), start)
	}
	f.write(l, b)
}

// begin writes that a view began, with a state that is not whole or with what is there.
func (f *file) begin(l *Log, s *State) {
	from, entries := l.Last(), []Entry(nil)
	if s != nil {
		from, entries = s.From.Number, s.Entries
	}
	b := wire.AppendUints(append(wire.Open(f.buffer[:0]), recordBegin), l.view, from)
	f.write(l, wire.Seal(AppendEntries(b, entries), 0))
}

func (f *file) write(l *Log, b []byte) {
	f.buffer = b
	f.size += len(b)
	l.disk.Append(fileName, b, l.check)
	f.sync(l)
}

// rewrite makes the file one record of the state and the operations after it.
func (f *file) rewrite(l *Log) {
	mark := l.Mark()
	b := wire.AppendUints(append(wire.Open(f.buffer[:0]), recordState), l.view, mark.Number, mark.View)
	b = AppendEntries(wire.AppendBytes(b, l.Machine.Snapshot()), l.From(l.commit, l.Last()))
	b = wire.Seal(b, 0)
	f.buffer, f.size, f.floor = b, len(b), len(b)
	l.disk.Replace(fileName, b, l.check)
	f.sync(l)
}

// compact rewrites a file that has grown so far that it pays, and leaves old operations to
// the state.
func (f *file) compact(l *Log) {
	if f.size <= f.compactAt || f.size <= 2*f.floor {
		return
	}
	if l.commit > l.base+trailing {
		drop := l.commit - l.base - trailing
		l.baseView = l.entries[drop-1].View
		l.entries = append([]Entry(nil), l.entries[drop:]...)
		l.base += drop
	}
	f.rewrite(l)
}

// sync has what was written made durable, one sync at a time.
func (f *file) sync(l *Log) {
	if f.dirty = true; f.syncing {
		return
	}
	f.dirty, f.syncing = false, true
	generation, view, last := f.generation, l.view, l.Last()
	l.disk.Sync(fileName, func(err error) {
		if l.check(err); err != nil {
			return
		}
		f.syncing = false
		if generation == f.generation {
			l.upToDate, l.synced = view, last
		}
		if f.dirty {
			f.sync(l)
		}
		l.changed()
	})
}

// Syncing reports whether the disk is at work.
func (l *Log) Syncing() bool { return l.file.syncing }

// check ends the node's life if a write failed: what it said would no longer be so.
func (l *Log) check(err error) {
	if err != nil {
		l.env.Fatalf("write the log: %v", err)
	}
}
