package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

func (l *layer) counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &l.weather
	return Counts{
		Writes: w.writes.Load(), Syncs: w.syncs.Load(), Delayed: w.delayed.Load(),
		Stalled: w.stalled.Load(), Refused: w.refused.Load(), Unsynced: l.journal.unsynced(),
	}
}

// powerFails takes back what was not synced, wholly or but for the torn rest of the last
// writes. Nobody may have a file open through the layer.
func (l *layer) powerFails(torn bool, r *rand.Rand) (Loss, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if torn {
		return l.journal.tear(r)
	}
	return l.journal.lose()
}

// choose picks one of the files below that are not empty and whose name, or path below the
// mount, matches the pattern.
func (l *layer) choose(pattern string, r *rand.Rand) (path string, size int64, err error) {
	sizes := map[string]int64{}
	err = filepath.WalkDir(l.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(l.data, path)
		if err != nil {
			return err
		}
		whole, err := filepath.Match(pattern, rel)
		if err != nil {
			return fmt.Errorf("pattern %q: %w", pattern, err)
		}
		base, _ := filepath.Match(pattern, d.Name())
		if info, err := d.Info(); err == nil && (whole || base) && info.Size() > 0 {
			sizes[rel] = info.Size()
		}
		return nil
	})
	if err != nil {
		return "", 0, err
	}
	if len(sizes) == 0 {
		return "", 0, fmt.Errorf("no file with anything in it matches %q", pattern)
	}
	names := make([]string, 0, len(sizes))
	for name := range sizes {
		names = append(names, name)
	}
	sort.Strings(names)
	path = names[r.IntN(len(names))]
	return path, sizes[path], nil
}

// flip turns one bit of a chosen file over, and says which.
func (l *layer) flip(pattern string, r *rand.Rand) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name, size, err := l.choose(pattern, r)
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(filepath.Join(l.data, name), os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	at, bit := l.somewhere(f, size, r), r.IntN(8)
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return "", err
	}
	b[0] ^= 1 << bit
	if _, err := f.WriteAt(b[:], at); err != nil {
		return "", err
	}
	l.stale(name)
	return fmt.Sprintf("bit %d of byte %d of %s flipped", bit, at, name), nil
}

// somewhere is an offset within a file where there is data: a file that was allocated in
// advance is mostly a hole, whose bits nobody reads.
func (l *layer) somewhere(f *os.File, size int64, r *rand.Rand) int64 {
	const tries = 64
	at := r.Int64N(size)
	for range tries {
		var b [1]byte
		if _, err := f.ReadAt(b[:], at); err == nil && b[0] != 0 {
			return at
		}
		at = r.Int64N(size)
	}
	return at
}

// truncate cuts off the end of a chosen file, and says how much.
func (l *layer) truncate(pattern string, r *rand.Rand) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name, size, err := l.choose(pattern, r)
	if err != nil {
		return "", err
	}
	left := r.Int64N(size)
	if err := os.Truncate(filepath.Join(l.data, name), left); err != nil {
		return "", err
	}
	l.stale(name)
	return fmt.Sprintf("%s cut from %d to %d bytes", name, size, left), nil
}

// stale makes the kernel read a file anew.
func (l *layer) stale(name string) {
	in := l.root.EmbeddedInode()
	for _, part := range strings.Split(name, string(filepath.Separator)) {
		if in = in.GetChild(part); in == nil {
			return // nobody has asked for it yet
		}
	}
	_ = in.NotifyContent(0, 0)
}

// unmount takes a layer, or what is left of one, out of the way of whoever uses it.
func unmount(point string) error {
	for {
		switch err := unix.Unmount(point, unix.MNT_DETACH); {
		case err == nil: // there may be another below
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT): // not mounted
			return nil
		default:
			return fmt.Errorf("unmount %s: %w", point, err)
		}
	}
}
