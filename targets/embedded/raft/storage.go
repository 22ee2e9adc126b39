package raft

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

const logFile = "raft.log"

// trailing is how many entries before a snapshot stay in memory for followers that are a
// little behind, who would otherwise be sent the whole snapshot.
const trailing = 256

// storage keeps the log in memory, where the core reads it, and in a file.
type storage struct {
	*raft.MemoryStorage
	disk   node.Disk
	failed func(error)
	voters *pb.ConfState           // the members, at the place up to which the log is applied
	state  func() (uint64, []byte) // that place, and the state there
	buffer []byte
	size   int // of the file
	floor  int // its size after the last rewrite
	bug    Bug
}

// load reads what the disk kept. torn is what was cut off the end.
func (s *storage) load() (data []byte, torn int, err error) {
	s.MemoryStorage = raft.NewMemoryStorage()
	file, err := s.disk.Read(logFile)
	if err != nil {
		return nil, 0, fmt.Errorf("read the log: %w", err)
	}
	if err := s.ApplySnapshot(&pb.Snapshot{Metadata: &pb.SnapshotMetadata{ConfState: s.voters}}); err != nil {
		return nil, 0, fmt.Errorf("set up the log: %w", err)
	}
	var state *pb.HardState
	rest := file
	for {
		r, after, ok := nextRecord(rest)
		if !ok {
			break
		}
		switch {
		case r.state != nil:
			state = r.state
		case r.snapshot != nil:
			data = r.snapshot.GetData()
			s.voters = r.snapshot.GetMetadata().GetConfState()
			err = s.ApplySnapshot(r.snapshot)
		case r.entry != nil:
			err = s.add(r.entry)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("replay the log at byte %d: %w", len(file)-len(rest), err)
		}
		rest = after
	}
	if wire.Damaged(rest) {
		return nil, 0, fmt.Errorf("%s is damaged after byte %d of %d: the disk has lost what this node had promised to keep", logFile, len(file)-len(rest), len(file))
	}
	if state != nil {
		// The state is written before the entries that it covers, which may be torn off.
		if last, err := s.LastIndex(); err == nil && state.GetCommit() > last {
			state.Commit = new(last)
		}
		if err := s.SetHardState(state); err != nil {
			return nil, 0, fmt.Errorf("restore the term and vote: %w", err)
		}
	}
	torn, s.size = len(rest), len(file)-len(rest)
	s.floor = s.size
	if torn > 0 {
		s.disk.Replace(logFile, file[:s.size], nil)
	}
	return data, torn, nil
}

var errGap = errors.New("an entry is missing")

// add appends an entry that was read back.
func (s *storage) add(e *pb.Entry) error {
	last, err := s.LastIndex()
	if err != nil {
		return err
	}
	if e.GetIndex() > last+1 {
		return errGap
	}
	return s.Append([]*pb.Entry{e})
}

// save writes what the core wants written. If that must be on the disk before anything
// goes out, it reports so and calls done then.
func (s *storage) save(rd *raft.Ready, done func(error)) (wait bool, err error) {
	b := s.buffer[:0]
	replace := !raft.IsEmptySnap(rd.Snapshot)
	if replace {
		if err := s.ApplySnapshot(rd.Snapshot); err != nil {
			return false, fmt.Errorf("take the leader's snapshot: %w", err)
		}
		b = appendSnapshotRecord(b, rd.Snapshot)
	}
	if !raft.IsEmptyHardState(rd.HardState) {
		if err := s.SetHardState(s.kept(rd.HardState)); err != nil {
			return false, fmt.Errorf("keep the term and vote: %w", err)
		}
		b = s.appendState(b)
	} else if replace {
		b = s.appendState(b)
	}
	if err := s.Append(rd.Entries); err != nil {
		return false, fmt.Errorf("append to the log: %w", err)
	}
	for _, e := range rd.Entries {
		b = appendEntryRecord(b, e)
	}
	s.buffer = b
	switch {
	case replace:
		s.disk.Replace(logFile, b, s.check)
		s.size, s.floor = len(b), len(b)
	case len(b) == 0:
		return false, nil
	default:
		s.disk.Append(logFile, b, s.check)
		s.size += len(b)
	}
	if !rd.MustSync && !replace || s.bug == AckBeforeSync {
		return false, nil
	}
	s.disk.Sync(logFile, done)
	return true, nil
}

// kept is what a state is remembered as. The core takes no term for none at all.
func (s *storage) kept(state *pb.HardState) *pb.HardState {
	if s.bug == VoteNotPersisted {
		return &pb.HardState{Term: new(uint64(1)), Commit: state.Commit}
	}
	return state
}

func (s *storage) appendState(b []byte) []byte {
	state, _, err := s.InitialState()
	if err != nil || raft.IsEmptyHardState(state) {
		return b
	}
	return appendStateRecord(b, state)
}

// check ends the node's life if a write failed: what it said would no longer be so.
func (s *storage) check(err error) {
	if err != nil {
		s.failed(fmt.Errorf("write the log: %w", err))
	}
}

// bulky reports whether the file has grown so far that a rewrite pays.
func (s *storage) bulky(limit int) bool { return s.size > limit && s.size > 2*s.floor }

// compact rewrites the file as a snapshot of the state up to applied and what follows.
func (s *storage) compact(applied uint64, data []byte) error {
	snapshot, err := s.CreateSnapshot(applied, s.voters, data)
	if err != nil {
		return fmt.Errorf("make a snapshot: %w", err)
	}
	first, err := s.FirstIndex()
	if err != nil {
		return err
	}
	if applied > trailing && applied-trailing >= first {
		if err := s.Compact(applied - trailing); err != nil {
			return fmt.Errorf("compact the log: %w", err)
		}
	}
	last, err := s.LastIndex()
	if err != nil {
		return err
	}
	b := s.appendState(appendSnapshotRecord(s.buffer[:0], snapshot))
	if last > applied {
		entries, err := s.Entries(applied+1, last+1, ^uint64(0))
		if err != nil {
			return fmt.Errorf("rewrite the log: %w", err)
		}
		for _, e := range entries {
			b = appendEntryRecord(b, e)
		}
	}
	s.buffer = b
	s.disk.Replace(logFile, b, s.check)
	s.disk.Sync(logFile, s.check)
	s.size, s.floor = len(b), len(b)
	return nil
}
