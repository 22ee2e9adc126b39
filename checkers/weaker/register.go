package weaker

import (
	"math"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// kind is what an operation does to its register.
type kind uint8

const (
	read  kind = iota // saw from
	write             // set to
	cas               // saw from and set to
)

const (
	// pending is the return of an operation that may take effect at any later time, or never.
	pending = math.MaxInt32
	// initial is the number of the version that a register holds at first.
	initial = 0
	none    = -1
)

// op is one operation that happened, or that somebody saw the effect of.
type op struct {
	call, ret int32 // indices of events
	from, to  int32 // versions
	process   int32 // by number, over all keys
	kind      kind
}

func (o op) mutates() bool { return o.kind != read }
func (o op) reads() bool   { return o.kind != write }

// version is the one that the operation left there.
func (o op) version() int32 {
	if o.kind == read {
		return o.from
	}
	return o.to
}

// register is one key: its operations in order of invocation. Each value is written once,
// so values are versions, and whoever saw one knows who wrote it.
type register struct {
	checkers.Subject
	ops      []op
	values   []history.Value // by version
	writer   []int32         // by version: the operation, or none
	phantom  int32           // the first operation that saw a value which nobody wrote, or none
	number   map[history.Value]int32
	rejected map[int32][2]int32 // version -> events of a write of it that certainly did not happen
}

// registers splits a history into its keys, in order of first use, and counts processes.
//
// What counts: everything that certainly happened; mutating operations that may have, if
// their value was seen; and compare-and-sets that failed but saw a value, which are reads.
func registers(h *history.History, start history.Value) (all []*register, processes int) {
	numbers := map[int]int32{}
	begin := func(of checkers.Subject) *register {
		r := &register{Subject: of, number: map[history.Value]int32{}, rejected: map[int32][2]int32{}}
		r.intern(start)
		return r
	}
	all = checkers.Gather(h, begin, func(r *register, i int, e history.Op, match []int32) {
		if e.Type != history.Invoke {
			return
		}
		p, found := numbers[e.Process]
		if !found {
			p = int32(len(numbers))
			numbers[e.Process] = p
		}
		done, ret := history.Op{Type: history.Info}, int32(pending)
		if match[i] >= 0 {
			if done = h.At(int(match[i])); done.Type != history.Info {
				ret = match[i]
			}
		}
		r.add(e, done, op{call: int32(i), ret: ret, process: p})
	})
	for _, r := range all {
		r.settle()
	}
	return all, len(numbers)
}

func (r *register) intern(v history.Value) int32 {
	n, found := r.number[v]
	if !found {
		n = int32(len(r.values))
		r.number[v], r.values = n, append(r.values, v)
	}
	return n
}

// add takes in one operation: its invocation, its completion (info if there is none).
func (r *register) add(e, done history.Op, o op) {
	switch e.F {
	case "read":
		if done.Type == history.OK {
			o.kind, o.from = read, r.intern(done.Value)
			r.ops = append(r.ops, o)
		}
	case "write":
		o.kind, o.to = write, r.intern(e.Value)
		r.mutation(o, done)
	case "cas":
		from, to, ok := checkers.OldAndNew(e.Value)
		switch value, seen := checkers.SeenByCAS(done); {
		case !ok:
			r.Reject("operation %d is a cas of %s, not of a pair", o.call, e.Value)
		case seen:
			o.kind, o.from = read, r.intern(value)
			r.ops = append(r.ops, o)
		default:
			o.kind, o.from, o.to = cas, r.intern(from), r.intern(to)
			r.mutation(o, done)
		}
	case "siblings": // it is about what remains at the end: see eventual.go
	default:
		r.Reject("operation %d is %q, which a register does not have", o.call, e.F)
	}
}

func (r *register) mutation(o op, done history.Op) {
	if done.Type == history.Fail {
		r.rejected[o.to] = [2]int32{o.call, o.ret}
		return
	}
	r.ops = append(r.ops, o)
}

// settle finds out who wrote what. Pending mutations whose value nobody saw are left out:
// an order without them is as good as one with them, whatever the model, since nobody looks
// at the register while it holds their value. Those whose value was seen took effect.
func (r *register) settle() {
	r.number = nil
	// The pending writers of each version, as lists.
	head, next := fill(len(r.values)), fill(len(r.ops))
	for i, o := range r.ops {
		if o.mutates() && o.ret == pending {
			next[i], head[o.to] = head[o.to], int32(i)
		}
	}
	needed, seen := make([]bool, len(r.ops)), make([]bool, len(r.values))
	var queue []int32
	need := func(i int32) {
		needed[i] = true
		if o := r.ops[i]; o.reads() && !seen[o.from] {
			seen[o.from], queue = true, append(queue, o.from)
		}
	}
	for i, o := range r.ops {
		if o.ret != pending {
			need(int32(i))
		}
	}
	for len(queue) > 0 {
		v := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for i := head[v]; i != none; i = next[i] {
			need(i)
		}
	}
	kept := r.ops[:0]
	for i, o := range r.ops {
		if needed[i] {
			kept = append(kept, o)
		}
	}
	r.ops = kept
	r.writer, r.phantom = fill(len(r.values)), none
	for i, o := range r.ops {
		switch {
		case !o.mutates():
		case o.to == initial:
			r.Reject("operation %d writes %s, which was there at first, so nobody can tell them apart", o.call, r.values[o.to])
		case r.writer[o.to] != none:
			r.Reject("%s is written twice, by operations %d and %d, so nobody can tell which one was read",
				r.values[o.to], r.ops[r.writer[o.to]].call, o.call)
		default:
			r.writer[o.to] = int32(i)
		}
	}
	for i, o := range r.ops {
		if o.reads() && o.from != initial && r.writer[o.from] == none {
			r.phantom = int32(i)
			break
		}
	}
}

// before finds, for each operation, the last one of its process on this key that had
// returned when it was called: what its process had done by then. An operation in doubt
// comes after what its process did before it, but it may take effect at any later time, so
// nothing comes after it.
func (r *register) before(t *tails) []int32 {
	t.clear()
	prev := fill(len(r.ops))
	for i, o := range r.ops {
		prev[i] = t.get(o.process)
		if o.ret != pending {
			t.set(o.process, int32(i))
		}
	}
	return prev
}

// tails remember a number for each process, and forget all of them at once.
type tails struct {
	last []int32
	when []int32
	now  int32
}

func newTails(processes int) *tails {
	return &tails{last: make([]int32, processes), when: make([]int32, processes)}
}

func (t *tails) clear() { t.now++ }

func (t *tails) get(process int32) int32 {
	if t.when[process] != t.now {
		return none
	}
	return t.last[process]
}

func (t *tails) set(process, n int32) { t.last[process], t.when[process] = n, t.now }

func (r *register) name() string {
	if !r.Keyed {
		return "the register"
	}
	return "key " + history.Int(r.Key).String()
}

func fill(n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = none
	}
	return s
}
