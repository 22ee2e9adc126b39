package history

import (
	"fmt"
	"io"
	"math"
	"sort"
)

// Histories of others come as Jepsen's EDN or as JSON lines. Nothing in them is trusted:
// every mistake is an error that names the place, and nothing panics.

// ImportOptions say how a foreign history is to be read.
type ImportOptions struct {
	Name string // of the file, for errors
	// Independent says whether values are [key value] tuples: yes, no, or auto, which
	// looks at the first invocation of an operation other than cas (whose value is a pair
	// anyway).
	Independent string
}

// The names under which a compare-and-set goes: its value is the pair [old new].
func isCAS(f string) bool { return f == "cas" || f == "compare-and-set" }

// entry is one event as a file tells it.
type entry struct {
	op    Op
	value form
	timed bool
	line  int
}

// importer builds a history out of entries.
type importer struct {
	h           *History
	opts        ImportOptions
	decided     bool
	independent bool
	held        []entry       // until it is decided whether values are tuples
	open        map[int]entry // client processes with an operation under way
	last        int64         // time
}

func newImporter(o ImportOptions) *importer {
	im := &importer{h: &History{}, opts: o, open: map[int]entry{}}
	im.independent = o.Independent == "yes"
	im.decided = o.Independent == "yes" || o.Independent == "no"
	return im
}

// errorf is an error of a line.
func (im *importer) errorf(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", im.opts.Name, line, fmt.Sprintf(format, args...))
}

// add takes an entry; those before the first that decides are held back.
func (im *importer) add(e entry) error {
	if !im.decided {
		im.held = append(im.held, e)
		if e.op.Process < 0 || e.op.Type != Invoke || isCAS(e.op.F) && !e.value.tuple {
			return nil
		}
		im.decided = true
		im.independent = e.value.tuple || e.value.isTuple()
		return im.release()
	}
	return im.append(e)
}

// release appends what was held back.
func (im *importer) release() error {
	im.decided = true
	for _, e := range im.held {
		if err := im.append(e); err != nil {
			return err
		}
	}
	im.held = nil
	return nil
}

func (im *importer) append(e entry) error {
	op := &e.op
	if err := im.pair(e); err != nil {
		return err
	}
	v := e.value
	if im.independent && op.Process >= 0 {
		if !v.isTuple() {
			return im.errorf(e.line, "the value of %s is no [key value] tuple like those before it (if none is meant to be one, say so: independent no)", op.F)
		}
		op.Key, op.Keyed = v.list[0].n, true
		v = v.list[1]
	}
	op.Value = v.value(isCAS(op.F))
	switch {
	case !e.timed:
		op.Time = im.last + 1000 // events without a time come a microsecond apart
	case op.Time < 0:
		return im.errorf(e.line, "time %d is before the start", op.Time)
	}
	im.last = max(im.last, op.Time)
	im.h.Append(*op)
	return nil
}

// pair holds that a process does one thing at a time.
func (im *importer) pair(e entry) error {
	if e.op.Process < 0 {
		return nil // a nemesis's operations are often completed by another info, or not at all
	}
	before, busy := im.open[e.op.Process]
	switch {
	case e.op.Type == Invoke && busy:
		return im.errorf(e.line, "process %d invokes %s, but its %s of line %d has not completed", e.op.Process, e.op.F, before.op.F, before.line)
	case e.op.Type == Invoke:
		e.value = form{}
		im.open[e.op.Process] = e
		return nil
	case !busy:
		return im.errorf(e.line, "process %d completes %s, which it had not invoked", e.op.Process, e.op.F)
	case before.op.F != e.op.F:
		return im.errorf(e.line, "process %d completes %s, but it had invoked %s in line %d", e.op.Process, e.op.F, before.op.F, before.line)
	}
	delete(im.open, e.op.Process)
	return nil
}

// end returns the history.
func (im *importer) end() (*History, error) {
	if err := im.release(); err != nil {
		return nil, err
	}
	if im.h.Len() == 0 {
		return nil, fmt.Errorf("%s: there is not a single operation in it", im.opts.Name)
	}
	return im.h, nil
}

// process checks a process's number.
func processNumber(n int64) (int, bool) { return int(n), n >= 0 && n <= math.MaxInt32 }

var typesByName = map[string]Type{"invoke": Invoke, "ok": OK, "fail": Fail, "info": Info}

// limited stops at a size that no history has, so that a reader that never ends does not
// fill memory.
func limited(r io.Reader) io.Reader { return io.LimitReader(r, 1<<40) }

// sortedInts is a set's elements as a list.
func sortedInts(list []form) []int64 {
	ns := make([]int64, len(list))
	for i, f := range list {
		ns[i] = f.n
	}
	sort.Slice(ns, func(i, j int) bool { return ns[i] < ns[j] })
	return ns
}
