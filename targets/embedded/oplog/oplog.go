// Package oplog is a replica's numbered operations, the state that they make, and both on
// its disk.
//
// The one idea: operations are numbered 1, 2, 3, ... by whoever is first in a view, and
// carry that view's number, so that the same number and view mean the same operation and
// the same ones before it. The state is what the operations up to the commit number make;
// those after it may yet be taken back. A replica that joins a view is brought up to date
// by what it lacks after the last operation that it shares, or by the whole state.
//
//	 state                          tail
//	+------------------------------+----------------------------+
//	| 1 ... Commit: certain        | ... Synced ... Last        |
//	+------------------------------+----------------------------+
//
// Start with Log, then file.go (what is on the disk).
package oplog

import (
	"fmt"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/route"
)

// Entry is an operation. Its number follows from where it stands.
type Entry struct {
	View    uint64 // the one in which it was numbered
	Request kv.Request
}

// Log is a replica's operations and state.
type Log struct {
	// Machine is the state after the operation Commit.
	Machine kv.Machine

	disk    node.Disk
	env     node.Env
	changed func() // more is on the disk

	view     uint64 // the last in which this replica was brought up to date
	commit   uint64
	base     uint64 // the operation before entries, and its view
	baseView uint64
	entries  []Entry

	synced   uint64 // what of this generation is on the disk
	upToDate uint64 // the view that the disk knows of
	file     file
}

// trailing is how many operations before the commit number stay in memory for replicas that
// are a little behind, who would otherwise be sent the whole state.
const trailing = 512

// Last is the number of the last operation.
func (l *Log) Last() uint64 { return l.base + uint64(len(l.entries)) }

// Commit is the number of the last operation that cannot be taken back.
func (l *Log) Commit() uint64 { return l.commit }

// Synced is the number of the last operation that is on the disk, with all before it.
func (l *Log) Synced() uint64 { return l.synced }

// View is the last view in which this replica was brought up to date.
func (l *Log) View() uint64 { return l.view }

// UpToDate is that view once the disk has it, with all operations that belong to it.
func (l *Log) UpToDate() uint64 { return l.upToDate }

// viewOf is the view of an operation that is still in memory.
func (l *Log) viewOf(number uint64) (view uint64, ok bool) {
	switch {
	case number == l.base:
		return l.baseView, true
	case number < l.base || number > l.Last():
		return 0, false
	}
	return l.entries[number-l.base-1].View, true
}

// Mark names the last operation that this replica surely shares with all others that are up
// to date: its commit number.
func (l *Log) Mark() Mark {
	view, _ := l.viewOf(l.commit)
	return Mark{l.commit, view}
}

// Mark is an operation by its number and view.
type Mark struct{ Number, View uint64 }

// Begin starts a view as its first member: what this replica has is what the view begins
// with.
func (l *Log) Begin(view uint64) {
	l.view = view
	l.file.begin(l, nil)
}

// Append numbers operations in the current view.
func (l *Log) Append(requests ...kv.Request) {
	entries := make([]Entry, len(requests))
	for i := range requests {
		entries[i] = Entry{l.view, requests[i]}
	}
	l.add(entries)
}

// AppendGathered numbers the changes that a router has gathered, and has it owe their
// answers; false if there are none.
func (l *Log) AppendGathered(router *route.Router) bool {
	waiters := router.Gathered()
	if len(waiters) == 0 {
		return false
	}
	requests := make([]kv.Request, len(waiters))
	for i, w := range waiters {
		requests[i] = w.Request
		router.Owe(w, l.Last()+1+uint64(i))
	}
	l.Append(requests...)
	return true
}

// CommitWithin is how long an operation may take to be committed before whoever waits for
// it is told that the outcome is open.
const CommitWithin = 1200 * time.Millisecond

// Take adds the operations after from, of which this replica may have some; false if it
// lacks some before them.
func (l *Log) Take(from uint64, entries []Entry) bool {
	if from > l.Last() {
		return false
	}
	if have := l.Last() - from; have < uint64(len(entries)) {
		l.add(entries[have:])
	}
	return true
}

func (l *Log) add(entries []Entry) {
	l.entries = append(l.entries, entries...)
	l.file.append(l, entries)
}

// Has reports whether the operations after from are in memory.
func (l *Log) Has(from uint64) bool { return from >= l.base }

// From returns the operations after from up to and including to; they must be in memory.
func (l *Log) From(from, to uint64) []Entry {
	if !l.Has(from) || to <= from {
		return nil
	}
	return l.entries[from-l.base : to-l.base : to-l.base]
}

// CommitTo applies the operations up to number, as far as they are here, and hands their
// replies to done, which may be nil.
func (l *Log) CommitTo(number uint64, done func(number uint64, reply *kv.Reply)) {
	for number = min(number, l.Last()); l.commit < number; {
		reply := l.Machine.Apply(&l.entries[l.commit-l.base].Request)
		l.commit++
		if done != nil {
			done(l.commit, &reply)
		}
	}
	l.file.compact(l)
}

// State is what a replica is sent to be brought up to date: the operations after From, which
// it has, or the state up to From and the operations after that.
type State struct {
	From     Mark
	Whole    bool
	Snapshot []byte // if whole
	Entries  []Entry
	Commit   uint64
}

// String tells how much it is.
func (s *State) String() string {
	if s.Whole {
		return fmt.Sprintf("the state up to %d and %d operations", s.From.Number, len(s.Entries))
	}
	return fmt.Sprintf("%d operations after %d", len(s.Entries), s.From.Number)
}

// StateFor makes the state for a replica that has what mark names, up to the operation to.
func (l *Log) StateFor(mark Mark, to uint64) State {
	if view, ok := l.viewOf(mark.Number); ok && view == mark.View && mark.Number <= to {
		return State{From: mark, Entries: l.From(mark.Number, to), Commit: min(l.commit, to)}
	}
	return l.Whole(to)
}

// Whole is the state for a replica of which nothing is known.
func (l *Log) Whole(to uint64) State {
	own := l.Mark()
	return State{From: own, Whole: true, Snapshot: l.Machine.Snapshot(), Entries: l.From(own.Number, to), Commit: own.Number}
}

// Install brings this replica up to date in a view. What it had beyond State.From is taken
// back. It reports false if the state does not fit.
func (l *Log) Install(view uint64, s *State) bool {
	if s.Whole {
		m, err := kv.Restore(s.Snapshot)
		if err != nil {
			l.env.Logf("the state of view %d: %v", view, err)
			return false
		}
		l.Machine, l.base, l.baseView, l.commit, l.entries = m, s.From.Number, s.From.View, s.From.Number, nil
	} else if v, ok := l.viewOf(s.From.Number); !ok || v != s.From.View || s.From.Number < l.commit {
		return false
	}
	l.entries = append(l.entries[:s.From.Number-l.base:s.From.Number-l.base], s.Entries...)
	l.view = view
	l.replaced()
	if s.Whole {
		l.file.rewrite(l)
	} else {
		l.file.begin(l, s)
	}
	l.CommitTo(s.Commit, nil)
	return true
}

// replaced notes that operations have taken the place of others.
func (l *Log) replaced() {
	l.synced = 0
	l.file.generation++
}

// Forget takes back what is not committed. It is a mistake: all of it may have been
// acknowledged.
func (l *Log) Forget() {
	kept := l.commit - l.base
	l.entries = l.entries[:kept:kept]
}

// Skip acts as if this replica had all up to number. It is a mistake.
func (l *Log) Skip(number uint64) {
	l.CommitTo(l.Last(), nil)
	l.base, l.baseView, l.entries, l.commit = max(number, l.commit), l.view, nil, max(number, l.commit)
	l.replaced()
	l.file.rewrite(l)
}
