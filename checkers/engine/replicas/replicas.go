// Package replicas makes histories of registers whose clients read replicas that lag, and
// decides by trying everything what they are worth: the oracles of models that are weaker than
// linearizability.
//
// The one idea: such a history is made the way such a store works, each process with a replica
// of its own that is behind by some writes, so histories that keep a weak promise and break the
// next stronger one come by themselves. The oracles try all orders, of operations or of
// versions, by the words of each definition.
//
// Start with Spec, and Random; then oracle.go.
package replicas

import (
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/faultline-dev/faultline/harness/history"
)

// Spec says what history to make.
type Spec struct {
	Operations, Processes, Keys int

	Crash float64 // of the mutations
	CAS   bool
	Stale float64 // of the reads: they see a version of the past, as their process's replica has it
	Wild  float64 // of the reads: they see anything
	Lag   int     // processes read replicas of all keys, as they were up to so many writes ago
}

// Random is the small history of a seed, with so many operations and keys at most: some are
// calm, some wild.
func Random(seed uint64, operations, keys int) *history.History {
	r := rand.New(rand.NewPCG(seed, 0x1a6))
	s := Spec{Operations: 2 + r.IntN(operations-1), Processes: 1 + r.IntN(4), Keys: 1 + r.IntN(keys), CAS: r.IntN(2) == 0}
	if r.IntN(2) == 0 {
		s.Crash = 0.3
	}
	switch r.IntN(4) {
	case 0:
		s.Lag = 1 + r.IntN(5)
	case 3:
		s.Stale = r.Float64()
	case 1:
		s.Wild = r.Float64()
	}
	return s.Make(r)
}

// Make runs random operations against the registers. Every value is written once.
func (s Spec) Make(r *rand.Rand) *history.History {
	type flight struct {
		op     history.Op
		done   bool
		result history.Op
	}
	h := &history.History{}
	logs := make([][]history.Value, s.Keys)    // the versions of each key
	seen := make([]map[int64]int, s.Processes) // by process: how far its replica is
	var times []int64                          // the keys of all writes, in order
	when := make([][]int, s.Keys)              // by key: which of those are its
	next, names := int64(0), s.Processes
	process, busy := make([]int, s.Processes), make([]*flight, s.Processes)
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
		if s.Lag > 0 && f.op.F == "read" {
			// A replica has all writes up to some point, and never fewer than it had.
			const all = -1
			seen[p][all] = max(seen[p][all], len(times)-r.IntN(s.Lag))
			f.result.Value = history.Nil
			if n := sort.SearchInts(when[f.op.Key], seen[p][all]); n > 0 {
				f.result.Value = (*log)[n]
			}
			return
		}
		if f.op.F != "read" && s.Lag > 0 {
			defer func() {
				if len(*log)-1 > newest {
					when[f.op.Key], times = append(when[f.op.Key], len(times)), append(times, f.op.Key)
				}
				seen[p][-1] = len(times)
			}()
		}
		switch at := max(seen[p][f.op.Key], newest-r.IntN(4)); {
		case f.op.F == "read" && r.Float64() < s.Wild:
			f.result.Value = history.Int(r.Int64N(next + 2))
			if f.result.Value.A == 0 {
				f.result.Value = history.Nil
			}
		case f.op.F == "read" && r.Float64() < s.Stale:
			seen[p][f.op.Key] = at
			f.result.Value = (*log)[at]
		case f.op.F == "read":
			seen[p][f.op.Key] = newest
			f.result.Value = (*log)[newest]
		case f.op.F == "write":
			*log = append(*log, f.op.Value)
			if r.Float64() >= s.Stale {
				seen[p][f.op.Key] = newest + 1
			}
		case (*log)[newest] == history.Int(f.op.Value.A) || r.Float64() < s.Wild:
			*log = append(*log, history.Int(f.op.Value.B))
		default:
			f.result.Type, f.result.Error = history.Fail, "mismatch"
			if v := (*log)[newest]; v.Kind == history.KindInt && r.IntN(2) == 0 {
				f.result.Value = v
			}
		}
	}
	var now int64
	for started := 0; ; {
		now += 1 + r.Int64N(1e6)
		p := r.IntN(s.Processes)
		f := busy[p]
		switch {
		case len(lost) > 0 && r.IntN(4) == 0:
			if i := r.IntN(len(lost)); !lost[i].done {
				effect(lost[i], p)
			}
		case f == nil && started < s.Operations:
			started++
			op := history.Op{Time: now, Process: process[p], Type: history.Invoke, F: "read", Keyed: true, Key: int64(r.IntN(s.Keys))}
			switch k := r.IntN(5); {
			case k < 2:
				next++
				op.F, op.Value = "write", history.Int(next)
			case k == 2 && s.CAS:
				log := logs[op.Key]
				old := log[len(log)-1].A
				if r.IntN(3) == 0 {
					old = 1 + r.Int64N(next+1)
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
		case !f.done && f.op.F != "read" && r.Float64() < s.Crash:
			lost = append(lost, f)
			if r.IntN(2) == 0 {
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
