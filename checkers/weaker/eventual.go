package weaker

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
)

// Eventual returns a checker of what is promised of registers once writes have stopped and
// the cluster has healed, judged by the reads of the phase named "final":
//
//   - Replicas agree (Vogels, CACM 2009): any two final reads of a key are the same, unless
//     one of them shows a write in doubt that nobody had seen before: it may just have taken
//     effect, and the replicas begin anew to agree on it. Else that is a divergence.
//   - No acknowledged write is gone that nothing later overwrote (only counted for
//     model.Eventual, demanded by model.NoLostWrite): see lost.go. Else that is a lost write.
//
// A store may mend its replicas when it is read. So where processes read a key twice in the
// final phase, only reads count that began when the first of them began its second one.
//
// A history without a final phase does not say that anybody waited for the replicas to
// agree; what is to be said of it is not known.
func Eventual(m model.Model) checkers.Checker { return eventual{m} }

type eventual struct{ model model.Model }

func (c eventual) Name() string { return string(c.model) }

func (c eventual) Check(ctx context.Context, h *history.History, budget checkers.Budget) checkers.Result {
	result := checkers.Result{Checker: c.Name()}
	budget = budget.OrDefault()
	if why := room(int64(h.Len())*bytesPerEnding, budget.Memory); why != "" {
		result.Doubt("the history", why)
		return result
	}
	if _, known := checkers.FinalPhase(h); !known {
		result.Doubt("the history", "it has no final phase, so it does not say whether anybody waited for the replicas to agree")
		return result
	}
	ctx, cancel := context.WithTimeout(ctx, budget.Time)
	defer cancel()
	written, judged, reads, diverged, lost := 0, 0, 0, 0, 0
	accuse := func(a *checkers.Anomaly) {
		result.Valid = checkers.Invalid
		if len(result.Anomalies) < maxAnomalies {
			result.Anomalies = append(result.Anomalies, *a)
		}
	}
	for _, e := range endings(h) {
		if e.Fault == "" && ctx.Err() != nil {
			e.Fault = "no time was left for it"
		}
		if e.Fault != "" {
			result.Doubt(e.name(), e.Fault)
			continue
		}
		if len(e.writes) == 0 {
			continue
		}
		written++
		finals := e.judged()
		if len(finals) == 0 {
			continue
		}
		judged, reads = judged+1, reads+len(finals)
		if a := e.phantom(finals); a != nil {
			accuse(a)
			continue
		}
		if a := e.divergence(finals); a != nil {
			diverged++
			accuse(a)
		}
		if a := e.lostWrite(finals); a != nil {
			lost++
			if c.model != model.Eventual {
				accuse(a)
			}
		}
	}
	if written > 0 && judged == 0 && result.Valid == checkers.Valid {
		result.Doubt("the history", "no final read of a key that was written succeeded")
	}
	result.Count("keys written", written, "")
	result.Count("keys read at the end", judged, "")
	result.Count("final reads", reads, "that count")
	result.Count("keys that diverged", diverged, "two final reads of them differ")
	result.Count("keys with lost writes", lost, "an acknowledged write is gone that nothing later overwrote")
	return result
}

// bytesPerEnding is what an event of a history needs at most.
const bytesPerEnding = 250

// later than any event: the return of an operation in doubt, a moment that did not come.
const later = math.MaxInt

// mutation is a write or compare-and-set that may have happened.
type mutation struct {
	call, ret int // ret is later where it is in doubt
	value     history.Value
	replaced  history.Value // what a compare-and-set replaced
	cas       bool
	// knew is the last event at which its process had learnt of the key, or none: the
	// completion of what it did there before.
	knew int
	// cameAbout is the event by which it certainly had taken effect, and after the one by
	// which it certainly had not yet; see lost.go.
	cameAbout, after int
}

// finding is a read: of one value, of none, or of siblings.
type finding struct {
	call, ret int
	process   int
	values    []history.Value // in order
	siblings  bool
}

// ending is one key: what was written to it, and what was found.
type ending struct {
	checkers.Subject
	writes   []mutation
	writer   map[history.Value]int32
	rejected map[history.Value]int // a write of it that certainly failed
	findings []finding             // by completion
	knew     map[int]int           // by process
	ended    int                   // the last completion of a mutation that is not in doubt
}

// endings splits a history into its keys, in order of first use.
func endings(h *history.History) []*ending {
	begin := func(of checkers.Subject) *ending {
		return &ending{Subject: of, writer: map[history.Value]int32{}, rejected: map[history.Value]int{}, knew: map[int]int{}, ended: none}
	}
	all := checkers.Gather(h, begin, (*ending).take)
	for _, e := range all {
		e.timeWrites()
	}
	return all
}

func (e *ending) take(i int, op history.Op, match []int32) {
	if op.Type == history.Invoke {
		e.invoke(i, op, match)
		return
	}
	call := int(match[i])
	if call < 0 || op.Type == history.Info {
		return
	}
	found := finding{call: call, ret: i, process: op.Process, siblings: op.F == "siblings"}
	value, seen := checkers.SeenByCAS(op)
	switch {
	case op.F == "read" && op.Type == history.OK:
		value, seen = op.Value, true
	case op.F == "siblings" && op.Type == history.OK:
		for _, n := range op.Value.Ints() {
			found.values = append(found.values, history.Int(n))
		}
		slices.SortFunc(found.values, func(a, b history.Value) int { return int(min(1, max(-1, a.A-b.A))) })
		found.values = slices.Compact(found.values)
		seen = true
	case op.F == "write" || op.F == "cas":
		e.ended = i
	}
	if seen {
		if !found.siblings && !value.IsNil() {
			found.values = []history.Value{value}
		}
		e.findings = append(e.findings, found)
	}
	if seen || op.Type == history.OK {
		e.knew[op.Process] = i
	}
}

func (e *ending) invoke(i int, op history.Op, match []int32) {
	w := mutation{call: i, ret: later, value: op.Value, knew: none}
	switch op.F {
	case "read", "siblings":
		return
	case "write":
	case "cas":
		var ok bool
		if w.replaced, w.value, ok = checkers.OldAndNew(op.Value); !ok {
			e.Reject("operation %d is a cas of %s, not of a pair", i, op.Value)
			return
		}
		w.cas = true
	default:
		e.Reject("operation %d is %q, which a register does not have", i, op.F)
		return
	}
	if end := match[i]; end >= 0 {
		switch e.H.At(int(end)).Type {
		case history.Fail:
			e.rejected[w.value] = i
			return
		case history.OK:
			w.ret = int(end)
		}
	}
	if at, found := e.knew[op.Process]; found {
		w.knew = at
	}
	if other, found := e.writer[w.value]; found {
		e.Reject("%s is written twice, by operations %d and %d, so nobody can tell which one was read", w.value, e.writes[other].call, i)
		return
	}
	e.writer[w.value] = int32(len(e.writes))
	e.writes = append(e.writes, w)
}

// judged are the final reads that count.
func (e *ending) judged() []finding {
	return checkers.LastReads(&e.Subject, e.findings, e.ended, func(f finding) (call, process int) { return f.call, f.process })
}

// phantom finds a value among siblings that nobody wrote. What single values there are is
// looked at by the measure of staleness.
func (e *ending) phantom(finals []finding) *checkers.Anomaly {
	for _, f := range finals {
		for _, v := range f.values {
			if _, written := e.writer[v]; written || !f.siblings {
				continue
			}
			text, proof := "which nobody had written", []int{f.call, f.ret}
			if at, found := e.rejected[v]; found {
				text, proof = fmt.Sprintf("though %s's write of it certainly failed", e.Who(at)), append(proof, at)
			}
			return e.accuse("phantom-value", fmt.Sprintf("%s found %s, %s", e.Who(f.ret), e.found(f), text), proof)
		}
	}
	return nil
}

// divergence finds two final reads that differ.
func (e *ending) divergence(finals []finding) *checkers.Anomaly {
	began := later
	for _, f := range finals {
		began = min(began, f.call)
	}
	fresh := func(v history.Value) bool {
		w, found := e.writer[v]
		return found && e.writes[w].ret == later && e.writes[w].cameAbout >= began
	}
	first := -1
	for i, f := range finals {
		if slices.ContainsFunc(f.values, fresh) {
			continue
		}
		if first < 0 {
			first = i
		}
		g := finals[first]
		if slices.Equal(f.values, g.values) {
			continue
		}
		return e.accuse("divergence", fmt.Sprintf("after healing %s found %s at %s and %s found %s at %s, with no write in between: the replicas do not agree",
			e.Who(g.ret), e.found(g), e.When(g.ret), e.Who(f.ret), e.found(f), e.When(f.ret)), append(e.proof(f), e.proof(g)...))
	}
	return nil
}

// found is what a read found, in words.
func (e *ending) found(f finding) string {
	switch {
	case len(f.values) == 0:
		return "nothing"
	case !f.siblings:
		return f.values[0].String()
	}
	ns := make([]int64, len(f.values))
	for i, v := range f.values {
		ns[i] = v.A
	}
	return "the siblings " + history.List(ns).String()
}

// proof are the events of a read and of the writes that it saw.
func (e *ending) proof(f finding) []int {
	events := []int{f.call, f.ret}
	for _, v := range f.values {
		if w, found := e.writer[v]; found {
			events = append(events, e.writes[w].call, e.writes[w].ret)
		}
	}
	return events
}

func (e *ending) accuse(name, text string, events []int) *checkers.Anomaly {
	events = slices.DeleteFunc(events, func(at int) bool { return at == later })
	slices.Sort(events)
	a := &checkers.Anomaly{Name: name, Sentence: text, Ops: slices.Compact(events)}
	if e.Keyed {
		key := e.Key
		a.Key, a.Sentence = &key, fmt.Sprintf("on key %s, %s", e.KeyName(), text)
	}
	return a
}

func (e *ending) name() string {
	if !e.Keyed {
		return "the register"
	}
	return "key " + e.KeyName()
}
