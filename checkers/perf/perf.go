// Package perf measures how long operations took and how many of them there were.
//
// The one idea: a history of a million operations is summed up in a bounded number of
// buckets of time and of points, few enough to draw, and nothing that stands out is lost:
// a point stands for all operations that would be drawn in the same spot, and says how
// many. Start with Measure.
package perf

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// Series are measurements over the time of a run.
type Series struct {
	End   int64  // the run's last moment, in nanoseconds since its start
	Width int64  // of a bucket
	Kinds []Kind // in alphabetical order
}

// Kind are the measurements of one kind of operation.
type Kind struct {
	F         string
	Completed int
	Latencies Quantiles // of those that succeeded
	Buckets   []Bucket
	Points    []Point
}

// Bucket is a stretch of time.
type Bucket struct {
	OK, Fail, Info int       // that completed in it
	Latencies      Quantiles // of those that were invoked in it and succeeded
}

// Quantiles of latencies, in nanoseconds; all zero if there was none.
type Quantiles struct{ P50, P95, P99, Max int64 }

// Point stands for operations that took about as long at about the same time.
type Point struct {
	Time    int64 // of the invocation of the first of them
	Latency int64
	Type    history.Type
	Count   int
}

// Points are told apart by time in so many steps, and by latency in so many of a decade.
const (
	pointSteps     = 300
	pointsPerTenth = 12
)

// Measure sums up a history in so many buckets of time.
func Measure(h *history.History, buckets int) Series {
	s := Series{End: checkers.End(h)}
	s.Width = max(1, s.End/int64(max(1, buckets))+1)
	type spot struct {
		step, height int32
		t            history.Type
	}
	type gathering struct {
		kind  Kind
		all   []int64
		each  [][]int64
		spots map[spot]int
	}
	kinds := map[string]*gathering{}
	match := h.Completions()
	for i, end := range match {
		if end < 0 || int(end) < i {
			continue
		}
		op, done := h.At(i), h.At(int(end))
		if op.Process < 0 {
			continue
		}
		g := kinds[op.F]
		if g == nil {
			g = &gathering{kind: Kind{F: op.F, Buckets: make([]Bucket, buckets)}, each: make([][]int64, buckets), spots: map[spot]int{}}
			kinds[op.F] = g
		}
		g.kind.Completed++
		took := max(0, done.Time-op.Time)
		b := &g.kind.Buckets[s.bucket(done.Time, buckets)]
		switch done.Type {
		case history.OK:
			b.OK++
			at := s.bucket(op.Time, buckets)
			g.all, g.each[at] = append(g.all, took), append(g.each[at], took)
		case history.Fail:
			b.Fail++
		default:
			b.Info++
		}
		where := spot{int32(op.Time * pointSteps / (s.End + 1)), int32(math.Log10(float64(took+1)) * pointsPerTenth), done.Type}
		if k, found := g.spots[where]; found {
			g.kind.Points[k].Count++
			continue
		}
		g.spots[where] = len(g.kind.Points)
		g.kind.Points = append(g.kind.Points, Point{Time: op.Time, Latency: took, Type: done.Type, Count: 1})
	}
	for _, g := range kinds {
		g.kind.Latencies = quantiles(g.all)
		for k, each := range g.each {
			g.kind.Buckets[k].Latencies = quantiles(each)
		}
		s.Kinds = append(s.Kinds, g.kind)
	}
	slices.SortFunc(s.Kinds, func(a, b Kind) int { return cmp.Compare(a.F, b.F) })
	return s
}

func (s Series) bucket(time int64, buckets int) int {
	return int(min(max(0, time/s.Width), int64(buckets-1)))
}

func quantiles(ns []int64) Quantiles {
	if len(ns) == 0 {
		return Quantiles{}
	}
	slices.Sort(ns)
	at := func(q float64) int64 { return ns[min(len(ns)-1, int(q*float64(len(ns))))] }
	return Quantiles{P50: at(0.50), P95: at(0.95), P99: at(0.99), Max: ns[len(ns)-1]}
}

// Checker returns the checker that reports the measurements as figures. It judges nothing.
func Checker() checkers.Checker { return checker{} }

type checker struct{}

func (checker) Name() string { return "perf" }

func (c checker) Check(_ context.Context, h *history.History, _ checkers.Budget) checkers.Result {
	result := checkers.Result{Checker: c.Name()}
	s := Measure(h, 1)
	ok := 0
	for _, k := range s.Kinds {
		succeeded := 0
		for _, b := range k.Buckets {
			succeeded += b.OK
		}
		if ok += succeeded; succeeded == 0 {
			continue
		}
		for _, q := range []struct {
			name  string
			value int64
		}{{"p50", k.Latencies.P50}, {"p95", k.Latencies.P95}, {"p99", k.Latencies.P99}, {"max", k.Latencies.Max}} {
			result.Figures = append(result.Figures, checkers.Figure{
				Name: k.F + " latency " + q.name, Value: float64(q.value) / 1e6, Unit: "ms", Note: "of those that succeeded",
			})
		}
	}
	if from, to := busy(h); to > from {
		result.Figures = append(result.Figures, checkers.Figure{
			Name: "throughput", Value: float64(ok) / (float64(to-from) / 1e9), Unit: "ops/s",
			Note: "that succeeded, from the first invocation to the last completion",
		})
	}
	return result
}

// busy is the time from the first to the last event of a client.
func busy(h *history.History) (from, to int64) {
	from = -1
	for i := range h.Len() {
		if op := h.At(i); op.Process >= 0 {
			if from < 0 {
				from = op.Time
			}
			to = op.Time
		}
	}
	return from, to
}
