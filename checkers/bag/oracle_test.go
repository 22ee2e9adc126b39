package bag

import (
	"context"
	"math/rand"
	"slices"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// plain is an operation as the oracle sees it.
type plain struct {
	f         string
	call, ret int
	process   int
	element   int64
	read      []int64
	final     bool
}

const forever = 1 << 40

func plainly(h *history.History) (ops []plain) {
	phase := h.Telemetry()[0].Time
	for i := range h.Len() {
		e := h.At(i)
		if e.Type != history.Invoke {
			continue
		}
		o := plain{f: e.F, call: i, ret: forever, process: e.Process, element: e.Value.A, final: e.F == "read" && e.Time >= phase}
		drop := e.F == "read"
		for j := i + 1; j < h.Len(); j++ {
			if c := h.At(j); c.Process == e.Process {
				if c.Type == history.OK {
					o.ret, drop = j, false
					o.read = c.Value.Ints()
				}
				drop = drop || c.Type == history.Fail
				break
			}
		}
		if !drop {
			ops = append(ops, o)
		}
	}
	return ops
}

// outcomes tries whatever may have happened to an element: operations in doubt took effect
// or not, and each remove had observed each add or not, unless clients can tell. It says
// whether the element can be there in the end, and whether it can be gone.
func outcomes(ops []plain, element int64) (there, gone bool) {
	var adds, removes []plain
	for _, o := range ops {
		switch {
		case o.element != element || o.f == "read":
		case o.f == "add":
			adds = append(adds, o)
		default:
			removes = append(removes, o)
		}
	}
	// can says whether a remove that took effect may, and may not, have observed an add.
	can := func(r, a plain) (yes, no bool) {
		if r.ret < a.call {
			return false, true
		}
		if a.process == r.process && a.ret < r.call {
			return true, false
		}
		for _, seen := range ops {
			if seen.f != "read" || seen.process != r.process || seen.ret > r.call || !slices.Contains(seen.read, element) {
				continue
			}
			var origins []plain
			for _, b := range adds {
				if b.call < seen.ret {
					origins = append(origins, b)
				}
			}
			if len(origins) == 1 && origins[0].call == a.call {
				return true, false
			}
		}
		return true, true
	}
	// For each add: can it survive all removes, and can it be removed?
	anyMust, allCanGo := false, true
	for _, a := range adds {
		survive, removable := true, false
		for _, r := range removes {
			yes, no := can(r, a)
			removable = removable || yes
			if r.ret < forever && !no {
				survive = false
			}
		}
		there = there || survive
		acked := a.ret < forever
		if acked && !removable {
			anyMust = true
		}
		allCanGo = allCanGo && (removable || !acked)
	}
	return there, allCanGo && !anyMust
}

// accused says which anomalies of removal a history has.
func accused(ops []plain, elements int64) map[string]bool {
	var finals []plain
	second := forever
	for _, a := range ops {
		for _, b := range ops {
			if a.final && b.final && a.process == b.process && a.ret < b.call {
				second = min(second, b.call)
			}
		}
	}
	began := forever
	for _, o := range ops {
		if o.final && (second == forever || o.call >= second) {
			finals, began = append(finals, o), min(began, o.call)
		}
	}
	found := map[string]bool{}
	for e := int64(1); e <= elements; e++ {
		there, gone := outcomes(ops, e)
		in, out := 0, 0
		for _, f := range finals {
			if slices.Contains(f.read, e) {
				in++
			} else {
				out++
			}
		}
		added, doubt, seen := 0, 0, false
		for _, o := range ops {
			if o.f == "add" && o.element == e {
				added++
			}
			if o.element == e && o.f != "read" && o.ret == forever {
				if doubt++; o.f == "remove" {
					doubt = 100
				}
			}
			seen = seen || o.f == "read" && o.ret < began && slices.Contains(o.read, e)
		}
		found["lost-element"] = found["lost-element"] || !gone && out > 0
		found["resurrected"] = found["resurrected"] || !there && added > 0 && in > 0
		found["divergence"] = found["divergence"] || in > 0 && out > 0 && (doubt == 0 || doubt == 1 && added == 1 && seen)
	}
	return found
}

// wild is a history of no store at all: reads see anything.
func wild(r *rand.Rand, elements int64) *history.History {
	h := &history.History{}
	busy, process, names := make([]*history.Op, 3), []int{0, 1, 2}, 3
	draw := func() (ns []int64) {
		for v := int64(1); v <= elements; v++ {
			if r.Intn(2) == 0 {
				ns = append(ns, v)
			}
		}
		return ns
	}
	for started, ops := 0, 2+r.Intn(8); started < ops || slices.ContainsFunc(busy, func(o *history.Op) bool { return o != nil }); {
		p := r.Intn(3)
		if busy[p] == nil {
			started++
			op := history.Op{Time: int64(h.Len()), Process: process[p], F: []string{"add", "add", "remove", "remove", "read"}[r.Intn(5)]}
			if op.F != "read" {
				op.Value = history.Int(1 + r.Int63n(elements))
			}
			h.Append(op)
			busy[p] = &op
			continue
		}
		op := *busy[p]
		busy[p] = nil
		op.Type = history.OK
		switch {
		case op.F == "read":
			op.Value = history.List(draw())
		case r.Intn(6) == 0:
			if op.Type = history.Info; r.Intn(2) == 0 {
				op.Type = history.Fail
			}
			process[p] = names
			names++
		}
		h.Append(op)
	}
	h.Note(history.Event{Time: int64(h.Len()), Kind: history.EventPhase, Name: "final"})
	common := draw()
	for range 1 + r.Intn(4) {
		op := history.Op{Time: int64(h.Len()), Process: process[r.Intn(3)], F: "read"}
		h.Append(op)
		if op.Type, op.Value = history.OK, history.List(common); r.Intn(4) == 0 {
			op.Value = history.List(draw())
		}
		h.Append(op)
	}
	return h
}

// TestAgainstOracle holds the checker against what may have happened.
func TestAgainstOracle(t *testing.T) {
	const elements = 3
	counts := map[string]int{}
	for seed := range *histories {
		h := wild(rand.New(rand.NewSource(int64(seed))), elements)
		want := accused(plainly(h), elements)
		got := map[string]bool{}
		for _, a := range New().Check(context.Background(), h, checkers.Budget{}).Anomalies {
			got[a.Name] = true
			counts[a.Name]++
		}
		for _, name := range []string{"lost-element", "resurrected", "divergence"} {
			if got[name] != want[name] {
				t.Fatalf("seed %d: %s: %v, want %v\n%s", seed, name, got[name], want[name], dump(h))
			}
		}
		if len(got) == 0 {
			counts["valid"]++
		}
	}
	t.Log(counts)
	for _, name := range []string{"valid", "lost-element", "resurrected", "divergence", "phantom-element"} {
		if counts[name] < *histories/100 {
			t.Errorf("too few of %s to mean anything: %v", name, counts)
		}
	}
}
