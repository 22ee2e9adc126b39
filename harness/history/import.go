package history

import (
	"errors"
	"fmt"
	"math"
)

// Histories of others come as Jepsen's EDN or as JSON lines. Nothing in them is trusted:
// every mistake is an error that names the place, and nothing panics. They are read in one
// pass, an operation at a time: what stays in memory is the history's columns.

// ImportOptions say how a foreign history is to be read.
type ImportOptions struct {
	Name string // of the file, for errors
	// Independent says whether values are [key value] tuples: yes, no, or auto, which
	// looks at the first invocation of a client.
	Independent string

	longest int // bytes of an operation; 0: longestOp
}

// The names under which a compare-and-set goes: its value is the pair [old new].
func isCAS(f string) bool { return f == "cas" || f == "compare-and-set" }

// entry is one event as a file tells it.
type entry struct {
	op    Op
	value int   // which form it is; none: nothing
	key   int   // the same
	index int64 // -1: it has none
	timed bool
	line  int
}

// none says that there is no such form.
const none = -1

// importer builds a history out of entries.
type importer struct {
	h           *History
	opts        ImportOptions
	decided     bool
	independent bool
	keyed       bool // some event has had a key
	open        ByProcess[underway]
	names       map[string]string // that came up already, so that they are one string each
	time        int64             // the latest so far
	index       int64             // the last
	indexLine   int
	e           entry // the one at hand
}

// underway is the operation that a client process has not completed.
type underway struct {
	f     string
	line  int // 0: there is none
	key   int64
	keyed bool
}

func newImporter(o ImportOptions) *importer {
	return &importer{
		h: &History{}, opts: o, names: map[string]string{}, index: -1,
		independent: o.Independent == "yes",
		decided:     o.Independent == "yes" || o.Independent == "no",
	}
}

// errorf is an error of a line.
func (im *importer) errorf(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", im.opts.Name, line, fmt.Errorf(format, args...))
}

// blank is an entry to be filled in; it is good until the next.
func (im *importer) blank(line int) *entry {
	im.e = entry{line: line, value: none, key: none, index: -1}
	return &im.e
}

// mostNames bounds the strings that are looked up; beyond them each is a string of its own.
const mostNames = 1 << 12

// name is a word as a string.
func (im *importer) name(b []byte) string {
	if s, known := im.names[string(b)]; known {
		return s
	}
	s := string(b)
	if len(im.names) < mostNames {
		im.names[s] = s
	}
	return s
}

// setType reports whether the word is a type.
func (e *entry) setType(b []byte) bool {
	for t, name := range typeNames {
		if name == string(b) {
			e.op.Type = Type(t)
			return true
		}
	}
	return false
}

// add takes an entry into the history.
func (im *importer) add(f *forms, e *entry) error {
	op := &e.op
	if err := im.order(e); err != nil {
		return err
	}
	v := e.value
	if op.Process >= 0 && !op.Keyed {
		if !im.decided {
			im.decided, im.independent = true, im.isTuple(f, e)
		}
		if im.independent {
			key, value, ok := 0, 0, false
			if v != none {
				key, value, ok = f.tupleOf(v)
			}
			switch {
			case op.Type != Invoke && (v == none || f.nodes[v].kind == formNil): // it says nothing more
			case !ok:
				return im.errorf(e.line, "the value of %s is no [key value] tuple like those before it (if none is meant to be one, say so: independent no)", op.F)
			default:
				if err := im.key(f, e, key); err != nil {
					return im.errorf(e.line, "%w", err)
				}
				v = value
			}
		}
	}
	im.decided, im.keyed = im.decided || op.Keyed, im.keyed || op.Keyed
	if err := im.sameKey(e); err != nil {
		return err
	}
	if v != none {
		op.Value = f.value(v, isCAS(op.F))
	}
	switch {
	case !e.timed:
		op.Time = im.time + 1000 // events without a time come a microsecond apart
	case op.Time < 0:
		return im.errorf(e.line, "time %d is before the start", op.Time)
	}
	im.time = max(im.time, op.Time)
	if im.h.Len() == math.MaxInt32 {
		return im.errorf(e.line, "a history has %d events at most", math.MaxInt32)
	}
	im.h.append(op)
	return nil
}

// sameKey holds that an operation is completed on the key that it was invoked on; a completion
// need not say it.
func (im *importer) sameKey(e *entry) error {
	op := &e.op
	if op.Process < 0 {
		return nil
	}
	before := im.open.Of(op.Process)
	switch {
	case op.Type == Invoke:
		before.key, before.keyed = op.Key, op.Keyed
	case !op.Keyed:
		op.Key, op.Keyed = before.key, before.keyed
	case !before.keyed || before.key != op.Key:
		return im.errorf(e.line, "process %d completes %s of key %s, which it had not invoked on that key", op.Process, op.F, im.h.KeyName(op.Key))
	}
	return nil
}

// key gives the entry the key that form i is.
func (im *importer) key(f *forms, e *entry, i int) error {
	key, ok, mixed := im.h.key(f, i, !im.keyed)
	switch {
	case mixed:
		return fmt.Errorf("key %s is no integer, as those before it are", f.clip(i))
	case !ok:
		return fmt.Errorf("a key is an integer, a string or a keyword, and not %s", f.clip(i))
	}
	e.op.Key, e.op.Keyed = key, true
	return nil
}

// isTuple says whether the first invocation of a client shows that values are tuples. A
// compare-and-set's value is a pair in any case; in a tuple the pair comes second.
func (im *importer) isTuple(f *forms, e *entry) bool {
	if e.value == none {
		return false
	}
	_, value, ok := f.tupleOf(e.value)
	if ok && isCAS(e.op.F) {
		ok = f.nodes[e.value].tuple || f.nodes[value].kind == formVector
	}
	return ok
}

// order holds that indices rise and that a process does one thing at a time.
func (im *importer) order(e *entry) error {
	if e.index >= 0 {
		if e.index <= im.index {
			return im.errorf(e.line, "index %d comes after index %d of line %d: events have to stand in the order of their indices, each once", e.index, im.index, im.indexLine)
		}
		im.index, im.indexLine = e.index, e.line
	}
	if e.op.Process < 0 {
		return nil // a nemesis's operations are often completed by another info, or not at all
	}
	before := im.open.Of(e.op.Process)
	switch {
	case e.op.Type == Invoke && before.line != 0:
		return im.errorf(e.line, "process %d invokes %s, but its %s of line %d has not completed", e.op.Process, e.op.F, before.f, before.line)
	case e.op.Type == Invoke:
		before.f, before.line = e.op.F, e.line
		return nil
	case before.line == 0:
		return im.errorf(e.line, "process %d completes %s, which it had not invoked", e.op.Process, e.op.F)
	case before.f != e.op.F:
		return im.errorf(e.line, "process %d completes %s, but it had invoked %s in line %d", e.op.Process, e.op.F, before.f, before.line)
	}
	before.line = 0
	return nil
}

// finish returns the history.
func (im *importer) finish() (*History, error) {
	if im.h.Len() == 0 {
		return nil, fmt.Errorf("%s: %w", im.opts.Name, errors.New("there is not a single operation in it"))
	}
	return im.h, nil
}

// processNumber checks a process's number.
func processNumber(n int64) (int, bool) { return int(n), n >= 0 && n <= math.MaxInt32 }
