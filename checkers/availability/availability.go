// Package availability measures what of the time, and of what they asked for, clients got
// an answer.
//
// An operation was answered if it succeeded, or if it failed because the system looked and
// said no: a compare-and-set that did not match. An outage is a time in which clients
// waited and nobody got an answer; a client that was refused or given no answer goes on
// waiting until somebody gets one. Time after an answer in which nobody asks is no outage.
// Start with Measure.
package availability

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// Availability of a run. Times are nanoseconds since its start.
type Availability struct {
	Attempted, Answered int
	Outage              Span // the longest
	Nodes               []Node
	Faults              []Recovery
}

// Span is a stretch of time.
type Span struct{ From, To int64 }

// Length is how long it lasted.
func (s Span) Length() int64 { return s.To - s.From }

// Node is what the clients pinned to one node got.
type Node struct {
	Name                string
	Attempted, Answered int
}

// Recovery is how the clients fared with one fault. The times are those from its start, or
// its end, to the first answer to something asked after that; -1 if there was none.
type Recovery struct {
	checkers.Fault
	Failover   int64 // from its start, anywhere
	Recovered  int64 // from its end, anywhere
	Everywhere int64 // from its end, until clients of every node had an answer
}

// answer is an operation that was answered.
type answer struct{ asked, got int64 }

// answers are those of one node, or of all.
type answers []answer

// settle prepares for after: each answer's got becomes the earliest of those asked no
// sooner.
func (a answers) settle() {
	slices.SortStableFunc(a, func(x, y answer) int { return cmp.Compare(x.asked, y.asked) })
	for i := len(a) - 2; i >= 0; i-- {
		a[i].got = min(a[i].got, a[i+1].got)
	}
}

// after is how long after t the first answer came to something asked since, or -1.
func (a answers) after(t int64) int64 {
	i := sort.Search(len(a), func(i int) bool { return a[i].asked >= t })
	if t < 0 || i == len(a) {
		return -1
	}
	return a[i].got - t
}

// Measure measures a history.
func Measure(h *history.History) Availability {
	var a Availability
	pinned := map[int]string{}
	for _, e := range h.Telemetry() {
		if e.Kind == history.EventAssign {
			pinned[int(e.N)] = e.Node
		}
	}
	var all answers
	perNode, counts := map[string]answers{}, map[string]*Node{}
	match := h.Completions()
	waiting := int64(-1) // since when somebody has waited and nobody got an answer
	underway := 0
	outage := func(until int64) {
		if s := (Span{waiting, until}); waiting >= 0 && s.Length() > a.Outage.Length() {
			a.Outage = s
		}
	}
	last := int64(0)
	for i, other := range match {
		op := h.At(i)
		if op.Process < 0 {
			continue
		}
		last = op.Time
		node := counts[pinned[op.Process]]
		if node == nil {
			node = &Node{Name: pinned[op.Process]}
			counts[node.Name] = node
		}
		if op.Type == history.Invoke {
			a.Attempted++
			node.Attempted++
			if underway++; waiting < 0 {
				waiting = op.Time
			}
			continue
		}
		if other < 0 {
			continue
		}
		underway--
		if !Answered(op) {
			continue
		}
		a.Answered++
		node.Answered++
		got := answer{h.At(int(other)).Time, op.Time}
		all, perNode[node.Name] = append(all, got), append(perNode[node.Name], got)
		outage(op.Time)
		if waiting = -1; underway > 0 {
			waiting = op.Time
		}
	}
	outage(last)
	for name, n := range counts {
		if name != "" {
			a.Nodes = append(a.Nodes, *n)
		}
		perNode[name].settle()
	}
	slices.SortFunc(a.Nodes, func(x, y Node) int { return cmp.Compare(x.Name, y.Name) })
	all.settle()
	for _, f := range checkers.Faults(h) {
		r := Recovery{Fault: f, Failover: all.after(f.Start), Recovered: all.after(f.End), Everywhere: -1}
		for _, n := range a.Nodes {
			took := perNode[n.Name].after(f.End)
			if took < 0 {
				r.Everywhere = -1
				break
			}
			r.Everywhere = max(r.Everywhere, took)
		}
		a.Faults = append(a.Faults, r)
	}
	return a
}

// Answered reports whether a completion is an answer of the system.
func Answered(done history.Op) bool {
	return done.Type == history.OK || done.Type == history.Fail && strings.HasPrefix(done.Error, "mismatch")
}

// Checker returns the checker that reports the measurements as figures. It judges nothing.
func Checker() checkers.Checker { return checker{} }

type checker struct{}

func (checker) Name() string { return "availability" }

func (c checker) Check(_ context.Context, h *history.History, _ checkers.Budget) checkers.Result {
	a := Measure(h)
	result := checkers.Result{Checker: c.Name()}
	add := func(name string, value float64, unit, note string) {
		result.Figures = append(result.Figures, checkers.Figure{Name: name, Value: value, Unit: unit, Note: note})
	}
	if a.Attempted == 0 {
		return result
	}
	share := func(answered, attempted int) float64 { return float64(answered) / float64(max(1, attempted)) }
	add("answered", share(a.Answered, a.Attempted), "ratio", fmt.Sprintf("%d of %d operations", a.Answered, a.Attempted))
	for _, n := range a.Nodes {
		add("answered by "+n.Name, share(n.Answered, n.Attempted), "ratio", fmt.Sprintf("%d of %d operations", n.Answered, n.Attempted))
	}
	add("longest outage", float64(a.Outage.Length())/1e9, "s",
		fmt.Sprintf("from %s to %s no client got an answer", checkers.At(a.Outage.From), checkers.At(a.Outage.To)))
	for _, times := range []struct {
		name, note string
		of         func(Recovery) int64
	}{
		{"failover", "from a fault's start to the first answer to something asked after it", func(r Recovery) int64 { return r.Failover }},
		{"recovery", "from a fault's end to the first answer to something asked after it", func(r Recovery) int64 { return r.Recovered }},
		{"recovery everywhere", "from a fault's end until clients of every node had an answer", func(r Recovery) int64 { return r.Everywhere }},
	} {
		var known []int64
		for _, r := range a.Faults {
			if t := times.of(r); t >= 0 {
				known = append(known, t)
			}
		}
		if len(known) == 0 {
			continue
		}
		slices.Sort(known)
		note := fmt.Sprintf("%s; of %d", times.note, len(known))
		add(times.name+" p50", float64(known[len(known)/2])/1e9, "s", note)
		add(times.name+" max", float64(known[len(known)-1])/1e9, "s", note)
	}
	return result
}
