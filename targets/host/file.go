package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

type fileOp uint8

const (
	opAppend fileOp = iota
	opReplace
	opSync
)

type fileRequest struct {
	op   fileOp
	data []byte
	done func(error)
}

// file is one file of a disk and the requests that wait for it.
type file struct {
	dir, path string
	report    func(func())

	mu      sync.Mutex
	waiting []fileRequest
	busy    bool          // the goroutine works on requests that it took
	settled *sync.Cond    // nothing waits and nobody is busy
	wake    chan struct{} // something waits
	ended   bool

	// Of the goroutine.
	f        *os.File
	size     int64 // of what was written whole
	dirty    bool  // something was written and not synced
	unlinked bool  // the directory does not yet keep the file's entry
	broken   error // a sync failed: what the disk holds can no longer be known
}

func newFile(dir, name string, report func(func())) *file {
	f := &file{dir: dir, path: filepath.Join(dir, name), report: report, wake: make(chan struct{}, 1)}
	f.settled = sync.NewCond(&f.mu)
	return f
}

func (f *file) put(r fileRequest) {
	f.mu.Lock()
	f.waiting = append(f.waiting, r)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// settle waits until all that was requested is done, reported or not.
func (f *file) settle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.ended && (f.busy || len(f.waiting) > 0) {
		f.settled.Wait()
	}
}

func (f *file) run(ctx context.Context) {
	defer func() {
		if f.f != nil {
			_ = f.f.Close()
		}
		f.mu.Lock()
		f.ended = true
		f.settled.Broadcast()
		f.mu.Unlock()
	}()
	for {
		select {
		case <-f.wake:
		case <-ctx.Done():
			return
		}
		f.mu.Lock()
		batch := f.waiting
		f.waiting, f.busy = nil, true
		f.mu.Unlock()
		f.work(batch)
		f.mu.Lock()
		f.busy = false
		f.settled.Broadcast()
		f.mu.Unlock()
	}
}

// work does a batch and reports it in order. A sync may come later than it was asked for,
// as long as its report does too: so the last one serves all.
func (f *file) work(batch []fileRequest) {
	errs := make([]error, len(batch))
	sync := -1
	for i, r := range batch {
		switch r.op {
		case opAppend:
			errs[i] = f.append(r.data)
		case opReplace:
			errs[i] = f.replace(r.data)
		case opSync:
			sync = i
		}
	}
	if sync >= 0 {
		err := f.sync()
		for i, r := range batch {
			if r.op == opSync {
				errs[i] = err
			}
		}
	}
	for i, r := range batch {
		if r.done != nil {
			err, done := errs[i], r.done
			f.report(func() { done(err) })
		}
	}
}

func (f *file) open() error {
	if f.broken != nil || f.f != nil {
		return f.broken
	}
	_, err := os.Lstat(f.path)
	f.unlinked = errors.Is(err, os.ErrNotExist)
	h, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	info, err := h.Stat()
	if err != nil {
		_ = h.Close()
		return err
	}
	f.f, f.size, f.dirty = h, info.Size(), true
	return nil
}

// append adds data whole or not at all: of a write that failed half way (a full disk) the
// beginning is cut off again.
func (f *file) append(data []byte) error {
	if err := f.open(); err != nil {
		return err
	}
	f.dirty = true
	if _, err := f.f.WriteAt(data, f.size); err != nil {
		if cut := f.f.Truncate(f.size); cut != nil {
			f.broken = fmt.Errorf("%s holds half a write that could not be undone: %w", f.path, cut)
		}
		return err
	}
	f.size += int64(len(data))
	return nil
}

// replace writes a new file and renames it into place. Its content is synced first, else
// a crash could leave the new name with nothing behind it.
func (f *file) replace(data []byte) error {
	if f.broken != nil {
		return f.broken
	}
	h, err := os.OpenFile(f.path+fresh, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = h.Write(data)
	if err == nil {
		err = h.Sync()
	}
	if err == nil {
		err = os.Rename(f.path+fresh, f.path)
	}
	if err != nil {
		_ = h.Close()
		return errors.Join(err, os.Remove(f.path+fresh))
	}
	if f.f != nil {
		_ = f.f.Close()
	}
	f.f, f.size, f.dirty, f.unlinked = h, int64(len(data)), false, true
	return nil
}

func (f *file) sync() error {
	if err := f.open(); err != nil {
		return err
	}
	if f.dirty {
		if err := f.f.Sync(); err != nil {
			// The kernel may have forgotten what it could not write: a second sync that
			// succeeds would prove nothing.
			f.broken = fmt.Errorf("%s: an earlier sync failed: %w", f.path, err)
			return err
		}
		f.dirty = false
	}
	if f.unlinked {
		if err := syncDir(f.dir); err != nil {
			return err
		}
		f.unlinked = false
	}
	return nil
}
