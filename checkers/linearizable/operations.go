package linearizable

import (
	"fmt"
	"math"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/numbers"
	"github.com/faultline-dev/faultline/harness/history"
)

// kind is what an operation does to the register.
type kind uint8

const (
	read  kind = iota // returned from
	write             // set to
	cas               // found from, set to
)

// pending is the return of an operation that may take effect at any later time, or never.
const pending = math.MaxInt32

// initial is the number of the value that the register holds at first.
const initial = 0

// op is one operation that constrains the order. Real time is the order of events in the
// history: whoever recorded it saw a completion before an invocation or did not, whereas
// two events may share a time stamp.
type op struct {
	call, ret int32 // indices of events
	from, to  int32 // numbers of values
	kind      kind
}

// mutates reports whether the operation writes.
func (o op) mutates() bool { return o.kind != read }

// subject is one register: the operations of one key, in order of invocation.
type subject struct {
	h       *history.History
	key     int64
	keyed   bool
	line    *line                           // while a sweep is under way, and after it if that found a contradiction
	trace   *trace                          // while it is followed
	settled bool                            // a sweep has found it legal, so that its operations are not gathered
	byWords bool                            // namely one that followed its configurations
	failed  int32                           // the event at which such a sweep found it to fail, which is never the first one; 0: it did not
	absent  struct{ called, completed int } // operations before the failure that a story does without
	size    int                             // how many operations constrain the order
	ops     []op
	number  numbers.Numbers
	values  []history.Value // by number, once spelled out
	fault   string          // why the history of this key cannot be judged
}

// gather collects the operations of the registers that no sweep has settled.
func (g *gathering) gather() {
	t := g.taking()
	var e history.Row
	for i := range g.h.Len() {
		if g.h.ReadRow(i, &e); e.Type != history.Invoke || e.Process < 0 {
			continue
		}
		s := g.subject(id{e.Key, e.Keyed}, g.h.Len()-i)
		if s.settled {
			continue
		}
		if s.ops == nil && !s.keyed {
			s.ops = make([]op, 0, (g.h.Len()-i)/2+1)
		}
		t.take(s, i, &e)
	}
}

// taking takes in operations by the events of their invocations.
type taking struct {
	h                           *history.History
	match                       []int32
	errors                      history.Errors
	reading, writing, comparing uint32
}

func (g *gathering) taking() taking {
	if g.match == nil {
		g.match = g.h.Completions()
	}
	t := taking{h: g.h, match: g.match, errors: g.h.Errors()}
	t.reading, _ = t.h.Number("read")
	t.writing, _ = t.h.Number("write")
	t.comparing, _ = t.h.Number("cas")
	return t
}

// take takes in the operation of event i.
func (t *taking) take(s *subject, i int, e *history.Row) {
	var o op
	if t.operation(s, i, e, &o) {
		s.ops = append(s.ops, o)
	}
}

// operation puts that of event i, an invocation, into o. It reports whether it counts.
//
// What counts: everything that certainly happened, mutating operations that may have, and
// compare-and-sets that failed but saw a value, which are reads. What certainly did not
// happen constrains nothing, nor does a read that nobody got an answer to.
func (t *taking) operation(s *subject, i int, e *history.Row, o *op) bool {
	done := history.Row{Type: history.Info}
	*o = op{call: int32(i), ret: pending}
	match := t.match[i]
	if match >= 0 {
		if t.h.ReadRow(int(match), &done); done.Type != history.Info {
			o.ret = match
		}
	}
	switch {
	case e.F == t.reading && done.Type == history.OK && done.Kind == history.KindInt && t.reading > 0:
		o.kind, o.from = read, s.number.OfInt(done.A)
		return true
	case e.F == t.writing && done.Type != history.Fail && e.Kind == history.KindInt && t.writing > 0:
		o.kind, o.to = write, s.number.OfInt(e.A)
		return true
	case e.F == t.comparing && done.Type != history.Fail && e.Kind == history.KindPair && t.comparing > 0:
		pair := t.h.Value(i)
		o.kind, o.from, o.to = cas, s.number.OfInt(pair.A), s.number.OfInt(pair.B)
		return true
	case e.F == t.comparing && done.Type == history.Fail && e.Kind == history.KindPair && t.comparing > 0:
		if done.Kind == history.KindPair { // the one that was asked for
			return false
		}
		v, seen := checkers.SeenWith(t.errors.Of(int(match)), t.h.ValueOf(int(match), &done))
		if seen {
			o.kind, o.from = read, s.number.Of(v)
		}
		return seen
	case match >= 0:
		return s.operation(t.h.At(i), t.h.At(int(match)), o)
	}
	return s.operation(t.h.At(i), history.Op{Type: history.Info}, o)
}

// id is what tells registers apart.
type id struct {
	key   int64
	keyed bool
}

// gathering splits a history into its registers, in order of first use.
type gathering struct {
	h      *history.History
	start  history.Value
	index  map[id]*subject
	recent [64]*subject // by a glance at the key
	all    []*subject
	match  []int32 // the history's completions, once asked for
}

func newGathering(h *history.History, start history.Value) *gathering {
	return &gathering{h: h, start: start, index: map[id]*subject{}}
}

// subject is the register of that name; it is made if there is none yet, with room for half
// of the events that are left where a history has no keys.
func (g *gathering) subject(k id, left int) *subject {
	recent := &g.recent[uint64(k.key)%uint64(len(g.recent))]
	if s := *recent; s != nil && s.key == k.key && s.keyed == k.keyed {
		return s
	}
	s := g.index[k]
	if s == nil {
		s = &subject{h: g.h, key: k.key, keyed: k.keyed, line: &line{}}
		if !k.keyed {
			s.number.Grow(left/4 + 1)
			s.line.stages, s.line.firsts = make([]stage, 0, left/4+1), make([]int32, 0, left/4+1)
		}
		s.number.Of(g.start)
		g.index[k], g.all = s, append(g.all, s)
	}
	*recent = s
	return s
}

// operation puts the one with these events into o: its invocation, its completion (info if there
// is none). It reports whether it counts.
func (s *subject) operation(e, done history.Op, o *op) bool {
	switch e.F {
	case "read":
		if done.Type != history.OK {
			return false
		}
		o.kind, o.from = read, s.number.Of(done.Value)
	case "write":
		if done.Type == history.Fail {
			return false
		}
		o.kind, o.to = write, s.number.Of(e.Value)
	case "cas":
		from, to, ok := checkers.OldAndNew(e.Value)
		switch value, seen := checkers.SeenByCAS(done); {
		case !ok:
			s.reject("operation %d is a cas of %s, not of a pair", o.call, e.Value)
			return false
		case seen:
			o.kind, o.from = read, s.number.Of(value)
		case done.Type == history.Fail:
			return false
		default:
			o.kind, o.from, o.to = cas, s.number.Of(from), s.number.Of(to)
		}
	case "siblings": // what a store of siblings holds at the end is no value of a register
		return false
	default:
		s.reject("operation %d is %q, which a register does not have", o.call, e.F)
		return false
	}
	return true
}

// spell makes values of the numbers, which only a story needs.
func (s *subject) spell() {
	if s.values == nil {
		s.values = s.number.Values()
	}
}

// rejected looks for a write of the value that certainly did not happen, and returns its
// events.
func (s *subject) rejected(v int32) (events [2]int32, found bool) {
	match := s.h.Completions()
	for i := range s.h.Len() {
		row := s.h.Row(i)
		if row.Type != history.Fail || row.Process < 0 || match[i] < 0 || row.Key != s.key || row.Keyed != s.keyed {
			continue
		}
		e := s.h.At(int(match[i]))
		to := e.Value
		if e.F == "cas" {
			if _, seen := checkers.SeenByCAS(s.h.At(i)); seen {
				continue
			}
			_, to, _ = checkers.OldAndNew(e.Value)
		}
		if e.F != "read" && to == s.values[v] {
			events, found = [2]int32{match[i], int32(i)}, true
		}
	}
	return events, found
}

func (s *subject) reject(format string, args ...any) {
	if s.fault == "" {
		s.fault = fmt.Sprintf(format, args...)
	}
}

// prune drops pending writes of values that nobody can have seen.
//
// That changes no verdict. Take a legal order with such a write of v in it. Nobody reads
// v or compares it, so whatever follows up to the next effective mutation is nothing at
// all, and that mutation is a write or it would have found v. Without the pending write
// the register holds the value before it for that while, which nobody looks at. The other
// way round, a legal order without it is one with it: it never took effect. The same
// argument, from the end of a chain of compare-and-sets backwards, drops a pending
// compare-and-set to a value that nobody can have seen.
func (s *subject) prune() {
	if !slices.ContainsFunc(s.ops, func(o op) bool { return o.ret == pending }) {
		return
	}
	seen := make([]bool, s.number.Len())
	need := make([]bool, len(s.ops))
	writers := map[int32][]int32{}
	var queue []int32
	look := func(v int32) {
		if !seen[v] {
			seen[v], queue = true, append(queue, v)
		}
	}
	keep := func(i int) {
		if need[i] {
			return
		}
		need[i] = true
		if s.ops[i].kind != write {
			look(s.ops[i].from)
		}
	}
	for i, o := range s.ops {
		if o.ret != pending {
			keep(i)
		} else {
			writers[o.to] = append(writers[o.to], int32(i))
		}
	}
	for len(queue) > 0 {
		v := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, w := range writers[v] {
			keep(int(w))
		}
	}
	kept := s.ops[:0]
	for i, o := range s.ops {
		if need[i] {
			kept = append(kept, o)
		}
	}
	s.ops = kept
}

// unique reports whether every value is written at most once, so that whoever sees a
// value knows who wrote it.
func (s *subject) unique() bool {
	written := make([]bool, s.number.Len())
	written[initial] = true
	for _, o := range s.ops {
		if !o.mutates() {
			continue
		}
		if written[o.to] {
			return false
		}
		written[o.to] = true
	}
	return true
}

// returned returns the operations that completed up to event limit, in that order.
func (s *subject) returned(limit int32) []int32 {
	keys := make([]uint64, 0, len(s.ops))
	for i, o := range s.ops {
		if o.ret <= limit {
			keys = append(keys, key(o.ret, int32(i)))
		}
	}
	sortKeys(keys)
	ops := make([]int32, len(keys))
	for k, at := range keys {
		ops[k] = int32(uint32(at))
	}
	return ops
}
