package report

import (
	"fmt"
	"math"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/availability"
	"github.com/faultline-dev/faultline/checkers/perf"
	"github.com/faultline-dev/faultline/harness/history"
)

// charts are the pictures over the run's time, one above the other.
type charts struct {
	Legend   []legend
	Cluster  *strip
	Timeline *timeline
	Latency  []latencyChart
	Rate     *rateChart
	Answered *answeredChart
	Clocks   *clocksChart
}

// legend names the colour of a nemesis.
type legend struct{ Class, Label string }

// Any is whether there is anything to draw.
func (cs charts) Any() bool { return cs.Cluster != nil || cs.Timeline != nil || cs.Clocks != nil }

func draw(ops *operations, faults []checkers.Fault, colours palette, series perf.Series, a availability.Availability, results []checkers.Result) charts {
	h := ops.h
	var cs charts
	c := clock{end: checkers.End(h)}
	if c.end == 0 {
		return cs
	}
	shaded := shades(c, faults, colours)
	for _, name := range colours {
		cs.Legend = append(cs.Legend, legend{colours.class(name), cut(name, maxText)})
	}
	cs.Cluster = drawCluster(c, h, faultRowsOf(c, faults, colours))
	cs.Timeline = ops.draw(c, shaded, proofs(results))
	for _, k := range series.Kinds {
		cs.Latency = append(cs.Latency, drawLatency(c, series, k, shaded))
	}
	if len(series.Kinds) > 0 {
		cs.Rate = drawRate(c, series, shaded)
		cs.Answered = drawAnswered(c, h, a, shaded)
	}
	cs.Clocks = drawClocks(c, h, shaded)
	return cs
}

// proofs are the events that anomalies name.
func proofs(results []checkers.Result) []int {
	var events []int
	for _, r := range results {
		for _, a := range r.Anomalies {
			events = append(events, a.Ops...)
			if len(events) > 1000 {
				return events[:1000]
			}
		}
	}
	return events
}

// classes of points, bars and lines by how an operation ended.
var classes = [...]string{history.Invoke: "open", history.OK: "ok", history.Fail: "fail", history.Info: "info"}

// latencyChart is the latency of one kind of operation over time.
type latencyChart struct {
	frame
	Points []dots
	Lines  []line
	Drawn  string // how many operations how many points stand for
}

// dots are the points of one class: a path of strokes without length.
type dots struct{ Class, D string }

// line is a line through a chart.
type line struct{ Class, Label, D string }

func drawLatency(c clock, s perf.Series, k perf.Kind, shaded []span) latencyChart {
	f := c.frame("Latency of "+k.F, "logarithmic, by the time of the invocation", 220, shaded)
	lo, hi := int64(math.MaxInt64), int64(0)
	for _, p := range k.Points {
		lo, hi = min(lo, p.Latency), max(hi, p.Latency)
	}
	l := level{f: f, log: true}
	l.lo = math.Pow(10, math.Floor(math.Log10(float64(max(1000, lo)))))
	l.hi = math.Pow(10, math.Ceil(math.Log10(float64(max(10*int64(l.lo), hi)))))
	for v := l.lo; v <= l.hi*1.001; v *= 10 {
		l.f.YTicks = append(l.f.YTicks, tick{l.y(v), checkers.Span(int64(v + 0.5))})
	}
	chart := latencyChart{frame: l.f}
	var byType [4]path
	for _, p := range k.Points {
		d := &byType[p.Type&3]
		d.move(c.x(p.Time), l.y(float64(p.Latency)))
		d.right(0)
	}
	for t := range byType {
		if byType[t].Len() > 0 {
			chart.Points = append(chart.Points, dots{classes[t], byType[t].String()})
		}
	}
	for _, q := range []struct {
		class, label string
		of           func(perf.Quantiles) int64
	}{
		{"p50", "p50", func(q perf.Quantiles) int64 { return q.P50 }},
		{"p99", "p99", func(q perf.Quantiles) int64 { return q.P99 }},
	} {
		var d path
		drawing := false
		for i, b := range k.Buckets {
			v := q.of(b.Latencies)
			if v == 0 {
				drawing = false
				continue
			}
			x, y := c.x(int64(i)*s.Width+s.Width/2), l.y(float64(v))
			if drawing {
				d.line(x, y)
			} else {
				d.move(x, y)
				d.right(0.1)
			}
			drawing = true
		}
		chart.Lines = append(chart.Lines, line{q.class, q.label, d.String()})
	}
	if len(k.Points) < k.Completed {
		chart.Drawn = fmt.Sprintf("%s points stand for %s operations: those that would fall on the same spot are drawn once.", grouped(len(k.Points)), grouped(k.Completed))
	}
	return chart
}

// rateChart is the throughput over time.
type rateChart struct {
	frame
	Lines []line
}

func drawRate(c clock, s perf.Series, shaded []span) *rateChart {
	seconds := float64(s.Width) / 1e9
	rates := []struct {
		class, label string
		of           func(perf.Bucket) int
		values       []float64
	}{
		{class: "ok", label: "ok", of: func(b perf.Bucket) int { return b.OK }},
		{class: "fail", label: "fail", of: func(b perf.Bucket) int { return b.Fail }},
		{class: "info", label: "info", of: func(b perf.Bucket) int { return b.Info }},
	}
	top := 1.0
	for i := range rates {
		rates[i].values = make([]float64, len(s.Kinds[0].Buckets))
		for _, k := range s.Kinds {
			for n, b := range k.Buckets {
				rates[i].values[n] += float64(rates[i].of(b)) / seconds
				top = max(top, rates[i].values[n])
			}
		}
	}
	l := level{f: c.frame("Throughput", "completions a second, all operations together", 180, shaded), hi: round(top)}
	for i := range 5 {
		v := l.hi * float64(i) / 4
		l.f.YTicks = append(l.f.YTicks, tick{l.y(v), fmt.Sprintf("%.4g/s", v)})
	}
	chart := &rateChart{frame: l.f}
	for _, r := range rates {
		var d path
		any := false
		for i, v := range r.values {
			any = any || v > 0
			x, y := c.x(int64(i)*s.Width+s.Width/2), l.y(v)
			if i == 0 {
				d.move(x, y)
			} else {
				d.line(x, y)
			}
		}
		if any {
			chart.Lines = append(chart.Lines, line{r.class, r.label, d.String()})
		}
	}
	return chart
}

// answeredChart is the share of the completions that were answers, over time.
type answeredChart struct {
	frame
	Bars   []share
	Outage *span
	Length string
}

// share is a bar of the answered chart.
type share struct {
	X, Y, W, H px
	Title      string
}

func drawAnswered(c clock, h *history.History, a availability.Availability, shaded []span) *answeredChart {
	l := level{f: c.frame("Answered", "share of the operations completed that the system answered", 120, shaded), hi: 1}
	for _, v := range []float64{0, 0.5, 1} {
		l.f.YTicks = append(l.f.YTicks, tick{l.y(v), fmt.Sprintf("%.0f%%", 100*v)})
	}
	chart := &answeredChart{frame: l.f}
	width := c.end/buckets + 1
	var answered, completed [buckets]int
	for i := range h.Len() {
		op := h.At(i)
		if op.Process < 0 || op.Type == history.Invoke {
			continue
		}
		b := min(max(0, int(op.Time/width)), buckets-1)
		completed[b]++
		if availability.Answered(op) {
			answered[b]++
		}
	}
	for b, n := range completed {
		if n == 0 {
			continue
		}
		from := int64(b) * width
		x, top := c.x(from), l.y(float64(answered[b])/float64(n))
		chart.Bars = append(chart.Bars, share{x, top, c.x(from+width) - x, l.f.Bottom - top,
			fmt.Sprintf("%s: %s of %s answered", checkers.At(from), grouped(answered[b]), grouped(n))})
	}
	if a.Outage.Length() > 0 {
		out := c.span(a.Outage.From, a.Outage.To, "outage", "the longest outage, from "+checkers.At(a.Outage.From)+" to "+checkers.At(a.Outage.To))
		chart.Outage, chart.Length = &out, checkers.Span(a.Outage.Length())
	}
	return chart
}

// clocksChart is how far the nodes' wall clocks were off.
type clocksChart struct {
	frame
	Lines []line
}

func drawClocks(c clock, h *history.History, shaded []span) *clocksChart {
	type series struct {
		times, offsets []int64
	}
	nodes := map[string]*series{}
	var names []string
	top := int64(0)
	for _, e := range h.Telemetry() {
		if e.Kind != history.EventClock {
			continue
		}
		s := nodes[e.Node]
		if s == nil {
			s = &series{}
			nodes[e.Node], names = s, append(names, e.Node)
		}
		s.times, s.offsets = append(s.times, e.Time), append(s.offsets, e.N)
		top = max(top, e.N, -e.N)
	}
	if top == 0 {
		return nil
	}
	sortNodes(names)
	l := level{f: c.frame("Clocks", "how far each node's wall clock was ahead of true time", 140, shaded), hi: round(float64(top))}
	l.lo = -l.hi
	for _, v := range []float64{l.lo, 0, l.hi} {
		label := checkers.Span(int64(math.Abs(v)))
		if v < 0 {
			label = "-" + label
		}
		l.f.YTicks = append(l.f.YTicks, tick{l.y(v), label})
	}
	chart := &clocksChart{frame: l.f}
	for i, name := range names {
		s := nodes[name]
		var d path
		d.move(c.x(s.times[0]), l.y(float64(s.offsets[0])))
		stride := len(s.times)/1000 + 1
		for k := 1; k < len(s.times); k++ {
			if k%stride == 0 || k == len(s.times)-1 {
				d.line(c.x(s.times[k]), l.y(float64(s.offsets[k-1])))
				d.line(c.x(s.times[k]), l.y(float64(s.offsets[k])))
			}
		}
		d.line(c.x(c.end), l.y(float64(s.offsets[len(s.offsets)-1])))
		chart.Lines = append(chart.Lines, line{fmt.Sprintf("n%d", i%8), name, d.String()})
	}
	return chart
}
