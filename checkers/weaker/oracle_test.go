package weaker

import (
	"math/rand"
	"slices"
	"sort"

	"github.com/faultline-dev/faultline/harness/history"
)

// The oracles share nothing with the checkers: they read the history themselves.

// plain is an operation as the oracles see it.
type plain struct {
	call, ret  int // events; ret is late for a crashed one
	process    int
	key        int64
	f          string // read, write or cas
	arg, value history.Value
	crashed    bool
}

const late = 1 << 40

func plainly(h *history.History) []plain {
	var ops []plain
	open := map[int]int{}
	for i := range h.Len() {
		e := h.At(i)
		if e.Type == history.Invoke {
			open[e.Process] = len(ops)
			ops = append(ops, plain{call: i, ret: late, process: e.Process, key: e.Key, f: e.F, arg: e.Value, crashed: true})
			continue
		}
		o := &ops[open[e.Process]]
		switch {
		case e.Type == history.OK:
			o.ret, o.value, o.crashed = i, e.Value, false
		case e.Type == history.Fail && o.f == "cas" && e.Value.Kind == history.KindInt:
			o.ret, o.f, o.value, o.crashed = i, "read", e.Value, false
		case e.Type == history.Fail:
			o.f = "void"
		}
	}
	return slices.DeleteFunc(ops, func(o plain) bool { return o.f == "void" || o.f == "read" && o.crashed })
}

// step applies an operation to its register, if it may stand there.
func (o plain) step(held history.Value) (history.Value, bool) {
	switch o.f {
	case "read":
		return held, held == o.value
	case "write":
		return o.arg, true
	}
	return history.Int(o.arg.B), held == history.Int(o.arg.A)
}

// before is the order within a process.
func (o plain) before(p plain) bool { return o.process == p.process && o.ret < p.call }

// sequentialBrute tries every order, and every choice of the crashed operations that
// happened: real says whether real time counts, too.
func sequentialBrute(ops []plain) bool {
	keys := map[int64]int{}
	for _, o := range ops {
		if _, found := keys[o.key]; !found {
			keys[o.key] = len(keys)
		}
	}
	type state struct {
		used uint
		held [4]history.Value
	}
	dead := map[state]bool{}
	var try func(s state) bool
	try = func(s state) bool {
		if dead[s] {
			return false
		}
		rest := false
		for i, o := range ops {
			if s.used&(1<<i) != 0 {
				continue
			}
			rest = rest || !o.crashed
			early := true
			for j, p := range ops {
				if s.used&(1<<j) == 0 && p.before(o) {
					early = false
				}
			}
			if !early {
				continue
			}
			next := s
			next.used |= 1 << i
			held, ok := o.step(s.held[keys[o.key]])
			if next.held[keys[o.key]] = held; ok && try(next) {
				return true
			}
		}
		dead[s] = true
		return !rest
	}
	return try(state{})
}

func onKey(ops []plain, key int64) []plain {
	return slices.DeleteFunc(slices.Clone(ops), func(o plain) bool { return o.key != key })
}

func keysOf(ops []plain) []int64 {
	var keys []int64
	for _, o := range ops {
		keys = append(keys, o.key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// saw and wrote are the versions that an operation is about.
func (o plain) saw() (history.Value, bool) {
	if o.f == "cas" {
		return history.Int(o.arg.A), true
	}
	return o.value, o.f == "read"
}

func (o plain) wrote() (history.Value, bool) {
	if o.f == "cas" {
		return history.Int(o.arg.B), true
	}
	return o.arg, o.f == "write"
}

// happened leaves out the crashed operations whose value nobody saw.
func happened(ops []plain) []plain {
	for {
		n := len(ops)
		ops = slices.DeleteFunc(slices.Clone(ops), func(o plain) bool {
			v, _ := o.wrote()
			return o.crashed && !slices.ContainsFunc(ops, func(p plain) bool { s, ok := p.saw(); return ok && s == v })
		})
		if len(ops) == n {
			return ops
		}
	}
}

// phantomBrute reports whether an operation on one key saw what nobody wrote.
func phantomBrute(ops []plain) bool {
	ops = happened(ops)
	return slices.ContainsFunc(ops, func(o plain) bool {
		v, ok := o.saw()
		return ok && !v.IsNil() && !slices.ContainsFunc(ops, func(p plain) bool { w, ok := p.wrote(); return ok && w == v })
	})
}

// sessionBrute tries every order of the versions of one key.
func sessionBrute(ops []plain, what guarantee) bool {
	ops = happened(ops)
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
		if o.f == "cas" {
			below[at(history.Int(o.arg.A))][at(history.Int(o.arg.B))] = true
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
			if o.f == "cas" {
				a, b := history.Int(o.arg.A), history.Int(o.arg.B)
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
				if what&monotonicReads != 0 && aReads && bReads && place[aSaw] > place[bSaw] ||
					what&readYourWrites != 0 && aWrites && bReads && place[aWrote] > place[bSaw] ||
					what&monotonicWrites != 0 && aWrites && bWrites && place[aWrote] > place[bWrote] ||
					what&writesFollowReads != 0 && aReads && bWrites && place[aSaw] >= place[bWrote] {
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

// shape of a random history.
type shape struct {
	ops, processes, keys int
	crash                float64 // of the mutations
	cas                  bool
	stale                float64 // of the reads: they see a version of the past, as their process's replica has it
	wild                 float64 // of the reads: they see anything
	lag                  int     // processes read replicas of all keys, as they were up to so many writes ago
}

// generate runs random operations against registers, of which each process has a replica
// that lags behind.
func generate(r *rand.Rand, s shape) *history.History {
	type flight struct {
		op     history.Op
		done   bool
		result history.Op
	}
	h := &history.History{}
	logs := make([][]history.Value, s.keys)    // the versions of each key
	seen := make([]map[int64]int, s.processes) // by process: how far its replica is
	var times []int64                          // the keys of all writes, in order
	when := make([][]int, s.keys)              // by key: which of those are its
	next, names := int64(0), s.processes
	process, busy := make([]int, s.processes), make([]*flight, s.processes)
	var lost []*flight
	for k := range logs {
		logs[k] = []history.Value{history.Nil}
	}
	for p := range process {
		process[p], seen[p] = p, map[int64]int{}
	}
	effect := func(f *flight, p int) {
		log := &logs[f.op.Key]
		newest := len(*log) - 1
		f.done, f.result = true, f.op
		f.result.Type = history.OK
		if s.lag > 0 && f.op.F == "read" {
			// A replica has all writes up to some point, and never fewer than it had.
			const all = -1
			seen[p][all] = max(seen[p][all], len(times)-r.Intn(s.lag))
			f.result.Value = history.Nil
			if n := sort.SearchInts(when[f.op.Key], seen[p][all]); n > 0 {
				f.result.Value = (*log)[n]
			}
			return
		}
		if f.op.F != "read" && s.lag > 0 {
			defer func() {
				if len(*log)-1 > newest {
					when[f.op.Key], times = append(when[f.op.Key], len(times)), append(times, f.op.Key)
				}
				seen[p][-1] = len(times)
			}()
		}
		switch at := max(seen[p][f.op.Key], newest-r.Intn(4)); {
		case f.op.F == "read" && r.Float64() < s.wild:
			f.result.Value = history.Int(r.Int63n(next + 2))
			if f.result.Value.A == 0 {
				f.result.Value = history.Nil
			}
		case f.op.F == "read" && r.Float64() < s.stale:
			seen[p][f.op.Key] = at
			f.result.Value = (*log)[at]
		case f.op.F == "read":
			seen[p][f.op.Key] = newest
			f.result.Value = (*log)[newest]
		case f.op.F == "write":
			*log = append(*log, f.op.Value)
			if r.Float64() >= s.stale {
				seen[p][f.op.Key] = newest + 1
			}
		case (*log)[newest] == history.Int(f.op.Value.A) || r.Float64() < s.wild:
			*log = append(*log, history.Int(f.op.Value.B))
		default:
			f.result.Type, f.result.Error = history.Fail, "mismatch"
			if v := (*log)[newest]; v.Kind == history.KindInt && r.Intn(2) == 0 {
				f.result.Value = v
			}
		}
	}
	var now int64
	for started := 0; ; {
		now += 1 + r.Int63n(1e6)
		p := r.Intn(s.processes)
		f := busy[p]
		switch {
		case len(lost) > 0 && r.Intn(4) == 0:
			if i := r.Intn(len(lost)); !lost[i].done {
				effect(lost[i], p)
			}
		case f == nil && started < s.ops:
			started++
			op := history.Op{Time: now, Process: process[p], Type: history.Invoke, F: "read", Keyed: true, Key: int64(r.Intn(s.keys))}
			switch k := r.Intn(5); {
			case k < 2:
				next++
				op.F, op.Value = "write", history.Int(next)
			case k == 2 && s.cas:
				log := logs[op.Key]
				old := log[len(log)-1].A
				if r.Intn(3) == 0 {
					old = 1 + r.Int63n(next+1)
				}
				if next++; old != 0 && old != next {
					op.F, op.Value = "cas", history.Pair(old, next)
				}
			}
			h.Append(op)
			busy[p] = &flight{op: op}
		case f == nil:
			if !slices.ContainsFunc(busy, func(f *flight) bool { return f != nil }) {
				return h
			}
		case !f.done && f.op.F != "read" && r.Float64() < s.crash:
			lost = append(lost, f)
			if r.Intn(2) == 0 {
				end := f.op
				end.Time, end.Type, end.Error = now, history.Info, "timeout"
				h.Append(end)
			}
			busy[p], process[p], seen[p] = nil, names, map[int64]int{}
			names++
		case !f.done:
			effect(f, p)
		default:
			f.result.Time = now
			h.Append(f.result)
			busy[p] = nil
		}
	}
}
