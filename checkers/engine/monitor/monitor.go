// Package monitor decides histories of objects whose elements are unique - sets, queues,
// stacks, priority queues - and of counters and locks, exactly and in about the time of a
// sort, where a search would try orders.
//
// The one idea: time is a row of *moments*, the gaps between neighbouring events, and an
// operation takes effect in one of its own, after its call and before its return. An element
// that nobody adds twice is surely inside from the return of the operation that put it there
// to the call of the one that took it; these spans are all that operations on other elements
// can trip over. So instead of orders of operations one looks for moments that are not
// covered by the wrong spans: for one element at a time, which is then done with (Lee and
// Mathur, "Efficient Decrease-and-Conquer Linearizability Monitoring", OOPSLA 2025; the
// proofs that stand with each monitor here are our own, as they have to allow for pending
// operations).
//
// Pending operations, which may take effect at any later moment or never, are decided too:
//
//   - a put whose element was seen took effect, at the latest when that was; one whose
//     element nobody saw is left out: in any legal order it can be struck out together with
//     whatever pending take got its element;
//   - a pending take of a set names its element; that of another container is a wildcard,
//     which may have got any element that nobody else did, or none. A queue's are decided
//     exactly. A stack's and a priority queue's are, too, unless they are so scarce that it
//     matters which of them got which element: then the answer is Unsure;
//   - pending increments, acquires and releases are decided exactly, pending reads left out.
//
// Histories that a monitor cannot judge, such as those that add an element twice, are Unsure
// as well: search them (package search).
//
// Start with Set, Queue, Stack, PriorityQueue, Counter, Mutex or Lock.
package monitor

import (
	"fmt"
	"math"
	"slices"
)

// Func says what an operation does.
type Func uint8

// The functions of containers, of counters, and of locks.
const (
	Put     Func = iota // adds, enqueues, pushes or inserts V
	Take                // removes, dequeues or pops V, or finds nothing where V is Empty
	Present             // a set has V
	Absent              // a set does not have V

	Increment // adds one; its result is not known
	Count     // adds one and returns P, the sum
	Read      // returns P

	Acquire // by V, with token P
	Release // by V
)

func (f Func) String() string {
	names := [...]string{"put", "take", "present", "absent", "increment", "count", "read", "acquire", "release"}
	if int(f) < len(names) {
		return names[f]
	}
	return fmt.Sprintf("function %d", uint8(f))
}

// Empty is the V of a Take that found nothing; none stands for no operation.
const (
	Empty = -1
	none  = -1
)

// Pending is the Ret of an operation that never returned.
const Pending = math.MaxInt32

// Op is one operation. Operations may come in any order.
type Op struct {
	Call, Ret int32 // indices of events, no two the same; Ret is Pending if it never came
	F         Func
	V         int32 // the element, a number from 0 on below that of operations, or the owner; a pending Take has one only of a set
	P         int64 // the element's priority (in its Put), a sum or a token
}

// Verdict is what a monitor makes of a history.
type Verdict uint8

// Verdicts. The zero value promises nothing.
const (
	Unsure  Verdict = iota // the monitor cannot tell: Reason says why
	Legal                  // there is an order of the operations that obeys the object and real time
	Illegal                // there is none: Witness proves it
)

func (v Verdict) String() string { return [...]string{"unsure", "legal", "illegal"}[v%3] }

// Result of a monitor.
type Result struct {
	Verdict Verdict
	// Reason says why the monitor is unsure.
	Reason string
	// Pattern names what makes the history illegal.
	Pattern string
	// Witness holds the indices of operations that are illegal by themselves (of a counter:
	// together with the history's increments).
	Witness []int32
	// Order is a legal order, as indices, if Options ask for it: of all operations that
	// returned and of those pending ones that took effect.
	Order []int32
}

// Options of a monitor.
type Options struct {
	Order bool // write out the legal order
}

func unsure(format string, args ...any) Result {
	return Result{Verdict: Unsure, Reason: fmt.Sprintf(format, args...)}
}

func illegal(pattern string, witness ...int32) Result {
	slices.Sort(witness)
	return Result{Verdict: Illegal, Pattern: pattern, Witness: slices.Compact(witness)}
}

// moments are numbered so that moment m is just before event m. An operation has those from
// lo to hi. Moment end is after all events and whatever is still pending: there, what was
// left in a container can be thought to be taken out.
type moments struct {
	lo, hi []int32
	end    int32
}

// place finds the moments of each operation, or what is wrong with the history.
func place(ops []Op, funcs ...Func) (moments, *Result) {
	refuse := func(format string, args ...any) (moments, *Result) {
		r := unsure(format, args...)
		return moments{}, &r
	}
	last := int32(-1)
	for i, o := range ops {
		switch {
		case !slices.Contains(funcs, o.F):
			return refuse("operation %d is %v, which this object does not have", i, o.F)
		case o.Call < 0 || o.Ret <= o.Call:
			return refuse("operation %d returns at event %d but was called at %d", i, o.Ret, o.Call)
		case o.F <= Absent && (o.V < Empty || int(o.V) >= len(ops)):
			return refuse("operation %d has element %d, but there are only %d operations", i, o.V, len(ops))
		}
		last = max(last, o.Call)
		if o.Ret != Pending {
			last = max(last, o.Ret)
		}
	}
	rank := func(event int32) int32 { return event }
	if int(last) > 4*len(ops)+64 { // the events of other objects are in between: number ours anew
		events := make([]int32, 0, 2*len(ops))
		for _, o := range ops {
			events = append(events, o.Call)
			if o.Ret != Pending {
				events = append(events, o.Ret)
			}
		}
		slices.Sort(events)
		rank = func(event int32) int32 {
			k, _ := slices.BinarySearch(events, event)
			return int32(k)
		}
		last = int32(len(events)) - 1
	}
	m := moments{lo: make([]int32, len(ops)), hi: make([]int32, len(ops)), end: last + 2}
	seen := make([]bool, last+1)
	for i, o := range ops {
		call, ret := rank(o.Call), m.end
		if o.Ret != Pending {
			ret = rank(o.Ret)
			if seen[ret] {
				return refuse("two operations have event %d", o.Ret)
			}
			seen[ret] = true
		}
		if seen[call] {
			return refuse("two operations have event %d", o.Call)
		}
		seen[call] = true
		m.lo[i], m.hi[i] = call+1, ret
	}
	return m, nil
}
