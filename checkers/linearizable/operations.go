package linearizable

import (
	"fmt"
	"math"
	"sort"

	"github.com/faultline-dev/faultline/checkers"
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
	h        *history.History
	key      int64
	keyed    bool
	ops      []op
	values   []history.Value // by number
	number   map[history.Value]int32
	rejected map[int32][2]int32 // value -> events of a write of it that certainly did not happen
	fault    string             // why the history of this key cannot be judged
}

// subjects splits a history into its registers, in order of first use.
//
// What counts: everything that certainly happened, mutating operations that may have, and
// compare-and-sets that failed but saw a value, which are reads. What certainly did not
// happen constrains nothing, nor does a read that nobody got an answer to.
func subjects(h *history.History, start history.Value) []*subject {
	type id struct {
		key   int64
		keyed bool
	}
	index := map[id]*subject{}
	var all []*subject
	match := h.Completions()
	for i := range h.Len() {
		e := h.At(i)
		if e.Type != history.Invoke || e.Process < 0 {
			continue
		}
		k := id{e.Key, e.Keyed}
		s := index[k]
		if s == nil {
			s = &subject{h: h, key: e.Key, keyed: e.Keyed, number: map[history.Value]int32{}, rejected: map[int32][2]int32{}}
			s.intern(start)
			index[k], all = s, append(all, s)
		}
		done := history.Op{Type: history.Info}
		ret := int32(pending)
		if match[i] >= 0 {
			if done = h.At(int(match[i])); done.Type != history.Info {
				ret = match[i]
			}
		}
		s.add(e, done, op{call: int32(i), ret: ret})
	}
	return all
}

func (s *subject) intern(v history.Value) int32 {
	n, found := s.number[v]
	if !found {
		n = int32(len(s.values))
		s.number[v], s.values = n, append(s.values, v)
	}
	return n
}

// add takes in one operation: its invocation, its completion (info if there is none).
func (s *subject) add(e, done history.Op, o op) {
	switch e.F {
	case "read":
		if done.Type == history.OK {
			o.kind, o.from = read, s.intern(done.Value)
			s.ops = append(s.ops, o)
		}
	case "write":
		o.kind, o.to = write, s.intern(e.Value)
		s.mutation(o, done)
	case "cas":
		from, to, ok := checkers.OldAndNew(e.Value)
		switch value, seen := checkers.SeenByCAS(done); {
		case !ok:
			s.reject("operation %d is a cas of %s, not of a pair", o.call, e.Value)
		case seen:
			o.kind, o.from = read, s.intern(value)
			s.ops = append(s.ops, o)
		default:
			o.kind, o.from, o.to = cas, s.intern(from), s.intern(to)
			s.mutation(o, done)
		}
	default:
		s.reject("operation %d is %q, which a register does not have", o.call, e.F)
	}
}

func (s *subject) mutation(o op, done history.Op) {
	if done.Type == history.Fail {
		s.rejected[o.to] = [2]int32{o.call, o.ret}
		return
	}
	s.ops = append(s.ops, o)
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
	seen := make([]bool, len(s.values))
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
	written := make([]bool, len(s.values))
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

// completions returns the indices of the completions, ascending.
func (s *subject) completions() []int32 {
	var rets []int32
	for _, o := range s.ops {
		if o.ret != pending {
			rets = append(rets, o.ret)
		}
	}
	sort.Slice(rets, func(a, b int) bool { return rets[a] < rets[b] })
	return rets
}
