package harness

import (
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/runtime"
)

// The harness watches its own health under the wall clock, so that a report can say when
// a latency or an outage may be the harness's own fault. A task that asks for a short
// sleep and wakes late was starved of CPU; the garbage collector's pauses are counted by
// the Go runtime. In a virtual world neither can show.

const (
	healthPeriod = 20 * time.Millisecond
	lateWake     = 100 * time.Millisecond // worth an event of its own
	gcPauses     = "/sched/pauses/total/gc:seconds"
)

// health is the watch.
type health struct {
	rt    runtime.Runtime
	quit  chan struct{}
	ended sync.WaitGroup

	worst  time.Duration
	events []history.Event
	before float64
}

func watchHealth(rt runtime.Runtime) *health {
	h := &health{rt: rt, quit: make(chan struct{})}
	if rt.Virtual() {
		return h
	}
	h.before = pauseSeconds()
	h.ended.Go(h.watch)
	return h
}

func (h *health) watch() {
	tick := time.NewTimer(healthPeriod)
	defer tick.Stop()
	for {
		asked := time.Now()
		select {
		case <-h.quit:
			return
		case <-tick.C:
		}
		late := time.Since(asked) - healthPeriod
		h.worst = max(h.worst, late)
		if late > lateWake && len(h.events) < 1000 {
			h.events = append(h.events, history.Event{
				Time: int64(h.rt.Now()), Kind: history.EventHealth, Name: "starved", N: int64(late),
				Text: "the harness itself got no CPU",
			})
		}
		tick.Reset(healthPeriod)
	}
}

// stop ends the watch and returns what it saw.
func (h *health) stop() []history.Event {
	if h.rt.Virtual() {
		return nil
	}
	close(h.quit)
	h.ended.Wait()
	now := int64(h.rt.Now())
	return append(h.events,
		history.Event{Time: now, Kind: history.EventHealth, Name: "scheduler-lag-max", N: int64(h.worst)},
		history.Event{Time: now, Kind: history.EventHealth, Name: "gc-pauses", N: int64((pauseSeconds() - h.before) * 1e9)},
	)
}

// pauseSeconds estimates the time that the garbage collector has stopped the program for,
// from the runtime's histogram: each pause counts as its bucket's lower bound.
func pauseSeconds() float64 {
	sample := []metrics.Sample{{Name: gcPauses}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return 0
	}
	total := 0.0
	hist := sample[0].Value.Float64Histogram()
	for i, n := range hist.Counts {
		if n > 0 && hist.Buckets[i] > 0 {
			total += float64(n) * hist.Buckets[i]
		}
	}
	return total
}

func stack() string { return string(debug.Stack()) }
