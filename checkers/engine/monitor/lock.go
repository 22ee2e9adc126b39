package monitor

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
)

// Mutex decides a lock, at first free: Acquire takes it when it is free, Release frees it. V
// is the owner, and only who holds the lock may release it; where no operation has one (V is
// Empty) anybody may, see anonymous.
//
// An owner does one thing after another, so it is known which release ends which hold. The
// hold lasts at least from the return of the acquire to the call of the release, and it need
// not last longer. So the history is legal just if each owner acquires and releases by turns
// and no two holds overlap.
//
// A pending acquire, which its owner did nothing after, is left out: it could only be in the
// way. A pending release may have happened at once, which is best for everybody else, if its
// owner had the lock, and is left out otherwise. If an owner does something after what is
// pending, or two things at once, the answer is Unsure.
func Mutex(ops []Op, opt Options) Result { return lock(ops, opt, false) }

// Lock decides a Mutex with owners whose grants carry tokens that rise: P of an Acquire, or
// NoToken if it is not known, in which case it was at least one more than the one before.
//
// As every hold has a moment of its own, their order is known.
func Lock(ops []Op, opt Options) Result { return lock(ops, opt, true) }

// NoToken is the P of an acquire whose token is not known.
const NoToken = math.MinInt64

// hold is one owner's, at least from moment from to moment to.
type hold struct {
	acquire, release int32 // operations; release is none if there was none
	from, to         int32
}

func lock(ops []Op, opt Options, tokens bool) Result {
	m, refused := place(ops, Acquire, Release)
	if refused != nil {
		return *refused
	}
	if !tokens && !slices.ContainsFunc(ops, func(o Op) bool { return o.V != Empty }) {
		return anonymous(ops, m, opt)
	}
	holds, r := holdsOf(ops, m)
	if r != nil {
		return *r
	}
	slices.SortFunc(holds, func(a, b hold) int { return cmp.Compare(a.from, b.from) })
	witness := func(holds ...hold) (w []int32) {
		for _, h := range holds {
			if w = append(w, h.acquire); h.release != none {
				w = append(w, h.release)
			}
		}
		return w
	}
	for k := 1; k < len(holds); k++ {
		if holds[k].from < holds[k-1].to {
			return illegal("double-grant", witness(holds[k-1:k+1]...)...)
		}
	}
	if tokens {
		known, least := 0, int64(NoToken) // the last hold whose token is known, and what was handed out since
		for k, h := range holds {
			switch token := ops[h.acquire].P; {
			case token != NoToken && token <= least, token == NoToken && least == math.MaxInt64:
				return illegal("token-regression", witness(holds[known:k+1]...)...)
			case token != NoToken:
				known, least = k, token
			case least != NoToken:
				least++
			}
		}
	}
	if !opt.Order {
		return Result{Verdict: Legal}
	}
	return Result{Verdict: Legal, Order: witness(holds...)}
}

// holdsOf finds the holds of all owners.
func holdsOf(ops []Op, m moments) ([]hold, *Result) {
	byOwner := make([]int32, len(ops))
	for i := range byOwner {
		byOwner[i] = int32(i)
	}
	slices.SortFunc(byOwner, func(a, b int32) int {
		return cmp.Or(cmp.Compare(ops[a].V, ops[b].V), cmp.Compare(ops[a].Call, ops[b].Call))
	})
	// before is what the same owner did before the one at k.
	before := func(k int) int32 {
		if k == 0 || ops[byOwner[k-1]].V != ops[byOwner[k]].V {
			return none
		}
		return byOwner[k-1]
	}
	for k, i := range byOwner {
		if ops[i].V == Empty {
			r := unsure("operation %d has no owner", i)
			return nil, &r
		}
		if b := before(k); b != none && ops[b].Ret > ops[i].Call {
			r := unsure("owner %d begins operation %d while operation %d is under way", ops[i].V, i, b)
			return nil, &r
		}
	}
	var holds []hold
	holding := false
	for k, i := range byOwner {
		o, before := ops[i], before(k)
		holding = holding && before != none
		switch {
		case o.F == Acquire && o.Ret == Pending, o.F == Release && o.Ret == Pending && !holding:
		case o.F == Acquire && holding:
			r := illegal("acquired-while-holding", before, i)
			return nil, &r
		case o.F == Acquire:
			holds = append(holds, hold{i, none, m.hi[i], m.end})
			holding = true
		case !holding:
			witness := []int32{i}
			if before != none {
				witness = append(witness, before, holds[len(holds)-1].acquire)
			}
			r := illegal("released-without-holding", witness...)
			return nil, &r
		default:
			h := &holds[len(holds)-1]
			h.release, h.to = i, m.lo[i]
			holding = false
		}
	}
	return holds, nil
}

// anonymous decides a lock whose acquires are all alike, as are its releases, in the order of
// returns: nothing is thought to happen before it must. When an acquire returns that has not
// happened yet, it has to happen; if the lock is held, then before it some release that has
// been called, of these the one that returns first; and the other way round. If there is
// none the history is illegal. For say a legal order does more by then: what it does more
// goes by turns as well, begins from the same state, and all of it was called, so it can be
// done later, behind what must. And if it did another release instead of the first to
// return, the two can change places.
//
// Pending operations return last of all, so they are called for only when nothing else is
// there.
func anonymous(ops []Op, m moments, opt Options) Result {
	n := int32(len(ops))
	byCall, byRet := make([]int32, n), make([]int32, n)
	for i := range n {
		byCall[i], byRet[i] = i, i
	}
	slices.SortFunc(byCall, func(a, b int32) int { return cmp.Compare(m.lo[a], m.lo[b]) })
	slices.SortFunc(byRet, func(a, b int32) int { return cmp.Compare(m.hi[a], m.hi[b]) })
	rank := make([]int32, n) // by return
	for k, i := range byRet {
		rank[i] = int32(k)
	}
	done, called := make([]bool, n), 0
	open := [2]waiting{} // acquires and releases
	held, order := false, make([]int32, 0, n)
	perform := func(i int32) {
		done[i], held, order = true, !held, append(order, i)
	}
	// The last time that nothing was under way: how many had been called, and the acquire that
	// was in force, if one was.
	since, inForce := 0, int32(none)
	for returned, x := range byRet {
		if ops[x].Ret == Pending {
			break
		}
		for ; called < len(byCall) && m.lo[byCall[called]] <= m.hi[x]; called++ {
			i := byCall[called]
			if returned == called {
				if since, inForce = called, none; held {
					inForce = order[len(order)-1]
				}
			}
			heap.Push(&open[ops[i].F-Acquire], rank[i])
		}
		if done[x] {
			continue
		}
		if acquire := ops[x].F == Acquire; acquire == held {
			other := &open[0]
			if acquire {
				other = &open[1]
			}
			i := int32(none)
			for len(*other) > 0 && (i == none || done[i]) {
				i = byRet[heap.Pop(other).(int32)]
			}
			if i == none || done[i] {
				witness := slices.Clone(byCall[since:called])
				if inForce != none {
					witness = append(witness, inForce)
				}
				if acquire {
					return illegal("double-grant", witness...)
				}
				return illegal("released-when-free", witness...)
			}
			perform(i)
		}
		perform(x)
	}
	if !opt.Order {
		return Result{Verdict: Legal}
	}
	return Result{Verdict: Legal, Order: order}
}

// waiting is a heap of operations by the rank of their returns.
type waiting []int32

func (w waiting) Len() int           { return len(w) }
func (w waiting) Less(i, j int) bool { return w[i] < w[j] }
func (w waiting) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *waiting) Push(x any)        { *w = append(*w, x.(int32)) }
func (w *waiting) Pop() any {
	x := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return x
}
