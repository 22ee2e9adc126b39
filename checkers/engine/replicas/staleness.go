package replicas

import "github.com/faultline-dev/faultline/harness/history"

// Behind is how many versions a read of one key is behind at least: over all orders of the writes,
// each of which took effect between its invocation and the first return of an operation on
// its version. late is set if its version had been written at all when it returned.
func Behind(ops []Operation, r Operation) (versions int, late bool) {
	type version struct {
		v          history.Value
		call, seen int
	}
	var writes []version
	for _, o := range Happened(ops) {
		v, ok := o.wrote()
		if !ok {
			continue
		}
		w := version{v: v, call: o.Call, seen: o.Ret}
		for _, p := range ops {
			if s, ok := p.saw(); ok && s == v {
				w.seen = min(w.seen, p.Ret)
			}
		}
		w.seen = max(w.seen, w.call)
		writes = append(writes, w)
		late = late || v == r.Value && o.Call > r.Ret
	}
	if late {
		return 0, true
	}
	// Of an order, count what comes between the read's version and the read, which stands
	// before all writes that it may stand before.
	best := 1 << 20
	var try func(used uint, since int, passed bool)
	try = func(used uint, since int, passed bool) {
		if passed {
			best = min(best, since)
		}
		for i, w := range writes {
			if used&(1<<i) != 0 {
				continue
			}
			early := true
			for j, x := range writes {
				early = early && (used&(1<<j) != 0 || i == j || x.seen >= w.call)
			}
			if !early {
				continue
			}
			next, now := since+1, passed
			if w.v == r.Value {
				next = 0
			}
			// The read may stand here once all that had been seen when it began are placed,
			// and none that began after it returned.
			placed := used | 1<<i
			now = true
			for j, x := range writes {
				now = now && (placed&(1<<j) != 0 || x.seen >= r.Call) && (placed&(1<<j) == 0 || x.call <= r.Ret)
			}
			has := r.Value.IsNil()
			for j, x := range writes {
				has = has || placed&(1<<j) != 0 && x.v == r.Value
			}
			try(placed, next, now && has)
		}
	}
	start := r.Value.IsNil()
	for _, w := range writes {
		start = start && w.seen >= r.Call
	}
	try(0, 0, start)
	return best, false
}
