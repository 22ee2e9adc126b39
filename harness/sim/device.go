package sim

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/faultline-dev/faultline/harness/node"
)

// A node's requests to its disk wait in a queue and are done one at a time. So a node that
// dies leaves undone what it had asked for and was not yet done: of the request that was
// under way a part, of those behind it nothing.

// The costs of a write besides syncing it.
const (
	writeCost = int64(20 * time.Microsecond)
	nsPerByte = 5 // 200 MB/s
)

// ErrFull is the end of a write to a disk without room.
var ErrFull = errors.New("no space left on the disk")

// Trouble is what a disk does to the node that uses it. The zero value is a good disk.
type Trouble struct {
	Delay time.Duration // of each request
	Stall bool          // requests wait until it ends
	Full  bool          // files may grow by Room bytes together
	Room  int64
}

// device is a disk's queue.
type device struct {
	rand    *rand.Rand
	queue   []request
	head    int   // of the queue: the next one to be done
	busy    bool  // with it
	until   int64 // when that will be done
	trouble Trouble
	hold    bool  // syncs wait: the power is about to fail
	limit   int64 // of all files, while the disk is full
	met     int64 // requests that met the trouble
}

type requestKind uint8

const (
	appendTo requestKind = iota
	replaceAll
	syncAll
)

// request is one of a life.
type request struct {
	kind requestKind
	life *life
	file *file
	data []byte
	done func(error)
}

// read is what the node reads back: also what it asked to be written and is not yet.
func (d *disk) read(name string) []byte {
	f := d.file(name)
	content := slices.Clone(f.last().content)
	for _, r := range d.queue[d.head:] {
		switch {
		case r.file != f:
		case r.kind == appendTo:
			content = append(content, r.data...)
		case r.kind == replaceAll:
			content = slices.Clone(r.data)
		}
	}
	return content
}

func (d *device) waiting() int { return len(d.queue) - d.head }

// ask puts a request into the queue.
func (h *host) ask(r request) {
	d := &h.disk
	if d.trouble.Stall {
		d.met++
	}
	d.queue = append(d.queue, r)
	h.serve()
}

// serve begins with the first request, unless something keeps it.
func (h *host) serve() {
	d := &h.disk
	if d.busy || d.waiting() == 0 || d.trouble.Stall {
		return
	}
	r := &d.queue[d.head]
	if d.hold && r.kind == syncAll {
		return
	}
	cost := writeCost + int64(len(r.data))*nsPerByte
	if r.kind == syncAll {
		cost = h.w.config.Sync.draw(d.rand)
	}
	if d.trouble.Delay > 0 {
		cost += int64(d.trouble.Delay)
		d.met++
	}
	d.busy, d.until = true, h.w.now+cost
	h.w.plan(d.until, (*served)(h))
}

// served is the end of a request.
type served host

// act implements action. The request that it was planned for may have died with its node.
func (s *served) act() {
	h := (*host)(s)
	d := &h.disk
	if !d.busy || d.until != h.w.now {
		return
	}
	r := d.queue[d.head]
	d.queue[d.head] = request{}
	if d.head++; d.waiting() == 0 {
		d.queue, d.head = d.queue[:0], 0
	}
	d.busy = false
	err := d.perform(r)
	h.serve()
	if r.done != nil {
		r.life.completed(r.done, err)
	}
}

// perform does what a request wants.
func (d *disk) perform(r request) error {
	if r.kind == syncAll {
		r.file.sync()
		return nil
	}
	if d.trouble.Full && d.size()+int64(len(r.data)) > d.limit {
		d.met++
		return ErrFull
	}
	if r.kind == appendTo {
		r.file.append(r.data)
	} else {
		r.file.replace(r.data)
	}
	return nil
}

// abandon forgets the requests of a node that has died. A write that was under way is done
// in part; a replacement, which is atomic, wholly or not at all.
func (d *disk) abandon() {
	if d.busy {
		switch r := d.queue[d.head]; r.kind {
		case appendTo:
			if part := r.data[:d.rand.IntN(len(r.data)+1)]; len(part) > 0 {
				r.file.append(part)
			}
		case replaceAll:
			if d.rand.IntN(2) == 0 {
				r.file.replace(r.data)
			}
		}
	}
	d.busy, d.queue, d.head = false, nil, 0
}

// PowerFail ends a node's life as a power failure does that comes amid its syncs, if hold was
// true a while before: what was not synced is gone or, if torn, left in part. It reports
// whether there was a life to end.
func (w *World) PowerFail(id node.ID, torn bool, seed uint64) (Loss, bool) {
	h := w.host(id)
	if h == nil || h.now == nil {
		return Loss{}, false
	}
	h.now.end("power failure")
	return h.disk.powerFails(torn, rand.New(rand.NewPCG(seed, uint64(h.index)))), true
}

// DiskBusy reports whether requests of a node to its disk are not done yet.
func (w *World) DiskBusy(id node.ID) bool { return w.host(id).disk.waiting() > 0 }

// Unsynced reports whether a power failure would take something from a node.
func (w *World) Unsynced(id node.ID) bool {
	return slices.ContainsFunc(w.host(id).disk.files, func(f *file) bool {
		return len(f.versions) > 1 || len(f.last().marks) > 0
	})
}

// HoldSyncs makes syncs of a node's disk wait, or go on.
func (w *World) HoldSyncs(id node.ID, hold bool) {
	h := w.host(id)
	h.disk.hold = hold
	h.serve()
}

// TroubleDisk makes the trouble of a node's disk this one.
func (w *World) TroubleDisk(id node.ID, t Trouble) {
	h := w.host(id)
	d := &h.disk
	d.trouble, d.met = t, 0
	d.limit = d.size() + t.Room
	if t.Stall {
		d.met = int64(d.waiting())
	}
	h.serve()
}

// Troubled counts the requests that met the trouble since it began.
func (w *World) Troubled(id node.ID) int64 { return w.host(id).disk.met }

// FlipBit turns over one bit of a file of a node whose name matches a pattern, and Truncate
// cuts off its end.
func (w *World) FlipBit(id node.ID, pattern string, seed uint64) (string, error) {
	h := w.host(id)
	return h.disk.flip(pattern, rand.New(rand.NewPCG(seed, uint64(h.index))))
}

// Truncate is like FlipBit.
func (w *World) Truncate(id node.ID, pattern string, seed uint64) (string, error) {
	h := w.host(id)
	return h.disk.truncate(pattern, rand.New(rand.NewPCG(seed, uint64(h.index))))
}
