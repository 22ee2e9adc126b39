package sim

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
)

// A disk is a set of files behind a write-back cache. Each file is a chain of versions: a
// Replace starts a new one, an Append extends the last. What a node reads is the cache, the
// end of each chain, and that survives the node's death, as the kernel's page cache does. A
// power failure takes it away: a file falls back to one of its versions since the last sync,
// and of what was appended to it unsynced keeps a part or nothing.

// disk belongs to a machine and outlives its node's lives.
type disk struct {
	device
	files []*file
}

type file struct {
	name     string
	versions []version // the first is on the platter, in part at least
}

// version is a file's content since a Replace.
type version struct {
	content []byte
	durable int   // bytes that survive for certain; -1: the Replace itself was not synced
	marks   []int // where the appends since then end, that of a Replace first
}

// base is where a version that survives ends at least; a Replace is atomic.
func (v *version) base() (end int, later []int) {
	if v.durable >= 0 {
		return v.durable, v.marks
	}
	return v.marks[0], v.marks[1:]
}

// file finds a file, creating it.
func (d *disk) file(name string) *file {
	for _, f := range d.files {
		if f.name == name {
			return f
		}
	}
	f := &file{name: name, versions: []version{{}}}
	d.files = append(d.files, f)
	return f
}

func (f *file) last() *version { return &f.versions[len(f.versions)-1] }

func (f *file) append(data []byte) {
	v := f.last()
	v.content = append(v.content, data...)
	v.marks = append(v.marks, len(v.content))
}

func (f *file) replace(data []byte) {
	f.versions = append(f.versions, version{content: slices.Clone(data), durable: -1, marks: []int{len(data)}})
}

// sync makes all of a file durable.
func (f *file) sync() {
	v := *f.last()
	v.durable, v.marks = len(v.content), v.marks[:0]
	clear(f.versions)
	f.versions = append(f.versions[:0], v)
}

// size is what all files take.
func (d *disk) size() (sum int64) {
	for _, f := range d.files {
		sum += int64(len(f.last().content))
	}
	return sum
}

// Loss is what a power failure took from a disk.
type Loss struct {
	Writes, Torn, Files int // writes gone, writes of which a part is left, files that had some
	Bytes               int // of both
}

// String says it in words.
func (l Loss) String() string {
	if l.Torn > 0 {
		return fmt.Sprintf("%d writes torn and %d lost (%d bytes) in %d files", l.Torn, l.Writes, l.Bytes, l.Files)
	}
	return fmt.Sprintf("%d unsynced writes (%d bytes) to %d files", l.Writes, l.Bytes, l.Files)
}

// powerFails takes back what was not synced: all of it; or, if torn, in part: which version
// of a file is left is drawn and, of the appends to it, how many, and of the one after them a
// part is left.
func (d *disk) powerFails(torn bool, r *rand.Rand) (lost Loss) {
	for _, f := range d.files {
		before := lost.Writes + lost.Torn
		k := 0
		if torn {
			k = r.IntN(len(f.versions))
		}
		for _, v := range f.versions[k+1:] {
			lost.Writes += len(v.marks)
			lost.Bytes += len(v.content)
		}
		v := f.versions[k]
		keep, later := v.base()
		kept := 0
		if torn && len(later) > 0 {
			if kept = r.IntN(len(later)); kept > 0 {
				keep = later[kept-1]
			}
		}
		lost.Writes += len(later) - kept
		lost.Bytes += len(v.content) - keep
		if torn && kept < len(later) {
			start := keep
			if keep = tear(v.content, keep, later[kept], r); keep > start {
				lost.Writes--
				lost.Torn++
			}
		}
		if lost.Writes+lost.Torn > before {
			lost.Files++
		}
		v.content = v.content[:keep:keep]
		v.durable, v.marks = keep, nil
		f.versions = []version{v}
	}
	return lost
}

// tear leaves a part of the append from start to end and returns where the file ends then.
func tear(content []byte, start, end int, r *rand.Rand) int {
	cut := start + r.IntN(end-start+1)
	if r.IntN(2) == 0 {
		return cut
	}
	for i := cut; i < end; i++ {
		content[i] = 0 // the length reached the platter, the data did not
	}
	return end
}

// choose draws one of the files whose names match a pattern and that hold something.
func (d *disk) choose(pattern string, r *rand.Rand) (*file, error) {
	var some []*file
	for _, f := range d.files {
		if ok, err := path.Match(pattern, f.name); err != nil {
			return nil, err
		} else if ok && len(f.last().content) > 0 {
			some = append(some, f)
		}
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("no file that holds anything has a name like %q", pattern)
	}
	return some[r.IntN(len(some))], nil
}

// flip turns over one bit of a file and tells which.
func (d *disk) flip(pattern string, r *rand.Rand) (string, error) {
	f, err := d.choose(pattern, r)
	if err != nil {
		return "", err
	}
	v := f.last()
	at, bit := r.IntN(len(v.content)), r.IntN(8)
	v.content[at] ^= 1 << bit
	return fmt.Sprintf("bit %d of byte %d of %s turned over", bit, at, f.name), nil
}

// truncate cuts off a file's end and tells how much.
func (d *disk) truncate(pattern string, r *rand.Rand) (string, error) {
	f, err := d.choose(pattern, r)
	if err != nil {
		return "", err
	}
	v := f.last()
	before := len(v.content)
	end := r.IntN(before)
	f.versions = []version{{content: v.content[:end:end], durable: end}}
	return fmt.Sprintf("%s cut from %d to %d bytes", f.name, before, end), nil
}
