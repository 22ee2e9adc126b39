package sharded

import (
	"errors"

	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/raft"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// holdings is the machine of a group that has shards: what is in them, and how far each is
// on its way.
//
//	absent --install--> served --freeze--> frozen --forget--> absent
//	   ^                                     |
//	   +---- install of a later version <----+   the other group gave it back meanwhile
type holdings struct {
	bug     Bug
	shards  [Shards]holding
	changed func() // is called when a shard comes or goes
}

// holding is a shard as a group knows it. Each has a machine of its own, which is what moves.
type holding struct {
	state   state
	version uint64 // of the last assignment that the group took part in
	to      int    // the group that a frozen shard goes to
	data    kv.Machine
}

type state byte

const (
	absent state = iota
	served
	frozen
	lastState
)

var _ raft.Machine = (*holdings)(nil)

// newHoldings are those of a group before any move.
func newHoldings(group, groups int, bug Bug, changed func()) *holdings {
	h := &holdings{bug: bug, changed: changed}
	for i, p := range newTable(groups, nil).places {
		if p.group == group {
			h.shards[i] = holding{state: served, version: p.version}
		}
	}
	return h
}

// Apply implements raft.Machine. Whether the shard is there is asked where the request
// stands in the log; when it came, the shard may yet have been there.
func (h *holdings) Apply(r *kv.Request) kv.Reply {
	s := &h.shards[ShardOf(r.Key)]
	if !h.serves(s) {
		return kv.Reply{Status: kv.NotHere}
	}
	return s.data.Apply(r)
}

// Read implements raft.Machine.
func (h *holdings) Read(r *kv.Request) kv.Reply {
	s := &h.shards[ShardOf(r.Key)]
	if !h.serves(s) && h.bug != Unversioned {
		return kv.Reply{Status: kv.NotHere}
	}
	return s.data.Read(r)
}

func (h *holdings) serves(s *holding) bool {
	return s.state == served || h.bug == TwoOwners && s.state == frozen
}

// Command implements raft.Machine. A command that the shard's version has overtaken does
// nothing: it is a copy, or comes late.
func (h *holdings) Command(data []byte) error {
	c, err := takeCommand(data)
	if err != nil {
		return err
	}
	s := &h.shards[c.shard]
	switch c.kind {
	case freeze:
		if s.state != served || c.version <= s.version {
			return nil
		}
		s.state, s.version, s.to = frozen, c.version, c.group
	case install:
		if c.version <= s.version && !(h.bug == InstallTwice && c.version == s.version) {
			return nil
		}
		m, err := kv.Restore(c.data)
		if err != nil {
			return err
		}
		*s = holding{state: served, version: c.version, data: m}
	case forget:
		if s.state != frozen || c.version != s.version {
			return nil
		}
		if h.bug == TwoOwners {
			s.to = 0
			return nil
		}
		*s = holding{version: s.version}
	default:
		return errors.New("not a command of a group with shards")
	}
	h.changed()
	return nil
}

// Snapshot implements raft.Machine.
func (h *holdings) Snapshot() []byte {
	var b []byte
	for i := range h.shards {
		s := &h.shards[i]
		b = wire.AppendUints(append(b, byte(s.state)), s.version, uint64(s.to))
		b = wire.AppendBytes(b, s.data.Snapshot())
	}
	return b
}

// Restore implements raft.Machine.
func (h *holdings) Restore(snapshot []byte) error {
	if len(snapshot) == 0 {
		return nil
	}
	d := wire.NewDecoder(snapshot)
	for i := range h.shards {
		s := holding{state: state(d.UpTo(byte(lastState - 1))), version: d.Uint(), to: takeGroup(&d)}
		var err error
		if s.data, err = kv.Restore(d.Bytes()); err != nil {
			return err
		}
		h.shards[i] = s
	}
	h.changed()
	return d.End()
}
