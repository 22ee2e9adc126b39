package disk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// layer is one mount: what is below, its journal and the trouble it is in.
type layer struct {
	data    string
	weather weather
	root    *node

	mu      sync.Mutex // the journal, and changes to what is below
	journal *journal
}

// node is a file or directory of a layer. What it does not do itself, because nothing is
// changed by it, is done by go-fuse's loopback.
type node struct {
	*fs.LoopbackNode
	layer *layer
}

// open is an open file.
type open struct {
	*fs.LoopbackFile
	fd     int
	synced bool // each write is one
}

// PassthroughFd implements fs.FilePassthroughFder: the kernel must not go to the file below
// without asking.
func (*open) PassthroughFd() (int, bool) { return 0, false }

// mount puts a layer over the directory data, at point.
func mount(data, trash, point string) (*layer, error) {
	under, err := fs.NewLoopbackRoot(data)
	if err != nil {
		return nil, err
	}
	l := &layer{data: data, journal: newJournal(trash)}
	l.root = &node{under.(*fs.LoopbackNode), l}
	l.root.RootData.RootNode = l.root
	// The kernel keeps no names and attributes: a power failure changes them behind its back.
	// It does keep pages, which are those that programs map, and drops them at each open.
	var never time.Duration
	_, err = fs.Mount(point, l.root, &fs.Options{
		EntryTimeout: &never, AttrTimeout: &never, NegativeTimeout: &never,
		MountOptions: fuse.MountOptions{
			AllowOther: true, DirectMountStrict: true, DirectMountFlags: unix.MS_NOSUID | unix.MS_NODEV,
			FsName: "faultline", Name: "faultline", Options: []string{"default_permissions"},
		},
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// WrapChild implements fs.NodeWrapChilder.
func (n *node) WrapChild(_ context.Context, below fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{below.(*fs.LoopbackNode), n.layer}
}

func (n *node) path(name string) string {
	return filepath.Join(n.layer.data, n.Path(n.Root()), name)
}

// change passes the gate and has do change what is below, under the lock.
func (n *node) change(ctx context.Context, do func(j *journal) syscall.Errno) syscall.Errno {
	if errno := n.layer.weather.pass(ctx, false); errno != 0 {
		return errno
	}
	n.layer.mu.Lock()
	defer n.layer.mu.Unlock()
	return do(n.layer.journal)
}

// forget makes an entry unknown to the kernel's and go-fuse's trees, after it was undone.
func (n *node) forget(name string) {
	n.RmChild(name)
}

// made is the undoing of a new name: nothing else may be at it.
func (n *node) made(j *journal, name string, remove func(string) error) {
	path := n.path(name)
	j.moved(entry{undo: func() error { n.forget(name); return remove(path) }})
}

// add makes a new name by the loopback's own function.
func (n *node) add(ctx context.Context, name string, remove func(string) error, do func() (*fs.Inode, syscall.Errno)) (made *fs.Inode, errno syscall.Errno) {
	errno = n.change(ctx, func(j *journal) syscall.Errno {
		if !n.layer.weather.grow(0) {
			return syscall.ENOSPC
		}
		if made, errno = do(); errno == 0 {
			n.made(j, name, remove)
		}
		return errno
	})
	return made, errno
}

// Mkdir implements fs.NodeMkdirer.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.add(ctx, name, syscall.Rmdir, func() (*fs.Inode, syscall.Errno) { return n.LoopbackNode.Mkdir(ctx, name, mode, out) })
}

// Mknod implements fs.NodeMknoder.
func (n *node) Mknod(ctx context.Context, name string, mode, dev uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.add(ctx, name, syscall.Unlink, func() (*fs.Inode, syscall.Errno) { return n.LoopbackNode.Mknod(ctx, name, mode, dev, out) })
}

// Symlink implements fs.NodeSymlinker.
func (n *node) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.add(ctx, name, syscall.Unlink, func() (*fs.Inode, syscall.Errno) { return n.LoopbackNode.Symlink(ctx, target, name, out) })
}

// Link implements fs.NodeLinker.
func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.add(ctx, name, syscall.Unlink, func() (*fs.Inode, syscall.Errno) { return n.LoopbackNode.Link(ctx, target, name, out) })
}

// Create implements fs.NodeCreater.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (in *fs.Inode, fh fs.FileHandle, fuseFlags uint32, errno syscall.Errno) {
	errno = n.change(ctx, func(j *journal) syscall.Errno {
		_, err := os.Lstat(n.path(name))
		fresh := errors.Is(err, os.ErrNotExist)
		if fresh && !n.layer.weather.grow(0) {
			return syscall.ENOSPC
		}
		in, fh, fuseFlags, errno = n.LoopbackNode.Create(ctx, name, below(flags), mode, out)
		if errno != 0 {
			return errno
		}
		if fresh {
			n.made(j, name, syscall.Unlink)
		}
		o := opened(fh, flags)
		fh = o
		if flags&syscall.O_TRUNC != 0 && !fresh {
			errno = o.resize(n.layer, 0)
			out.Size = 0
		}
		return errno
	})
	return in, fh, fuseFlags, errno
}

// below are the flags by which a file is opened below: what is written to is read too, for
// the journal; the kernel says at which offset to append; and a sync is the journal's.
func below(flags uint32) uint32 {
	if flags&syscall.O_ACCMODE == syscall.O_WRONLY {
		flags = flags&^syscall.O_ACCMODE | syscall.O_RDWR
	}
	return flags &^ (syscall.O_APPEND | syscall.O_TRUNC | syscall.O_SYNC | syscall.O_DSYNC | syscall.O_DIRECT)
}

func opened(fh fs.FileHandle, flags uint32) *open {
	f := fh.(*fs.LoopbackFile)
	fd, _ := f.PassthroughFd()
	return &open{f, fd, flags&(syscall.O_SYNC|syscall.O_DSYNC) != 0}
}

// Open implements fs.NodeOpener.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	fh, fuseFlags, errno := n.LoopbackNode.Open(ctx, below(flags))
	if errno != 0 {
		return nil, 0, errno
	}
	o := opened(fh, flags)
	if flags&syscall.O_TRUNC != 0 {
		if errno = n.change(ctx, func(*journal) syscall.Errno { return o.resize(n.layer, 0) }); errno != 0 {
			_ = o.Release(ctx)
			return nil, 0, errno
		}
	}
	return o, fuseFlags, 0
}

// Read implements fs.NodeReader.
func (n *node) Read(ctx context.Context, fh fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if errno := n.layer.weather.pass(ctx, false); errno != 0 {
		return nil, errno
	}
	return fh.(*open).Read(ctx, dest, off)
}

// Write implements fs.NodeWriter.
func (n *node) Write(ctx context.Context, fh fs.FileHandle, data []byte, off int64) (written uint32, errno syscall.Errno) {
	o := fh.(*open)
	errno = n.change(ctx, func(j *journal) syscall.Errno {
		if errno := n.layer.grow(o.fd, off+int64(len(data))); errno != 0 {
			return errno
		}
		if err := j.wrote(o.fd, off, int64(len(data))); err != nil {
			return fs.ToErrno(err)
		}
		n.layer.weather.writes.Add(1)
		written, errno = o.LoopbackFile.Write(ctx, data, off)
		return errno
	})
	if errno == 0 && o.synced {
		errno = n.Fsync(ctx, fh, 0)
	}
	return written, errno
}

// grow asks for the room that a file needs to have a size. The caller holds the lock.
func (l *layer) grow(fd int, size int64) syscall.Errno {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fs.ToErrno(err)
	}
	if size > st.Size && !l.weather.grow(size-st.Size) {
		return syscall.ENOSPC
	}
	return 0
}

// resize gives an open file another size. The caller holds the layer's lock.
func (o *open) resize(l *layer, size int64) syscall.Errno {
	if errno := l.grow(o.fd, size); errno != 0 {
		return errno
	}
	if err := l.journal.resized(o.fd, size); err != nil {
		return fs.ToErrno(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(o.fd, &st); err == nil && st.Size > size {
		l.weather.shrink(st.Size - size)
	}
	return fs.ToErrno(unix.Ftruncate(o.fd, size))
}

// Allocate implements fs.NodeAllocater.
func (n *node) Allocate(ctx context.Context, fh fs.FileHandle, off, size uint64, mode uint32) syscall.Errno {
	const keepSize = 1
	if mode&^keepSize != 0 {
		return syscall.EOPNOTSUPP
	}
	o := fh.(*open)
	return n.change(ctx, func(j *journal) syscall.Errno {
		var st unix.Stat_t
		if err := unix.Fstat(o.fd, &st); err != nil {
			return fs.ToErrno(err)
		}
		if end := int64(off + size); end > st.Size && mode == 0 {
			if !n.layer.weather.grow(end - st.Size) {
				return syscall.ENOSPC
			}
			if err := j.resized(o.fd, end); err != nil {
				return fs.ToErrno(err)
			}
		}
		return fs.ToErrno(unix.Fallocate(o.fd, mode, int64(off), int64(size)))
	})
}

// Setattr implements fs.NodeSetattrer.
func (n *node) Setattr(ctx context.Context, fh fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		o, isOpen := fh.(*open)
		if !isOpen {
			fd, err := unix.Open(n.path(""), unix.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
			if err != nil {
				return fs.ToErrno(err)
			}
			defer unix.Close(fd)
			o = &open{fd: fd}
		}
		if errno := n.change(ctx, func(*journal) syscall.Errno { return o.resize(n.layer, int64(size)) }); errno != 0 {
			return errno
		}
	}
	return n.LoopbackNode.Setattr(ctx, fh, in, out) // where the size is as it should be already
}

// Fsync implements fs.NodeFsyncer, for files and directories.
func (n *node) Fsync(ctx context.Context, fh fs.FileHandle, _ uint32) syscall.Errno {
	if errno := n.layer.weather.pass(ctx, true); errno != 0 {
		return errno
	}
	var st unix.Stat_t
	if o, ok := fh.(*open); ok {
		if err := unix.Fstat(o.fd, &st); err != nil {
			return fs.ToErrno(err)
		}
	}
	n.layer.mu.Lock()
	defer n.layer.mu.Unlock()
	n.layer.weather.syncs.Add(1)
	n.layer.journal.synced(st.Ino)
	return 0
}

// Unlink implements fs.NodeUnlinker.
func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	return n.change(ctx, func(j *journal) syscall.Errno {
		path := n.path(name)
		st, err := os.Lstat(path)
		if err != nil {
			return fs.ToErrno(err)
		}
		n.layer.weather.shrink(st.Size())
		gone, err := j.discard(path, false)
		if err == nil {
			j.moved(entry{undo: func() error { return os.Rename(gone, path) }, keep: func() { _ = os.Remove(gone) }})
		}
		return fs.ToErrno(err)
	})
}

// Rmdir implements fs.NodeRmdirer.
func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno {
	return n.change(ctx, func(j *journal) syscall.Errno {
		path := n.path(name)
		again, err := directory(path)
		if err == nil {
			err = syscall.Rmdir(path)
		}
		if err == nil {
			j.moved(entry{undo: again})
		}
		return fs.ToErrno(err)
	})
}

// directory is how to make a directory again as it is, but for what is in it.
func directory(path string) (func() error, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return nil, err
	}
	return func() error {
		return errors.Join(unix.Mkdir(path, 0o700), unix.Chmod(path, st.Mode&0o7777), unix.Chown(path, int(st.Uid), int(st.Gid)))
	}, nil
}

// Rename implements fs.NodeRenamer.
func (n *node) Rename(ctx context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	to, ok := newParent.(*node)
	if !ok {
		return syscall.EXDEV
	}
	return n.change(ctx, func(j *journal) syscall.Errno {
		from, into := n.path(name), to.path(newName)
		undo := entry{undo: func() error {
			to.forget(newName)
			return os.Rename(into, from)
		}}
		if flags&unix.RENAME_EXCHANGE != 0 {
			undo.undo = func() error {
				to.forget(newName)
				n.forget(name)
				return unix.Renameat2(unix.AT_FDCWD, into, unix.AT_FDCWD, from, unix.RENAME_EXCHANGE)
			}
		} else if err := replaced(j, from, into, &undo); err != nil {
			return fs.ToErrno(err)
		}
		if errno := n.LoopbackNode.Rename(ctx, name, to.LoopbackNode, newName, flags); errno != 0 {
			if undo.keep != nil {
				undo.keep()
			}
			return errno
		}
		j.moved(undo)
		return 0
	})
}

// replaced makes the undoing of a rename bring back what was at the new name.
func replaced(j *journal, from, into string, undo *entry) error {
	there, err := os.Lstat(into)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	back := undo.undo
	if there.IsDir() {
		again, err := directory(into)
		undo.undo = func() error { return errors.Join(back(), again()) }
		return err
	}
	if was, err := os.Lstat(from); err != nil {
		return err
	} else if os.SameFile(was, there) { // which a rename leaves as they are
		undo.undo = func() error { return nil }
		return nil
	}
	gone, err := j.discard(into, true)
	if err != nil {
		return err
	}
	undo.undo = func() error { return errors.Join(back(), os.Rename(gone, into)) }
	undo.keep = func() { _ = os.Remove(gone) }
	return nil
}

// Statfs implements fs.NodeStatfser.
func (n *node) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	errno := n.LoopbackNode.Statfs(ctx, out)
	if t, _ := n.layer.weather.now(); errno == 0 && t.Full && out.Bsize > 0 {
		out.Bfree = min(out.Bfree, uint64(t.Room)/uint64(out.Bsize))
		out.Bavail = min(out.Bavail, out.Bfree)
	}
	return errno
}

// Tmpfile implements fs.NodeTmpfiler: programs do without.
func (n *node) Tmpfile(context.Context, uint32, uint32, *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	return nil, nil, 0, syscall.EOPNOTSUPP
}

// CopyFileRange implements fs.NodeCopyFileRanger: the kernel reads and writes instead.
func (n *node) CopyFileRange(context.Context, fs.FileHandle, uint64, *fs.Inode, fs.FileHandle, uint64, uint64, uint64) (uint32, syscall.Errno) {
	return 0, syscall.EOPNOTSUPP
}

// listing is an open directory.
type listing interface {
	fs.FileReaddirenter
	fs.FileReleasedirer
	fs.FileSeekdirer
}

// OpendirHandle implements fs.NodeOpendirHandler. The loopback's own handle would sync the
// directory below instead of asking the journal.
func (n *node) OpendirHandle(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	ds, errno := fs.NewLoopbackDirStream(n.path(""))
	if errno != 0 {
		return nil, 0, errno
	}
	return struct{ listing }{ds.(listing)}, 0, 0
}
