// Package history holds what happened in a run: the operations that clients and
// nemeses invoked and how they completed, and a telemetry track beside them.
//
// The one idea: a history is columns, not boxed structs, in memory and on disk, so that
// a million operations cost tens of megabytes and are written as fast as they happen.
// Start with Op and Value (an event), then History (many), Writer and Open (the file).
package history

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
)

// History is a run's events in order, with its telemetry. The zero value is empty and
// ready for use. It is not safe for concurrent use while it is appended to.
type History struct {
	chunks    []*chunk
	count     int
	strings   dictionary // names of operations, and errors
	keys      dictionary // of an imported history: the keys that are no integers, see KeyName
	telemetry []Event
	late      bool // some of it came after what happened later
}

// chunkSize bounds a chunk, so that a growing history is never copied.
const chunkSize = 1 << 16

// chunk is a stretch of events as columns: about 30 bytes an event.
type chunk struct {
	time    []int64
	process []int32
	shape   []uint8 // type, kind, and whether there are a key and an error
	f       []uint32
	key     []int64
	a       []int64 // the integer; or which of wide or of long it is
	wide    []int64 // pairs
	long    arena   // longer values
	errs    []fault // of the few events that have one, in order
}

// fault is an event's error.
type fault struct {
	at int32  // in the chunk
	id uint32 // in the dictionary
}

// The bits of a shape.
const (
	shapeType  = 3
	shapeKeyed = 1 << 2
	shapeError = 1 << 3
	shapeKind  = 4 // shift
)

// dictionary numbers strings; number 0 is the empty one.
type dictionary struct {
	all    []string
	number map[string]uint32
	recent [16]known // the strings asked for last, by a glance at them: events repeat
}

type known struct {
	text string
	id   uint32
}

func (d *dictionary) id(s string) uint32 {
	if s == "" {
		return 0
	}
	recent := &d.recent[(len(s)*7+int(s[0]))%len(d.recent)]
	if s == recent.text {
		return recent.id
	}
	id, ok := d.number[s]
	if !ok {
		if d.number == nil {
			d.number = map[string]uint32{}
			d.all = []string{""}
		}
		id = uint32(len(d.all))
		d.all = append(d.all, s)
		d.number[s] = id
	}
	*recent = known{s, id}
	return id
}

func (d *dictionary) text(id uint32) string {
	if id == 0 {
		return ""
	}
	return d.all[id]
}

// Len is the number of operation events.
func (h *History) Len() int { return h.count }

// At returns event i.
func (h *History) At(i int) Op {
	c, at := h.chunks[i/chunkSize], i%chunkSize
	shape := c.shape[at]
	op := Op{
		Index: i, Time: c.time[at], Process: int(c.process[at]), Type: Type(shape & shapeType),
		F: h.strings.text(c.f[at]), Keyed: shape&shapeKeyed != 0, Key: c.key[at],
		Value: c.value(at),
	}
	if shape&shapeError != 0 {
		k := sort.Search(len(c.errs), func(k int) bool { return int(c.errs[k].at) >= at })
		op.Error = h.strings.text(c.errs[k].id)
	}
	return op
}

func (c *chunk) value(at int) Value {
	v := Value{Kind: Kind(c.shape[at] >> shapeKind)}
	switch a := c.a[at]; v.Kind {
	case KindNil:
	case KindInt:
		v.A = a
	case KindPair:
		v.A, v.B = c.wide[a], c.wide[a+1]
	default:
		v.S = c.long.text(a)
	}
	return v
}

// Append adds an event, giving it the next index, which it returns.
func (h *History) Append(op Op) int { return h.append(&op) }

func (h *History) append(op *Op) int {
	c := h.room()
	at := len(c.time)
	shape := uint8(op.Type)&shapeType | uint8(op.Value.Kind)<<shapeKind
	var key int64
	if op.Keyed {
		shape |= shapeKeyed
		key = op.Key
	}
	if op.Error != "" {
		shape |= shapeError
		c.errs = append(c.errs, fault{int32(at), h.strings.id(op.Error)})
	}
	a := op.Value.A
	switch op.Value.Kind {
	case KindNil, KindInt:
	case KindPair:
		a = int64(len(c.wide))
		c.wide = append(c.wide, op.Value.A, op.Value.B)
	default:
		a = put(&c.long, op.Value.S)
	}
	c.time = append(c.time, op.Time)
	c.process = append(c.process, int32(op.Process))
	c.shape = append(c.shape, shape)
	c.f = append(c.f, h.strings.id(op.F))
	c.key = append(c.key, key)
	c.a = append(c.a, a)
	h.count++
	return h.count - 1
}

// room is the chunk that takes the next event.
func (h *History) room() *chunk {
	if h.count%chunkSize == 0 {
		h.chunks = append(h.chunks, newChunk(len(h.chunks) == 0))
	}
	return h.chunks[len(h.chunks)-1]
}

// newChunk makes a chunk at its full size, but for the first one of a history, which
// grows: most histories are short.
func newChunk(first bool) *chunk {
	n := chunkSize
	if first {
		n = 1024
	}
	return &chunk{
		time: make([]int64, 0, n), process: make([]int32, 0, n), shape: make([]uint8, 0, n),
		f: make([]uint32, 0, n), key: make([]int64, 0, n), a: make([]int64, 0, n),
	}
}

// Note adds an event to the telemetry track.
func (h *History) Note(e Event) {
	if n := len(h.telemetry); n > 0 && e.Time < h.telemetry[n-1].Time {
		h.late = true
	}
	h.telemetry = append(h.telemetry, e)
}

// Telemetry returns the telemetry track in order of time, and of coming where times are
// equal. It is not to be written to.
func (h *History) Telemetry() []Event {
	if !h.late {
		return h.telemetry
	}
	return slices.SortedStableFunc(slices.Values(h.telemetry), func(a, b Event) int { return cmp.Compare(a.Time, b.Time) })
}

// Completions returns, for every event, the index of its counterpart: an invocation's
// completion and a completion's invocation; -1 where there is none (an operation that
// never completed, which is indeterminate).
func (h *History) Completions() []int32 {
	match := make([]int32, h.Len()+1) // the first is for completions without an invocation
	var open ByProcess[int32]         // one more than the invocation's index
	i := int32(0)
	for _, c := range h.chunks {
		process := c.process
		for at, shape := range c.shape {
			under := open.Of(int(process[at]))
			// Nobody can foresee which events are invocations, so there is no branch.
			call, invoked := *under, (int32(shape&shapeType)-1-int32(Invoke))>>31
			call &^= invoked
			match[call] = i
			i++
			match[i], *under = call-1, i&invoked
		}
	}
	return match[1:]
}

// Sound reports an error if some process does two things at a time, or completes what it had
// not invoked: no harness records that, and no verdict could be had of it.
func (h *History) Sound() error {
	var open ByProcess[uint32] // the name of the operation under way, plus one
	for i := range h.count {
		c, at := h.chunks[i/chunkSize], i%chunkSize
		process, f := int(c.process[at]), c.f[at]
		if process < 0 {
			continue
		}
		before := open.Of(process)
		switch invoked := Type(c.shape[at]&shapeType) == Invoke; {
		case invoked && *before != 0:
			return fmt.Errorf("event %d: process %d invokes %s, but its %s has not completed", i, process, h.strings.text(f), h.strings.text(*before-1))
		case invoked:
			*before = f + 1
			continue
		case *before == 0:
			return fmt.Errorf("event %d: process %d completes %s, which it had not invoked", i, process, h.strings.text(f))
		case *before != f+1:
			return fmt.Errorf("event %d: process %d completes %s, but it had invoked %s", i, process, h.strings.text(f), h.strings.text(*before-1))
		}
		*before = 0
	}
	return nil
}
