// Package journal keeps a node's state on its disk as a file of records that lead to it.
//
// The one idea: the state in memory may run ahead of the disk, but nobody may learn of it.
// A node changes its state at once, writes the change down, and hands what it would tell
// the world (an answer, an acknowledgement) to Then, which waits until everything written
// so far is synced. Changes made during a sync share the next one. When the file has grown
// to twice the state it is replaced by a snapshot.
//
// Start with Journal.
package journal

import (
	"fmt"

	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/wire"
)

const file = "journal"

// DefaultCompactAt keeps recovery short and snapshots rare.
const DefaultCompactAt = 64 << 10

// Journal is a node's file. Open it before anything else.
type Journal struct {
	// Snapshot appends records that lead to the present state.
	Snapshot func(*Journal)
	// CompactAt is the size, in bytes, from which on a snapshot takes the file's place; 0
	// means DefaultCompactAt.
	CompactAt int

	env     node.Env
	batch   []byte   // records that wait for the disk
	waiting []func() // what waits for them
	syncing []func() // what waits for those at the disk
	busy    bool
	size    int // of the file
	limit   int // at which a snapshot is due
}

// Open reads the records back, in order, each by a Decoder of its own. What a crash tore
// off the end is cut off, and told in the log.
func (j *Journal) Open(env node.Env, apply func(*wire.Decoder)) error {
	j.env = env
	if j.CompactAt == 0 {
		j.CompactAt = DefaultCompactAt
	}
	content, err := env.Disk().Read(file)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	rest := content
	for {
		payload, after, ok := wire.Next(rest)
		if !ok {
			break
		}
		d := wire.NewDecoder(payload)
		apply(&d)
		if err := d.End(); err != nil {
			return fmt.Errorf("a record of the journal, at byte %d, is %w", len(content)-len(rest), err)
		}
		rest = after
	}
	j.size = len(content) - len(rest)
	if wire.Damaged(rest) {
		return fmt.Errorf("the journal is damaged after byte %d of %d: the disk has lost what this node had promised to keep", j.size, len(content))
	}
	j.limit = max(j.CompactAt, 2*j.size)
	if len(rest) > 0 {
		env.Logf("cut a torn end of %d bytes off the journal", len(rest))
		// What is appended from now on must not stand behind garbage.
		env.Disk().Replace(file, content[:j.size:j.size], nil)
	}
	return nil
}

// Write writes a record down: what fields append to it. The state has changed already. The
// record goes to the disk with the next Then.
func (j *Journal) Write(fields func(b []byte) []byte) {
	start := len(j.batch)
	j.batch = wire.Seal(fields(wire.Open(j.batch)), start)
}

// Then calls f once the disk has all that was written so far; at once if it has.
func (j *Journal) Then(f func()) {
	if !j.busy && len(j.batch) == 0 {
		f()
		return
	}
	j.waiting = append(j.waiting, f)
	j.flush()
}

// flush hands the batch to the disk, unless that is busy with the one before.
func (j *Journal) flush() {
	if j.busy {
		return
	}
	if j.size+len(j.batch) > j.limit {
		j.batch = nil
		j.Snapshot(j)
		j.size = len(j.batch)
		j.limit = max(j.CompactAt, 2*j.size)
		j.env.Disk().Replace(file, j.batch, nil)
	} else {
		j.size += len(j.batch)
		j.env.Disk().Append(file, j.batch, nil)
	}
	j.batch = nil
	j.busy, j.syncing, j.waiting = true, j.waiting, j.syncing[:0]
	j.env.Disk().Sync(file, j.synced)
}

func (j *Journal) synced(err error) {
	if err != nil {
		j.env.Fatalf("sync the journal: %v", err)
		return
	}
	done := j.syncing
	for _, f := range done {
		f()
	}
	clear(done)
	j.syncing, j.busy = done[:0], false
	if len(j.waiting) > 0 {
		j.flush()
	}
}
