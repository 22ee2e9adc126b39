package replicas

import (
	"slices"

	"github.com/faultline-dev/faultline/harness/history"
)

// The oracles share nothing with the checkers: they read the history themselves.

// Operation is an operation as the oracles see it.
type Operation struct {
	Call, Ret  int // events; Ret is Late for a crashed one
	Process    int
	Key        int64
	F          string // read, write or cas
	Arg, Value history.Value
	Crashed    bool
}

// Late is later than any event.
const Late = 1 << 40

// Operations reads them out of a history, without those that did nothing for certain.
func Operations(h *history.History) []Operation {
	var ops []Operation
	open := map[int]int{}
	for i := range h.Len() {
		e := h.At(i)
		if e.Type == history.Invoke {
			open[e.Process] = len(ops)
			ops = append(ops, Operation{Call: i, Ret: Late, Process: e.Process, Key: e.Key, F: e.F, Arg: e.Value, Crashed: true})
			continue
		}
		o := &ops[open[e.Process]]
		switch {
		case e.Type == history.OK:
			o.Ret, o.Value, o.Crashed = i, e.Value, false
		case e.Type == history.Fail && o.F == "cas" && e.Value.Kind == history.KindInt:
			o.Ret, o.F, o.Value, o.Crashed = i, "read", e.Value, false
		case e.Type == history.Fail:
			o.F = "void"
		}
	}
	return slices.DeleteFunc(ops, func(o Operation) bool { return o.F == "void" || o.F == "read" && o.Crashed })
}

// step applies an operation to its register, if it may stand there.
func (o Operation) step(held history.Value) (history.Value, bool) {
	switch o.F {
	case "read":
		return held, held == o.Value
	case "write":
		return o.Arg, true
	}
	return history.Int(o.Arg.B), held == history.Int(o.Arg.A)
}

// before is the order within a process.
func (o Operation) before(p Operation) bool { return o.Process == p.Process && o.Ret < p.Call }

// orders tries every order of the operations, and every choice of the crashed ones that
// happened: before says which of two has to come first if both are there, and step whether an
// operation may stand in a state, and what it makes of it.
func orders[S comparable](ops []Operation, first S, before func(a, b Operation) bool, step func(S, Operation) (S, bool)) bool {
	type place struct {
		used  uint
		state S
	}
	dead := map[place]bool{}
	var try func(p place) bool
	try = func(p place) bool {
		if dead[p] {
			return false
		}
		rest := false
		for i, o := range ops {
			if p.used&(1<<i) != 0 {
				continue
			}
			rest = rest || !o.Crashed
			early := true
			for j, q := range ops {
				early = early && (p.used&(1<<j) != 0 || !before(q, o))
			}
			if !early {
				continue
			}
			if next, ok := step(p.state, o); ok && try(place{p.used | 1<<i, next}) {
				return true
			}
		}
		dead[p] = true
		return !rest
	}
	return try(place{0, first})
}

// Sequential reports whether the operations, on four keys at most, have an order that respects
// each process's own.
func Sequential(ops []Operation) bool {
	keys := Keys(ops)
	return orders(ops, [4]history.Value{}, Operation.before, func(held [4]history.Value, o Operation) ([4]history.Value, bool) {
		var ok bool
		at := slices.Index(keys, o.Key)
		held[at], ok = o.step(held[at])
		return held, ok
	})
}

// Linearizable reports whether one key's operations have an order that respects real time,
// where reads may take effect so much, by the clock of events, before they began.
func Linearizable(ops []Operation, clock []int64, by int64) bool {
	before := func(a, b Operation) bool {
		return a.Ret < b.Call && (b.F != "read" || by == 0 || clock[a.Ret] < clock[b.Call]-by)
	}
	return orders(ops, history.Nil, before, func(held history.Value, o Operation) (history.Value, bool) { return o.step(held) })
}

// TwoAtomic is Linearizable, for registers without compare-and-sets, where reads may see the
// last version but one.
func TwoAtomic(ops []Operation) bool {
	before := func(a, b Operation) bool { return a.Ret < b.Call }
	return orders(ops, [2]history.Value{}, before, func(held [2]history.Value, o Operation) ([2]history.Value, bool) {
		if o.F == "write" {
			return [2]history.Value{o.Arg, held[0]}, true
		}
		return held, o.Value == held[0] || o.Value == held[1]
	})
}

// OnKey are the operations on one key, and Keys the keys that there are.
func OnKey(ops []Operation, key int64) []Operation {
	return slices.DeleteFunc(slices.Clone(ops), func(o Operation) bool { return o.Key != key })
}

func Keys(ops []Operation) []int64 {
	var keys []int64
	for _, o := range ops {
		keys = append(keys, o.Key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// saw and wrote are the versions that an operation is about.
func (o Operation) saw() (history.Value, bool) {
	if o.F == "cas" {
		return history.Int(o.Arg.A), true
	}
	return o.Value, o.F == "read"
}

func (o Operation) wrote() (history.Value, bool) {
	if o.F == "cas" {
		return history.Int(o.Arg.B), true
	}
	return o.Arg, o.F == "write"
}

// Happened leaves out the crashed operations whose value nobody saw.
func Happened(ops []Operation) []Operation {
	for {
		n := len(ops)
		ops = slices.DeleteFunc(slices.Clone(ops), func(o Operation) bool {
			v, _ := o.wrote()
			return o.Crashed && !slices.ContainsFunc(ops, func(p Operation) bool { s, ok := p.saw(); return ok && s == v })
		})
		if len(ops) == n {
			return ops
		}
	}
}

// Phantom reports whether an operation on one key saw what nobody wrote.
func Phantom(ops []Operation) bool {
	ops = Happened(ops)
	return slices.ContainsFunc(ops, func(o Operation) bool {
		v, ok := o.saw()
		return ok && !v.IsNil() && !slices.ContainsFunc(ops, func(p Operation) bool { w, ok := p.wrote(); return ok && w == v })
	})
}

// Guarantees are session guarantees, as a set.
type Guarantees uint8

// All that there are.
const (
	MonotonicReads Guarantees = 1 << iota
	ReadYourWrites
	MonotonicWrites
	WritesFollowReads

	All = MonotonicReads | ReadYourWrites | MonotonicWrites | WritesFollowReads
)

// Sessions reports whether one key's versions have an order by which all these guarantees hold.
func Sessions(ops []Operation, what Guarantees) bool {
	ops = Happened(ops)
	versions := []history.Value{history.Nil}
	for _, o := range ops {
		if v, ok := o.wrote(); ok {
			versions = append(versions, v)
		}
	}
	place := map[history.Value]int{}
	n := len(versions)
	below := make([][]bool, n) // by number of version: comes about by compare-and-sets from
	for i := range below {
		below[i] = make([]bool, n)
	}
	at := func(v history.Value) int { return slices.Index(versions, v) }
	for _, o := range ops {
		if o.F == "cas" {
			below[at(history.Int(o.Arg.A))][at(history.Int(o.Arg.B))] = true
		}
	}
	for k := range n {
		for i := range n {
			for j := range n {
				below[i][j] = below[i][j] || below[i][k] && below[k][j]
			}
		}
	}
	fits := func() bool {
		for _, o := range ops {
			if o.F == "cas" {
				a, b := history.Int(o.Arg.A), history.Int(o.Arg.B)
				if !below[at(b)][at(a)] && place[a] > place[b] {
					return false
				}
			}
		}
		for _, a := range ops {
			aSaw, aReads := a.saw()
			aWrote, aWrites := a.wrote()
			for _, b := range ops {
				if !a.before(b) {
					continue
				}
				bSaw, bReads := b.saw()
				bWrote, bWrites := b.wrote()
				if what&MonotonicReads != 0 && aReads && bReads && place[aSaw] > place[bSaw] ||
					what&ReadYourWrites != 0 && aWrites && bReads && place[aWrote] > place[bSaw] ||
					what&MonotonicWrites != 0 && aWrites && bWrites && place[aWrote] > place[bWrote] ||
					what&WritesFollowReads != 0 && aReads && bWrites && place[aSaw] >= place[bWrote] {
					return false
				}
			}
		}
		return true
	}
	var try func(k int) bool
	try = func(k int) bool {
		if k == n {
			return fits()
		}
		for i := 1; i < n; i++ {
			if _, taken := place[versions[i]]; taken {
				continue
			}
			place[versions[i]] = k
			if try(k + 1) {
				return true
			}
			delete(place, versions[i])
		}
		return false
	}
	place[history.Nil] = 0
	return try(1)
}

// Undecided reports whether guarantees contradict others that hold without them, as they do
// without those: one of them is broken, and nobody can say which.
func Undecided(ops []Operation, what Guarantees) bool {
	for others := Guarantees(1); others <= All; others++ {
		if others&what == 0 && Sessions(ops, others) && !Sessions(ops, others|what) {
			return true
		}
	}
	return false
}

// Each reports whether on no key anybody saw what nobody wrote, and each key's operations hold
// by themselves.
func Each(ops []Operation, holds func([]Operation) bool) bool {
	for _, key := range Keys(ops) {
		if one := OnKey(ops, key); Phantom(one) || !holds(one) {
			return false
		}
	}
	return true
}
