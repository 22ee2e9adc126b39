package disk

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// journal is what it takes to undo all that was not synced. Its owner holds a lock.
type journal struct {
	trash   string // where removed files lie until a sync makes their removal last
	trashed int
	files   map[uint64]*unsynced // by inode
	entries []entry              // changes to directories, of the whole file system
	kept    int64                // bytes of former content
	changes int64
}

// unsynced is a file with changes that no sync has made last.
type unsynced struct {
	fd      int // of our own
	changes []change
	kept    int64
}

// change is one change to a file's content: what was there before.
type change struct {
	off, n int64 // what was written; n is 0 for a change of the size alone
	size   int64 // of the file before
	old    []byte
}

// entry is one change to a directory.
type entry struct {
	undo func() error
	keep func() // it lasts now; may be nil
}

// A journal that grows beyond these lets the file that has most in it be kept, as a kernel
// does that writes back what has waited for long.
const (
	mostKept    = 256 << 20
	mostChanges = 1 << 18
	mostEntries = 1 << 14
)

func newJournal(trash string) *journal {
	return &journal{trash: trash, files: map[uint64]*unsynced{}}
}

// wrote is called before n bytes at off are written to the file open as fd.
func (j *journal) wrote(fd int, off, n int64) error {
	st, f, err := j.file(fd)
	if f == nil || err != nil {
		return err
	}
	c := change{off: off, n: n, size: st.Size}
	if c.old, err = content(fd, off, min(off+n, st.Size)); err != nil {
		return err
	}
	j.add(f, c)
	return nil
}

// resized is called before the file open as fd gets another size.
func (j *journal) resized(fd int, size int64) error {
	st, f, err := j.file(fd)
	if f == nil || err != nil || st.Size == size {
		return err
	}
	if st.Size-size > mostKept {
		j.keep(st.Ino)
		return nil
	}
	c := change{off: size, size: st.Size}
	if c.old, err = content(fd, size, st.Size); err != nil {
		return err
	}
	j.add(f, c)
	return nil
}

// file is the one open as fd; nil if it has no name any more.
func (j *journal) file(fd int) (unix.Stat_t, *unsynced, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Nlink == 0 {
		return st, nil, err
	}
	f := j.files[st.Ino]
	if f == nil {
		own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return st, nil, err
		}
		f = &unsynced{fd: own}
		j.files[st.Ino] = f
	}
	return st, f, nil
}

// content reads what is between two offsets; nothing if there is nothing.
func content(fd int, from, to int64) ([]byte, error) {
	if to <= from {
		return nil, nil
	}
	b := make([]byte, to-from)
	for n := 0; n < len(b); {
		k, err := unix.Pread(fd, b[n:], from+int64(n))
		if err != nil {
			return nil, err
		}
		if k == 0 {
			return b[:n], nil
		}
		n += k
	}
	return b, nil
}

func (j *journal) add(f *unsynced, c change) {
	f.changes = append(f.changes, c)
	f.kept += int64(len(c.old))
	j.kept += int64(len(c.old))
	j.changes++
	for j.kept > mostKept || j.changes > mostChanges {
		var most uint64
		for ino, f := range j.files {
			if m := j.files[most]; m == nil || f.kept+int64(len(f.changes)) > m.kept+int64(len(m.changes)) {
				most = ino
			}
		}
		j.keep(most)
	}
}

// moved notes a change to a directory that was just made.
func (j *journal) moved(e entry) {
	j.entries = append(j.entries, e)
	if len(j.entries) > mostEntries {
		j.keepEntries()
	}
}

// discard moves a file out of sight instead of removing it, and says where to. With link it
// stays where it is too.
func (j *journal) discard(path string, link bool) (string, error) {
	j.trashed++
	to := filepath.Join(j.trash, strconv.Itoa(j.trashed))
	if link {
		return to, os.Link(path, to)
	}
	return to, os.Rename(path, to)
}

// synced makes a file's content last, and all changes to directories; 0 stands for no file.
func (j *journal) synced(ino uint64) {
	j.keep(ino)
	j.keepEntries()
}

func (j *journal) keep(ino uint64) {
	if f := j.files[ino]; f != nil {
		j.kept -= f.kept
		j.changes -= int64(len(f.changes))
		_ = unix.Close(f.fd)
		delete(j.files, ino)
	}
}

func (j *journal) keepEntries() {
	for _, e := range j.entries {
		if e.keep != nil {
			e.keep()
		}
	}
	j.entries = nil
	for ino, f := range j.files { // of those that are gone for good
		var st unix.Stat_t
		if unix.Fstat(f.fd, &st) == nil && st.Nlink == 0 {
			j.keep(ino)
		}
	}
}

func (j *journal) unsynced() int64 { return j.changes + int64(len(j.entries)) }

// lose plays the journal backwards: nothing that was not synced remains.
func (j *journal) lose() (Loss, error) {
	var l Loss
	var errs []error
	for ino, f := range j.files {
		l.count(f)
		for i := len(f.changes) - 1; i >= 0; i-- {
			if f.changes[i].n > 0 {
				l.Writes++
				l.Bytes += f.changes[i].n
			}
			errs = append(errs, f.changes[i].undo(f.fd))
		}
		j.keep(ino)
	}
	for i := len(j.entries) - 1; i >= 0; i-- {
		errs = append(errs, j.entries[i].undo())
		l.Entries++
	}
	j.entries = nil
	return l, errors.Join(errs...)
}

// tear keeps everything but the last write to each file, of which only the first few
// sectors are kept, or none if it has but one.
func (j *journal) tear(r *rand.Rand) (Loss, error) {
	var l Loss
	var errs []error
	for ino, f := range j.files {
		if last := len(f.changes) - 1; last >= 0 && f.changes[last].n > 0 {
			c := f.changes[last]
			l.count(f)
			errs = append(errs, c.tear(f.fd, r, &l))
		}
		j.keep(ino)
	}
	j.keepEntries()
	return l, errors.Join(errs...)
}

func (l *Loss) count(f *unsynced) {
	if len(f.changes) > 0 {
		l.Files++
	}
}

func (c change) undo(fd int) error {
	if err := restore(fd, c.off, c.old); err != nil {
		return err
	}
	return unix.Ftruncate(fd, c.size)
}

func (c change) tear(fd int, r *rand.Rand, l *Loss) error {
	first := (c.off/sector + 1) * sector // the first border within it
	if first >= c.off+c.n {
		l.Writes++
		l.Bytes += c.n
		return c.undo(fd)
	}
	borders := (c.off + c.n - 1 - first) / sector
	at := first + r.Int64N(borders+1)*sector
	l.Torn++
	l.Bytes += c.off + c.n - at
	if kept := at - c.off; kept < int64(len(c.old)) {
		if err := restore(fd, at, c.old[kept:]); err != nil {
			return err
		}
	}
	return unix.Ftruncate(fd, max(c.size, at))
}

func restore(fd int, off int64, old []byte) error {
	for len(old) > 0 {
		n, err := unix.Pwrite(fd, old, off)
		if err != nil {
			return err
		}
		old, off = old[n:], off+int64(n)
	}
	return nil
}
