package log

import (
	"context"
	"flag"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

var histories = flag.Int("histories", 6000, "random histories of the differential test")

// cell is an entry of the log that the generator keeps.
type cell struct{ offset, value int64 }

// generate runs random sends and polls against a real log, reads it after the last send,
// then maybe spoils it.
func generate(r *rand.Rand) *history.History {
	h := &history.History{}
	type flight struct {
		op   history.Op
		done bool
	}
	busy, process := make([]*flight, 1+r.Intn(3)), []int{0, 1, 2}
	var state []cell
	next, started, ops, names, gaps := int64(1), 0, 1+r.Intn(6), 3, r.Intn(4) == 0
	read := func(from int64, most int) (ns []int64) {
		for _, c := range state {
			if c.offset >= from && len(ns) < 2*most {
				ns = append(ns, c.offset, c.value)
			}
		}
		return ns
	}
	effect := func(f *flight) {
		f.done = true
		if f.op.F == "poll" {
			f.op.Value = history.List(read(f.op.Value.A, r.Intn(4)))
			return
		}
		at := int64(0)
		if n := len(state); n > 0 {
			at = state[n-1].offset + 1
		}
		if gaps && r.Intn(3) == 0 {
			at++
		}
		state = append(state, cell{at, f.op.Value.A})
		f.op.Value = history.List([]int64{at, f.op.Value.A})
	}
	for {
		p := r.Intn(len(busy))
		f := busy[p]
		switch {
		case f == nil && started < ops:
			started++
			op := history.Op{Process: process[p], Type: history.Invoke, F: "poll", Value: history.Int(r.Int63n(2))}
			if r.Intn(2) == 0 {
				op.F, op.Value = "send", history.Int(next)
				next++
			}
			h.Append(op)
			busy[p] = &flight{op: op}
		case f == nil:
			if slices.ContainsFunc(busy, func(f *flight) bool { return f != nil }) {
				continue
			}
			finish(r, h, names, read)
			return spoil(r, h)
		case !f.done && f.op.F == "send" && r.Intn(5) == 0:
			end := f.op
			if end.Type = history.Info; r.Intn(3) == 0 {
				end.Type = history.Fail
			} else if r.Intn(2) == 0 {
				effect(f)
			}
			h.Append(end)
			busy[p], process[p] = nil, names
			names++
		case !f.done:
			effect(f)
		default:
			f.op.Type = history.OK
			h.Append(f.op)
			busy[p] = nil
		}
	}
}

// finish reads the log to its end, or not quite.
func finish(r *rand.Rand, h *history.History, process int, read func(int64, int) []int64) {
	at, most := int64(0), 1+r.Intn(5)
	for empty := 0; empty < 1+r.Intn(4) && h.Len() < 40; {
		h.Append(history.Op{Process: process, Type: history.Invoke, F: "poll", Value: history.Int(at)})
		ns := read(at, most)
		h.Append(history.Op{Process: process, Type: history.OK, F: "poll", Value: history.List(ns)})
		if len(ns) == 0 {
			empty++
			continue
		}
		at = ns[len(ns)-2] + 1
	}
}

// spoil changes some answers: entries fall out, move, change their value or their order,
// and acknowledgements name other offsets or none.
func spoil(r *rand.Rand, h *history.History) *history.History {
	if r.Intn(3) == 0 {
		return h
	}
	out := &history.History{}
	lose := int64(none)
	swap := r.Intn(4) == 0 // the first two, consistently
	if r.Intn(4) == 0 {
		lose = 1 + r.Int63n(3) // everywhere in the polls
	}
	for i := range h.Len() {
		op := h.At(i)
		ns := op.Value.Ints()
		if op.Type == history.OK && swap {
			if op.F == "send" && ns[0] < 2 {
				ns[0] = 1 - ns[0]
			} else if op.F == "poll" && len(ns) > 2 && ns[0] == 0 && ns[2] == 1 {
				ns[1], ns[3] = ns[3], ns[1]
			}
		}
		switch {
		case op.Type != history.OK:
		case op.F == "send":
			if k := r.Intn(12); k == 0 {
				ns[0] = max(0, ns[0]+r.Int63n(3)-1)
			} else if k == 1 {
				ns[0] = none
			}
			op.Value = history.List(ns)
		default:
			for k := 0; k < len(ns); k += 2 {
				if ns[k+1] == lose {
					ns = slices.Delete(ns, k, k+2)
				}
			}
			if len(ns) > 0 && r.Intn(5) == 0 {
				k := 2 * r.Intn(len(ns)/2)
				switch r.Intn(4) {
				case 0:
					ns = slices.Delete(ns, k, k+2)
				case 1:
					ns[k] = max(0, ns[k]+r.Int63n(3)-1)
				case 2:
					ns[k+1] = 1 + r.Int63n(6)
				case 3:
					ns[k], ns[0] = ns[0], ns[k]
					ns[k+1], ns[1] = ns[1], ns[k+1]
				}
			}
			op.Value = history.List(ns)
		}
		out.Append(op)
	}
	return out
}

// plain is an operation as the oracles see it.
type plain struct {
	call, ret, process int
	send               bool
	value              int64 // sent
	offset             int64 // acknowledged, or none
	from               int64 // polled
	cells              []cell
	final              bool
}

const never = 1 << 40

func plainly(h *history.History) (ops []plain) {
	lastSend := -1
	for i := range h.Len() {
		if h.At(i).F == "send" {
			lastSend = i
		}
	}
	for i := range h.Len() {
		e := h.At(i)
		if e.Type != history.Invoke {
			continue
		}
		o := plain{call: i, ret: never, process: e.Process, send: e.F == "send", value: e.Value.A, from: e.Value.A, offset: none}
		o.final = !o.send && i > lastSend
		drop := !o.send
		for j := i + 1; j < h.Len(); j++ {
			c := h.At(j)
			if c.Process != e.Process {
				continue
			}
			if drop = c.Type == history.Fail; c.Type == history.OK {
				o.ret = j
				ns := c.Value.Ints()
				if o.send {
					o.offset = ns[0]
				}
				for k := 0; k < len(ns) && !o.send; k += 2 {
					o.cells = append(o.cells, cell{ns[k], ns[k+1]})
				}
			}
			break
		}
		if !drop {
			ops = append(ops, o)
		}
	}
	return ops
}

// legal tries every order of the operations: a send appends at its offset, or at any
// behind the last one; a poll returns some entries that follow each other, from the first
// one at or behind its offset on.
func legal(ops []plain) bool {
	placed := map[int64]int64{} // where polls saw a value whose acknowledgement does not say
	for _, o := range ops {
		for _, c := range o.cells {
			placed[c.value] = c.offset
		}
	}
	var try func(used uint, state []cell) bool
	try = func(used uint, state []cell) bool {
		rest := false
		for i, o := range ops {
			if used&(1<<i) != 0 {
				continue
			}
			rest = rest || o.ret < never
			early := true
			for j, p := range ops {
				early = early && (used&(1<<j) != 0 || p.ret > o.call)
			}
			if !early {
				continue
			}
			next := state
			if o.send {
				at, last := int64(none), int64(none)
				if len(state) > 0 {
					last = state[len(state)-1].offset
				}
				seen, found := placed[o.value]
				switch {
				case o.offset != none:
					at = o.offset
				case found:
					at = seen
				case o.ret == never:
					continue // nobody saw it: it need not have happened
				default:
					// Acknowledged, never seen, nobody knows where: whatever comes next has
					// to come behind it, and half a step will do for that, as reading it is
					// not asked for by any poll that could tell.
					if try(used|1<<i, state) {
						return true
					}
					continue
				}
				if at <= last {
					continue
				}
				next = append(slices.Clone(state), cell{at, o.value})
			} else {
				k := 0
				for k < len(state) && state[k].offset < o.from {
					k++
				}
				if k+len(o.cells) > len(state) || !slices.Equal(state[k:k+len(o.cells)], o.cells) {
					continue
				}
			}
			if try(used|1<<i, next) {
				return true
			}
		}
		return !rest
	}
	return try(0, nil)
}

// anomalous says which anomalies a history has, straight from their definitions.
func anomalous(ops []plain) (names []string) {
	has := map[string]bool{}
	sent, acked, known, seen := map[int64]int{}, map[int64]bool{}, map[int64]int{}, map[int64]bool{}
	places := map[int64]map[int64]bool{} // value -> offsets
	polledAt := map[cell]bool{}
	learn := func(v int64, when int) {
		if k, found := known[v]; !found || when < k {
			known[v] = when
		}
	}
	put := func(v, offset int64) {
		if places[v] == nil {
			places[v] = map[int64]bool{}
		}
		places[v][offset] = true
	}
	for _, o := range ops {
		if o.send {
			sent[o.value] = o.call
			if o.ret < never {
				acked[o.value] = true
				learn(o.value, o.ret)
				if o.offset != none {
					put(o.value, o.offset)
				}
			}
		}
		for _, c := range o.cells {
			learn(c.value, o.ret)
			put(c.value, c.offset)
			polledAt[c] = true
			seen[c.value] = seen[c.value] || o.final
		}
	}
	ends := map[int64]bool{}
	run := map[[2]int64]int{}
	lastFrom := map[int]int64{}
	for _, o := range ops {
		if !o.final || o.ret == never {
			continue
		}
		k := [2]int64{int64(o.process), o.from}
		if from, found := lastFrom[o.process]; len(o.cells) > 0 || found && from != o.from {
			run[k] = 0
		}
		if lastFrom[o.process] = o.from; len(o.cells) == 0 {
			if run[k]++; run[k] >= 3 {
				ends[o.from] = true
			}
		}
	}
	read := func(offset int64) bool {
		return slices.ContainsFunc(ops, func(o plain) bool {
			return o.final && len(o.cells) > 0 && o.from <= offset && offset <= o.cells[len(o.cells)-1].offset
		})
	}
	lost := map[int64]bool{}
	for v := range known {
		if _, found := sent[v]; !found || seen[v] {
			continue
		}
		for end := range ends {
			whole := len(places[v]) == 0
			for at := range end {
				whole = whole && read(at)
			}
			lost[v] = lost[v] || whole
			for at := range places[v] {
				lost[v] = lost[v] || at >= end
			}
		}
		for at := range places[v] {
			lost[v] = lost[v] || read(at)
		}
		has["lost-write"] = has["lost-write"] || lost[v]
	}
	for v, at := range places {
		has["duplicate"] = has["duplicate"] || len(at) > 1
		for w, bt := range places {
			for offset := range at {
				has["inconsistent-offsets"] = has["inconsistent-offsets"] || v != w && bt[offset]
			}
			if _, a := sent[v]; !a || len(at) != 1 || len(bt) != 1 {
				continue
			}
			if _, b := sent[w]; !b {
				continue
			}
			for x := range at {
				for y := range bt {
					has["send-order"] = has["send-order"] || x < y && sent[v] > known[w]
				}
			}
		}
	}
	for _, o := range ops {
		past := o.from
		for _, c := range o.cells {
			if begun, found := sent[c.value]; !found || begun > o.ret {
				has["phantom"] = true
			}
			has["nonmonotonic-poll"] = has["nonmonotonic-poll"] || c.offset < past
			past = c.offset + 1
		}
		for v, at := range places {
			for offset := range at {
				if lost[v] || offset < o.from || len(at) > 1 && !polledAt[cell{offset, v}] {
					continue
				}
				// Between two entries that follow each other, or before the first.
				for k, c := range o.cells {
					before := o.from - 1
					if k > 0 {
						before = max(before, slices.MaxFunc(o.cells[:k], func(a, b cell) int { return int(a.offset - b.offset) }).offset)
					}
					has["poll-skip"] = has["poll-skip"] || before < offset && offset < c.offset
				}
			}
		}
	}
	for name := range has {
		if has[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestAgainstOracles(t *testing.T) {
	counts := map[string]int{}
	for seed := range *histories {
		h := generate(rand.New(rand.NewSource(int64(seed))))
		var text strings.Builder
		for i := range h.Len() {
			fmt.Fprintln(&text, h.At(i))
		}
		ops := plainly(h)
		want := anomalous(ops)
		var got []string
		for _, a := range New(Options{Linearizable: true}).Check(context.Background(), h, checkers.Budget{}).Anomalies {
			got = append(got, a.Name)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: got %v, want %v:\n%s", seed, got, want, &text)
		}
		// A log that lost its end goes on as if that had never been; any other anomaly has
		// no order, and what has no order is an anomaly.
		allowed := legal(ops)
		accused := slices.ContainsFunc(got, func(name string) bool { return name != "lost-write" })
		if allowed && accused || !allowed && len(got) == 0 {
			t.Fatalf("seed %d: an order exists: %v, but got %v:\n%s", seed, allowed, got, &text)
		}
		for _, name := range got {
			counts[name]++
		}
		counts[fmt.Sprint("legal ", allowed)]++
	}
	t.Log(counts)
	for _, name := range []string{"lost-write", "duplicate", "phantom", "inconsistent-offsets", "nonmonotonic-poll", "poll-skip", "send-order", "legal true", "legal false"} {
		if counts[name] < *histories/200 {
			t.Errorf("too few of %s to mean anything: %v", name, counts)
		}
	}
}

// BenchmarkLong measures a log of fifty thousand values that ten final readers read whole.
func BenchmarkLong(b *testing.B) {
	const values, batch = 50_000, 200
	h := &history.History{}
	add := func(p int, f string, arg, result history.Value) {
		h.Append(history.Op{Process: p, Type: history.Invoke, F: f, Value: arg})
		h.Append(history.Op{Process: p, Type: history.OK, F: f, Value: result})
	}
	for v := range int64(values) {
		add(0, "send", history.Int(v), history.List([]int64{v, v}))
	}
	for p := range 10 {
		for at := int64(0); at < values; at += batch {
			var ns []int64
			for v := at; v < at+batch; v++ {
				ns = append(ns, v, v)
			}
			add(p, "poll", history.Int(at), history.List(ns))
		}
	}
	for b.Loop() {
		if r := New(Options{Linearizable: true}).Check(context.Background(), h, checkers.Budget{}); r.Valid != checkers.Valid {
			b.Fatal(r)
		}
	}
}
