package harness

import (
	"context"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
)

// In the simulated world nodes themselves say when they begin or cease to lead. A real
// cluster is asked, now and then.

const (
	leaderPeriod = 500 * time.Millisecond
	leaderLimit  = 2 * time.Second // of one question
)

// watchLeaders notes changes of leader until the function it returns is called.
func (r *run) watchLeaders() (stop func()) {
	teller, ok := r.cl.(cluster.LeaderTeller)
	if !ok || r.rt.Virtual() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(r.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		last := ""
		for ctx.Err() == nil {
			ask, done := context.WithTimeout(ctx, leaderLimit)
			leaders, err := teller.Leaders(ask)
			done()
			// Several may believe that they lead; the first is the latest. That none
			// answers, or none leads, is seen in the operations.
			if err == nil && len(leaders) > 0 && leaders[0] != last && ctx.Err() == nil {
				last = leaders[0]
				r.note(history.Event{Kind: history.EventLeader, Node: last})
			}
			_ = r.rt.Sleep(ctx, leaderPeriod)
		}
	}()
	return func() { cancel(); <-ended }
}

// leaderChanges counts how often another node came to lead, after the first one had.
func leaderChanges(h *history.History) int {
	changes, last := -1, ""
	for _, e := range h.Telemetry() {
		if e.Kind == history.EventLeader && e.Node != "" && e.Node != last && e.Text == "" {
			changes, last = changes+1, e.Node
		}
	}
	return max(changes, 0)
}
