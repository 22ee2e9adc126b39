package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/linearizable"
	"github.com/faultline-dev/faultline/checkers/stats"
	"github.com/faultline-dev/faultline/harness/history"
)

func render(t testing.TB, r Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := Render(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// long is a history of n operations under faults; the last read is stale.
func long(n int) *history.History {
	h := &history.History{}
	for p := range 5 {
		h.Note(history.Event{Kind: history.EventAssign, N: int64(p), Node: fmt.Sprintf("n%d", p+1)})
		h.Note(history.Event{Kind: history.EventNodeUp, Node: fmt.Sprintf("n%d", p+1)})
	}
	value := int64(0)
	for i := range n {
		now, p := int64(i)*1_000_000, i%5
		if i%500 == 100 {
			h.Note(history.Event{Time: now, Kind: history.EventFaultStart, Name: "kill", Node: "n2", Text: "one: process of n2 gone"})
			h.Note(history.Event{Time: now, Kind: history.EventNodeDown, Node: "n2", Text: "killed"})
			h.Note(history.Event{Time: now, Kind: history.EventLeader, Node: "n1", N: int64(i)})
		}
		if i%500 == 300 {
			h.Note(history.Event{Time: now, Kind: history.EventNodeUp, Node: "n2"})
			h.Note(history.Event{Time: now, Kind: history.EventFaultEnd, Name: "kill", Node: "n2", N: 1, Text: "n2 restarted"})
			h.Note(history.Event{Time: now, Kind: history.EventClock, Node: "n3", N: int64(i) * 1000})
		}
		op := history.Op{Time: now, Process: p, F: "write", Keyed: true, Key: int64(i / 300), Value: history.Int(value + 1)}
		if i%2 == 1 {
			op.F, op.Value = "read", history.Nil
		} else {
			value++
		}
		h.Append(op)
		op.Time, op.Type = now+900_000, history.OK
		switch {
		case i == n-1:
			op.Value = history.Int(1)
		case op.F == "read":
			op.Value = history.Int(value)
		}
		h.Append(op)
	}
	return h
}

func sample(t testing.TB, n int) Run {
	h := long(n)
	results := checkers.All(t.Context(), h, checkers.Budget{}, linearizable.Register(), stats.Checker())
	return Run{
		Title: "raft · register · kill", Verdict: checkers.Verdict(results), Summary: "a summary", Seed: "7",
		Reproduce: "faultline run --seed 7", Results: results, History: h,
		Nemeses: []Nemesis{{Name: "kill", Injected: 3, Bit: 3, Evidence: "n2 restarted"}},
		Config:  []Setting{{"target", "raft"}},
	}
}

// TestPage: the page tells what it is there to tell.
func TestPage(t *testing.T) {
	r := sample(t, 900)
	page := render(t, r)
	for _, want := range []string{
		`<span class="word">invalid`, "nonlinearizable", "no legal place", "The counterexample", "a failure by itself", "operations around it", "A legal order of the operations",
		"Latency of read", "Throughput", "Answered", "Clocks", "n2 down from", "n1 led from", "; the leader changed",
		"kill n2, from", "faultline run --seed 7", "p99",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "NaN") || strings.Contains(page, "%!") || strings.Contains(page, "Inf") {
		t.Error("a number went wrong")
	}
	if again := render(t, r); again != page {
		t.Error("the same run gave another page")
	}
}

// TestFromResultsFile: what a checker found draws the same picture when it comes from
// results.json, where its detail has become plain maps.
func TestFromResultsFile(t *testing.T) {
	r := sample(t, 900)
	b, err := json.Marshal(r.Results)
	if err != nil {
		t.Fatal(err)
	}
	stored := r
	stored.Results = nil
	if err := json.Unmarshal(b, &stored.Results); err != nil {
		t.Fatal(err)
	}
	if render(t, r) != render(t, stored) {
		t.Error("another page from the file")
	}
}

// TestHostileText: nothing that a system under test says reaches the page as markup.
func TestHostileText(t *testing.T) {
	const evil = `"'><script>alert(1)</script><img src=x onerror=alert(1)>`
	h := &history.History{}
	h.Append(history.Op{F: evil, Value: history.Text(evil)})
	h.Append(history.Op{Type: history.Info, F: evil, Value: history.Text(evil), Error: evil, Time: 5})
	for _, kind := range []history.EventKind{history.EventFaultStart, history.EventNodeDown, history.EventLeader, history.EventAssign, history.EventHealth} {
		h.Note(history.Event{Kind: kind, Node: evil, Name: evil, Text: evil})
	}
	page := render(t, Run{
		Title: evil, Summary: evil, Promise: evil, Crash: evil, Torn: evil, Reproduce: evil, Version: evil,
		Config: []Setting{{evil, evil}}, Omitted: []string{evil}, Nemeses: []Nemesis{{Name: evil, Evidence: evil}},
		History: h, Results: []checkers.Result{{Checker: evil, Valid: checkers.Invalid, Reason: evil,
			Anomalies: []checkers.Anomaly{{Name: evil, Sentence: evil, Ops: []int{0, 1, 99, -1}, Detail: map[string]any{"kind": evil}}},
			Figures:   []checkers.Figure{{Name: evil, Unit: evil, Note: evil}}}},
	})
	if strings.Contains(page, "<script") || strings.Contains(page, "<img") {
		t.Error("markup of the system under test got through")
	}
}

// TestOddRuns: pages of runs in which little or nothing happened.
func TestOddRuns(t *testing.T) {
	only := &history.History{}
	only.Append(history.Op{F: "read"})
	for name, r := range map[string]Run{
		"nothing at all":  {},
		"an empty one":    {History: &history.History{}, Verdict: checkers.Unknown, Summary: "no operation"},
		"one never ended": {History: only},
	} {
		if page := render(t, r); !strings.Contains(page, "</html>") || strings.Contains(page, "NaN") {
			t.Errorf("%s: %d bytes", name, len(page))
		}
	}
}

// TestSize: however long the run, the page can be opened.
func TestSize(t *testing.T) {
	n := 300_000
	if testing.Short() {
		n = 30_000
	}
	r := Run{History: long(n)}
	if size := len(render(t, r)); size > 5<<20 {
		t.Errorf("the page of %d operations has %d bytes", n, size)
	}
}

// TestUnknown: what is not known, and why, stands above the pictures.
func TestUnknown(t *testing.T) {
	page := render(t, Run{Verdict: checkers.Unknown, Torn: "its last 12 bytes", History: long(50), Results: []checkers.Result{
		{Checker: "vacuity", Valid: checkers.Unknown, Reason: "no fault bit"},
	}})
	known, pictures := strings.Index(page, "no fault bit"), strings.Index(page, "Over time")
	if known < 0 || pictures < known {
		t.Errorf("the reason at %d, the pictures at %d", known, pictures)
	}
	if !strings.Contains(page, "its last 12 bytes") {
		t.Error("nothing tells that the history is torn")
	}
}

// TestAround: an anomaly without a picture of its own shows the operations of its time,
// and no others.
func TestAround(t *testing.T) {
	ops := newOperations(long(900))
	around := ops.around([]int{200, 203}, nil, nil)
	if around == nil || len(around.Marks) != 2 {
		t.Fatalf("%+v", around)
	}
	bars := 0
	for _, l := range around.Lanes {
		bars += len(l.Spans)
	}
	if bars < 2 || bars > 6 {
		t.Errorf("%d operations drawn around two", bars)
	}
	if ops.around([]int{-1, 1 << 30}, nil, nil) != nil {
		t.Error("something around events that are not there")
	}
}

// TestCounterexample: the operations that fail by themselves come first, by themselves.
func TestCounterexample(t *testing.T) {
	h := &history.History{}
	for i, o := range []struct {
		f     string
		value int64
	}{{"write", 1}, {"write", 7}, {"read", 7}, {"write", 2}, {"read", 2}, {"read", 7}} {
		op := history.Op{Time: int64(i) * 1e6, Process: i % 3, Type: history.Invoke, F: o.f}
		if o.f == "write" {
			op.Value = history.Int(o.value)
		}
		h.Append(op)
		op.Time, op.Type, op.Value = op.Time+1000, history.OK, history.Int(o.value)
		h.Append(op)
	}
	results := checkers.All(t.Context(), h, checkers.Budget{}, linearizable.Register())
	d := results[0].Anomalies[0].Detail.(linearizable.Detail)
	p := drawKey(d, nil, nil)
	if len(p.Bars) != 3 || len(p.Order) != 2 || p.Around == nil || len(p.Around.Bars) != 6 || len(p.Around.Order) != 5 {
		t.Errorf("%+v", p)
	}
	if !strings.Contains(p.Says, "These 3 operations fail by themselves, and none of them can be left out.") {
		t.Error(p.Says)
	}
}
