package sharded

import (
	"errors"

	"github.com/faultline-dev/faultline/targets/embedded/kv"
	"github.com/faultline-dev/faultline/targets/embedded/raft"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

// table is the machine of the configuration group: which group shall have each shard. Every
// node has a copy, as far as it has applied the group's log, and routes by it.
type table struct {
	version uint64 // of the last assignment
	places  [Shards]place
	changed func() // is called when a shard is assigned anew
}

// place is where a shard shall be, and since which version.
type place struct {
	group   int
	version uint64
}

var _ raft.Machine = (*table)(nil)

// newTable deals the shards out in turn, as version 1.
func newTable(groups int, changed func()) *table {
	t := &table{version: 1, changed: changed}
	for i := range t.places {
		t.places[i] = place{group: 1 + i%groups, version: 1}
	}
	return t
}

// Command implements raft.Machine: an assignment counts only as the successor of the one
// that its proposer knew, so that it happens once.
func (t *table) Command(data []byte) error {
	c, err := takeCommand(data)
	if err == nil && c.kind != assign {
		err = errors.New("not a command of the configuration group")
	}
	if err != nil || c.version != t.version+1 {
		return err
	}
	t.version++
	t.places[c.shard] = place{c.group, c.version}
	t.changed()
	return nil
}

// Apply implements raft.Machine: the group has nothing for clients.
func (t *table) Apply(*kv.Request) kv.Reply { return kv.Reply{Status: kv.Unsupported} }

// Read implements raft.Machine.
func (t *table) Read(*kv.Request) kv.Reply { return kv.Reply{Status: kv.Unsupported} }

// Snapshot implements raft.Machine.
func (t *table) Snapshot() []byte {
	b := wire.AppendUints(nil, t.version)
	for _, p := range t.places {
		b = wire.AppendUints(b, uint64(p.group), p.version)
	}
	return b
}

// Restore implements raft.Machine.
func (t *table) Restore(snapshot []byte) error {
	if len(snapshot) == 0 {
		return nil
	}
	d := wire.NewDecoder(snapshot)
	t.version = d.Uint()
	for i := range t.places {
		t.places[i] = place{takeGroup(&d), d.Uint()}
	}
	t.changed()
	return d.End()
}
