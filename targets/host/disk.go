package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// disk is a node's directory. Each file has a goroutine of its own that does what was
// requested, in order, and takes everything that waits at once: however many syncs are
// among it, one fsync serves them all.
type disk struct {
	ctx    context.Context
	wg     *sync.WaitGroup
	dir    string
	report func(func()) // to the loop, in order
	files  map[string]*file
}

// fresh is the suffix of a file that is about to replace another one.
const fresh = ".new"

func openDisk(ctx context.Context, wg *sync.WaitGroup, dir string, report func(func())) (*disk, error) {
	if dir == "" {
		return nil, errors.New("no directory given")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"+fresh))
	if err != nil {
		return nil, err
	}
	for _, path := range left { // of a crash amid a replacement
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	return &disk{ctx: ctx, wg: wg, dir: dir, report: report, files: map[string]*file{}}, nil
}

// Read implements node.Disk.
func (d *disk) Read(name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if f := d.files[name]; f != nil {
		f.settle()
	}
	data, err := os.ReadFile(filepath.Join(d.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// Append implements node.Disk.
func (d *disk) Append(name string, data []byte, done func(error)) {
	d.do(name, fileRequest{op: opAppend, data: data, done: done})
}

// Replace implements node.Disk.
func (d *disk) Replace(name string, data []byte, done func(error)) {
	d.do(name, fileRequest{op: opReplace, data: data, done: done})
}

// Sync implements node.Disk.
func (d *disk) Sync(name string, done func(error)) {
	d.do(name, fileRequest{op: opSync, done: done})
}

func (d *disk) do(name string, r fileRequest) {
	// The node may go on using its buffer.
	r.data = append([]byte(nil), r.data...)
	f := d.files[name]
	if f == nil {
		if err := checkName(name); err != nil {
			if r.done != nil {
				d.report(func() { r.done(err) })
			}
			return
		}
		f = newFile(d.dir, name, d.report)
		d.files[name] = f
		d.wg.Go(func() { f.run(d.ctx) })
	}
	f.put(r)
}

// checkName keeps a node to its directory.
func checkName(name string) error {
	if name == "" || name != filepath.Base(name) || strings.ContainsAny(name, `/\`) ||
		strings.HasPrefix(name, ".") || strings.HasSuffix(name, fresh) {
		return fmt.Errorf("%q is not a name for a node's file", name)
	}
	return nil
}
