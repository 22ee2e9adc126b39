// Package disk makes the disk below a directory untrustworthy: a directory in, a fault out.
// It knows nothing of containers or clusters.
//
// The one idea: a layer (FUSE) lies over the directory. Whatever is done through it is done
// to the directory below at once, and what it would take to undo that is kept until a sync
// makes it last:
//
//	a process --write--> the mount point --> data/ (it is there now)
//	                          |
//	                          +--> the journal: what was there before
//	          --fsync-->         the journal forgets
//	          power fails        the journal is played backwards
//
// So nothing is lost by the layer itself however it ends, and a power failure costs a
// moment. A sync keeps what a journalling file system keeps: the file's own data and size,
// and every change to directories (create, rename, remove) made before. A write is made of
// sectors of 512 bytes that are kept whole or not at all; a torn one keeps the first few.
//
// The layer can also be slow, stand still, or have no room left. Its helper process serves
// all of a run's mounts, listens at a socket and outlives whoever started it, so that a
// node is not stalled by the death of the harness; End takes all of it away.
//
// Modes, owners and times of files are kept at once. Files that are unlinked while open,
// and changed after that, are not journalled: nobody can find them again. copy_file_range,
// O_TMPFILE and punching holes are refused, so that programs fall back to plain writes.
//
// Start with Helper; journal_linux.go is the idea, nodes_linux.go the file system,
// trouble_linux.go what slows it, serve_linux.go the helper's side.
package disk

import (
	"fmt"
	"path/filepath"
	"time"
)

// Mount is one directory with a layer over it.
type Mount struct {
	Name  string // in orders
	Under string // made if need be; has in it data/, the directory below, and mnt/, where the layer is
}

const (
	dataDir  = "data"
	trashDir = "trash"
	pointDir = "mnt"
)

// Data is the directory below a mount, Point where its layer is.
func (m Mount) Data() string  { return filepath.Join(m.Under, dataDir) }
func (m Mount) Point() string { return filepath.Join(m.Under, pointDir) }

// Trouble is what a disk does to those who use it. The zero value is a good disk.
type Trouble struct {
	Delay time.Duration `json:",omitempty"` // of each read, write, sync and change to a directory
	Stall bool          `json:",omitempty"` // all of them wait until it ends
	Hold  bool          `json:",omitempty"` // syncs wait until it ends, so that nothing more is kept
	Full  bool          `json:",omitempty"` // files may grow by Room bytes together, and no new ones be made after that
	Room  int64         `json:",omitempty"`
}

// Counts are of what the layer did, since it was mounted.
type Counts struct {
	Writes, Syncs             int64
	Delayed, Stalled, Refused int64 // requests
	Unsynced                  int64 // changes in the journal now
}

// Loss is what a power failure took back.
type Loss struct {
	Writes  int   // lost wholly
	Torn    int   // lost in part
	Bytes   int64 // of both
	Files   int   // that they were in
	Entries int   // changes to directories: files made, renamed, removed
}

// String says it as evidence does.
func (l Loss) String() string {
	s := fmt.Sprintf("%d unsynced writes (%d bytes) to %d files", l.Writes, l.Bytes, l.Files)
	if l.Torn > 0 {
		s = fmt.Sprintf("%d writes torn and %d lost (%d bytes) in %d files", l.Torn, l.Writes, l.Bytes, l.Files)
	}
	if l.Entries > 0 {
		s += fmt.Sprintf(" and %d changes to directories", l.Entries)
	}
	return s
}

// Any says whether it took anything.
func (l Loss) Any() bool { return l.Writes+l.Torn+l.Entries > 0 }

// sector is what a disk writes whole or not at all.
const sector = 512
