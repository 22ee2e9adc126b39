// Package report turns a run into report.html: one page, whole in itself, that says what
// was run, what came of it and why, to somebody who was not there.
//
// The one idea: the page is drawn on this side. Everything in it is a template over plain
// data, so that whatever a system under test wrote into a value or an error is escaped in
// one place; pictures are inline SVG on one time axis, with the faults shaded in all of
// them; and its size is bounded, however long the run was. It needs neither network nor
// scripts.
//
// Start with Run (data.go), which is what a report is made of, and Render.
package report

import (
	"bufio"
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/availability"
	"github.com/faultline-dev/faultline/checkers/perf"
	"github.com/faultline-dev/faultline/checkers/stats"
	"github.com/faultline-dev/faultline/harness/history"
)

var (
	//go:embed page.html
	pageText string
	//go:embed charts.html
	chartsText string
	//go:embed style.html
	styleText string
	page      = template.Must(template.New("page").Parse(pageText + chartsText + styleText))
)

// Render writes the report of a run.
func Render(w io.Writer, r Run) error {
	buf := bufio.NewWriter(w)
	if err := page.Execute(buf, look(r)); err != nil {
		return fmt.Errorf("render report: %w", err)
	}
	return buf.Flush()
}

// view is what the template shows, in order.
type view struct {
	Run
	Cards     []card
	Anomalies []anomaly
	More      int // anomalies that there was no room for
	Faults    []faultRow
	MoreFault int
	Charts    charts
	Nodes     []nodeRow
	Kinds     []stats.By
	All       stats.Counts
	Latencies []latencyRow
	Health    []healthRow
	Unknowns  []checkers.Result
	Figures   []figureTable
}

// card is a number that a reader looks for first.
type card struct{ Name, Value, Note string }

// latencyRow is the latency of one kind of operation.
type latencyRow struct {
	F                  string
	P50, P95, P99, Max string
}

// nodeRow is what the clients of one node got.
type nodeRow struct {
	Name                string
	Attempted, Answered int
	Share               string
}

// healthRow is a measure of the harness itself, at its worst.
type healthRow struct {
	Name  string
	Worst string
	At    string
}

// buckets is into how many stretches of time the charts divide the run.
const buckets = 200

// look works out what the page shows.
func look(r Run) view {
	v := view{Run: r}
	h := r.History
	if h == nil {
		h = &history.History{}
	}
	ops, faults := newOperations(h), checkers.Faults(h)
	colours := newPalette(faults)
	v.Anomalies, v.More = anomalies(ops, faults, colours, r.Results)
	v.Unknowns, v.Figures = unknowns(r.Results), figures(r.Results)
	counts := stats.Count(h)
	v.All, v.Kinds = counts.All, counts.Kinds
	avail := availability.Measure(h)
	v.Faults, v.MoreFault = faultRows(avail.Faults)
	series := perf.Measure(h, buckets)
	for _, k := range series.Kinds {
		q := k.Latencies
		if q == (perf.Quantiles{}) {
			continue
		}
		v.Latencies = append(v.Latencies, latencyRow{k.F, checkers.Span(q.P50), checkers.Span(q.P95), checkers.Span(q.P99), checkers.Span(q.Max)})
	}
	for _, n := range avail.Nodes {
		v.Nodes = append(v.Nodes, nodeRow{n.Name, n.Attempted, n.Answered, percent(n.Answered, n.Attempted)})
	}
	v.Health = health(h)
	v.Cards = cards(h, avail, counts)
	v.Charts = draw(ops, faults, colours, series, avail, r.Results)
	return v
}

func cards(h *history.History, a availability.Availability, s stats.Stats) []card {
	cs := []card{
		{"operations", grouped(s.All.Invoked), fmt.Sprintf("%s ok, %s fail, %s info", grouped(s.All.OK), grouped(s.All.Fail), grouped(s.All.Info))},
		{"duration", checkers.Span(checkers.End(h)), "of the cluster's time"},
	}
	if a.Attempted == 0 {
		return cs
	}
	cs = append(cs, card{"answered", percent(a.Answered, a.Attempted), "of what clients asked"})
	if out := a.Outage.Length(); out > 0 {
		cs = append(cs, card{"longest outage", checkers.Span(out), "no client got an answer from " + checkers.At(a.Outage.From)})
	}
	worst, found := int64(0), 0
	for _, f := range a.Faults {
		if f.Failover >= 0 {
			worst, found = max(worst, f.Failover), found+1
		}
	}
	if found > 0 {
		cs = append(cs, card{"slowest failover", checkers.Span(worst), fmt.Sprintf("from a fault's start to the next answer; %d faults", found)})
	}
	return cs
}

// health finds the worst of each measure of the harness itself.
func health(h *history.History) []healthRow {
	var rows []healthRow
	worst := map[string]history.Event{}
	var names []string
	lost := 0
	for _, e := range h.Telemetry() {
		switch e.Kind {
		case history.EventLost:
			lost++
		case history.EventHealth:
			w, found := worst[e.Name]
			if !found {
				names = append(names, e.Name)
			}
			if !found || e.N > w.N {
				worst[e.Name] = e
			}
		}
	}
	for _, name := range names {
		rows = append(rows, healthRow{name, checkers.Span(worst[name].N), checkers.At(worst[name].Time)})
	}
	if lost > 0 {
		rows = append(rows, healthRow{Name: "client calls left behind", Worst: grouped(lost)})
	}
	return rows
}

func percent(part, whole int) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f%%", 100*float64(part)/float64(whole))
}

// grouped writes a number with its thousands set apart.
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
