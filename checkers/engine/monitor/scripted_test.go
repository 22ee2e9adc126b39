package monitor

import (
	"cmp"
	"math/rand"
	"slices"
)

// scripted makes a legal history of a counter or lock: first the order of effects, then
// intervals around them.
func (x object) scripted(r *rand.Rand, s shape) []Op {
	type stretch struct {
		Op
		from, to float64
	}
	var all []stretch
	states := []string{""}
	free := map[int32]float64{} // when an owner is
	gone := map[int32]bool{}
	for at := 1.0; len(all) < s.ops; at++ {
		o := Op{F: x.funcs[r.Intn(len(x.funcs))], P: int64(len(all)) + r.Int63n(3)}
		if x.funcs[0] == Acquire {
			o.V = int32(r.Intn(s.clients))
			if x.name == "mutex" {
				o.V = Empty
			}
			if r.Intn(4) == 0 {
				o.P = NoToken
			}
		}
		if gone[o.V] {
			if len(gone) >= s.clients {
				break
			}
			continue
		}
		// A Count and a Read tell what is the case.
		if x.funcs[0] == Increment {
			o.P = int64(len(states[0]))
			if o.F == Count {
				o.P++
			}
		}
		var next []string
		for _, state := range states {
			next = append(next, x.step(state, o)...)
		}
		happens := len(next) > 0
		if !happens && r.Float64() > s.crash/2 {
			continue
		}
		from, to := at-3*r.ExpFloat64()*btof(r.Intn(3) > 0), at+3*r.ExpFloat64()*btof(r.Intn(3) > 0)+0.1
		if o.V != Empty && x.funcs[0] == Acquire {
			if free[o.V] > at {
				continue
			}
			from = max(from, free[o.V])
			free[o.V] = to + 0.01
		}
		if happens {
			states = next
		}
		if !happens || r.Float64() < s.crash {
			to, o.Ret = 1e9, Pending
			if x.funcs[0] == Acquire && o.V != Empty {
				gone[o.V] = true
			}
		}
		all = append(all, stretch{o, from, to})
	}
	type event struct {
		at  float64
		op  int
		end bool
	}
	var events []event
	for i, o := range all {
		events = append(events, event{o.from, i, false})
		if o.Ret != Pending {
			events = append(events, event{o.to, i, true})
		}
	}
	slices.SortFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	ops := make([]Op, len(all))
	for i, o := range all {
		ops[i] = o.Op
	}
	for k, e := range events {
		if e.end {
			ops[e.op].Ret = int32(k)
		} else {
			ops[e.op].Call = int32(k)
		}
	}
	return ops
}

// disturb changes results, and lets events of neighbours change places.
func (x object) disturb(r *rand.Rand, ops []Op) []Op {
	ops = slices.Clone(ops)
	for range 1 + r.Intn(3) {
		if len(ops) == 0 {
			break
		}
		i, j := r.Intn(len(ops)), r.Intn(len(ops))
		o, p := &ops[i], &ops[j]
		switch k := r.Intn(5); {
		case k == 0:
			ops = slices.Delete(ops, i, i+1)
		case k == 1 && o.P != NoToken:
			o.P += r.Int63n(3) - 1
		case k == 2 && o.F == p.F && o.P != NoToken && p.P != NoToken:
			o.P, p.P = p.P, o.P
		case k == 3 && p.Ret != Pending && o.Ret != Pending && p.Ret > o.Call && o.Ret > p.Call:
			o.Ret, p.Ret = p.Ret, o.Ret
		case p.Call < o.Ret && o.Call < p.Ret:
			o.Call, p.Call = p.Call, o.Call
		}
	}
	return ops
}
