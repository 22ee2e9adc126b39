package sim

import (
	"math/rand/v2"
	"slices"
	"time"
)

// A disk is a set of files behind a write-back cache. Each file is a chain of versions: a
// Replace starts a new one, an Append extends the last. A crash falls back to one of the
// versions since the last sync, and of what was appended to it unsynced keeps a part.

// disk belongs to a machine and outlives its node's lives.
type disk struct {
	files []*file
	rand  *rand.Rand
	free  int64 // when the device has done all that was asked of it
}

type file struct {
	name     string
	versions []version // the first is on the platter, in part at least
}

// version is a file's content since a Replace.
type version struct {
	content []byte
	durable int   // bytes that survive for certain; -1: the Replace itself was not synced
	marks   []int // where the appends since then end
	number  int
}

func (v *version) base() int {
	if v.durable >= 0 {
		return v.durable
	}
	if len(v.marks) > 0 {
		return v.marks[0]
	}
	return len(v.content)
}

// The costs of a write besides syncing it.
const (
	writeCost = int64(20 * time.Microsecond)
	nsPerByte = 5 // 200 MB/s
)

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

// read is what the node reads back.
func (d *disk) read(name string) []byte { return slices.Clone(d.file(name).last().content) }

func (d *disk) append(name string, data []byte) {
	v := d.file(name).last()
	v.content = append(v.content, data...)
	v.marks = append(v.marks, len(v.content))
}

func (d *disk) replace(name string, data []byte) {
	f := d.file(name)
	next := version{content: slices.Clone(data), durable: -1, number: f.last().number + 1}
	next.marks = append(next.marks, len(data))
	f.versions = append(f.versions, next)
}

// busy makes the device busy for cost and returns when it will be done.
func (d *disk) busy(now, cost int64) int64 {
	d.free = max(d.free, now) + cost
	return d.free
}

// mark is the state of a file that a sync makes durable.
type mark struct {
	file   *file
	number int
	length int
}

func (d *disk) mark(name string) mark {
	f := d.file(name)
	return mark{f, f.last().number, len(f.last().content)}
}

// synced makes a mark durable.
func (m mark) synced() {
	f := m.file
	for len(f.versions) > 1 && f.versions[0].number < m.number {
		f.versions = f.versions[1:]
	}
	v := &f.versions[0]
	if v.number != m.number || m.length < v.durable {
		return
	}
	v.durable = m.length
	v.marks = slices.DeleteFunc(v.marks, func(end int) bool { return end <= m.length })
}

// crash takes back what was not synced, in part: the newest version that is kept is drawn
// and, of the appends to it, how many; the one after them may be torn, its tail missing or
// full of what lay there before.
func (d *disk) crash() {
	for _, f := range d.files {
		k := d.rand.IntN(len(f.versions))
		v := f.versions[k]
		keep := v.base()
		whole := v.marks
		if v.durable < 0 && len(whole) > 0 {
			whole = whole[1:] // a Replace is atomic
		}
		if n := len(whole); n > 0 {
			kept := d.rand.IntN(n + 1)
			if kept > 0 {
				keep = whole[kept-1]
			}
			if kept < n && d.rand.IntN(2) == 0 {
				keep = d.tear(v.content, keep, whole[kept])
			}
		}
		v.content = v.content[:keep:keep]
		v.durable, v.marks = keep, nil
		f.versions = []version{v}
	}
	d.free = 0
}

// tear keeps a part of the append from start to end and returns where the file ends then.
func (d *disk) tear(content []byte, start, end int) int {
	cut := start + d.rand.IntN(end-start+1)
	if d.rand.IntN(2) == 0 {
		return cut
	}
	for i := cut; i < end; i++ {
		content[i] = 0 // the length reached the platter, the data did not
	}
	return end
}

// rot flips one bit of what is durable and tells which; false if there is none.
func (d *disk) rot(name string) (offset int, ok bool) {
	v := &d.file(name).versions[0]
	if v.durable <= 0 {
		return 0, false
	}
	offset = d.rand.IntN(v.durable)
	v.content[offset] ^= 1 << d.rand.IntN(8)
	return offset, true
}
