package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/nodes"
	"github.com/faultline-dev/faultline/harness/history"
)

// strip is what happened to the cluster: a row for each nemesis with its faults, and one
// for each node, with the times that it was down and those that it led.
type strip struct {
	frame
	Rows    []row
	Marks   []mark
	Leaders string
}

// mark is a moment.
type mark struct {
	X, Y         px
	Class, Title string
}

const (
	rowHeight = 20
	maxMarks  = 500
	maxTenure = 2000 // spans of leadership drawn
)

func drawCluster(c clock, h *history.History, faults []row) *strip {
	names := nodeNames(h)
	rows := slices.Clone(faults)
	for _, name := range names {
		rows = append(rows, row{Label: name})
	}
	if len(rows) == 0 {
		return nil
	}
	at := map[string]*row{}
	for i, name := range names {
		at[name] = &rows[len(faults)+i]
	}
	for i := range rows {
		rows[i].Y = px(8 + i*rowHeight)
	}
	s := &strip{frame: c.frame("Cluster", "faults, nodes down, and who led", px(8+len(rows)*rowHeight+24), nil)}
	leaders, changes := lead(c, h, at)
	down(c, h, at)
	for _, e := range h.Telemetry() {
		if e.Kind == history.EventNodeDown && nodes.ByItself(e) && at[e.Node] != nil && len(s.Marks) < maxMarks {
			s.Marks = append(s.Marks, mark{c.x(e.Time), at[e.Node].Y + rowHeight/2, "died", fmt.Sprintf("%s died by itself at %s: %s", e.Node, checkers.At(e.Time), cut(e.Text, maxText))})
		}
	}
	s.Rows = rows
	if leaders {
		s.Leaders = fmt.Sprintf("; the leader changed %s times", grouped(changes))
		if changes == 1 {
			s.Leaders = "; the leader changed once"
		}
	}
	return s
}

// lead draws who led. Several nodes may believe that they do at once; a tenure lasts until
// the next leader is heard of. It returns whether anybody led and how often that changed.
func lead(c clock, h *history.History, at map[string]*row) (led bool, changes int) {
	var last history.Event
	drawn := 0
	end := func(to int64) {
		if r := at[last.Node]; r != nil && drawn < maxTenure {
			drawn++
			r.Spans = append(r.Spans, c.span(last.Time, to, "leads", fmt.Sprintf("%s led from %s, term %d", last.Node, checkers.At(last.Time), last.N)))
		}
	}
	previous := ""
	for _, e := range h.Telemetry() {
		// A node that steps down, or goes down, leads no longer; another one may have taken over before.
		if e.Kind == history.EventNodeDown || e.Kind == history.EventLeader && e.Text != "" {
			if led && e.Node == last.Node {
				end(e.Time)
				last = history.Event{}
			}
			continue
		}
		if e.Kind != history.EventLeader {
			continue
		}
		if led {
			end(e.Time)
		}
		if e.Node != "" && previous != "" && e.Node != previous {
			changes++
		}
		if e.Node != "" {
			previous = e.Node
		}
		led, last = true, e
	}
	if led {
		end(c.end) // last has no node if nobody leads
	}
	return led, changes
}

// down draws when nodes were down.
func down(c clock, h *history.History, at map[string]*row) {
	since := map[string]history.Event{}
	end := func(node string, to int64) {
		e, isDown := since[node]
		if r := at[node]; isDown && r != nil && len(r.Spans) < maxTenure {
			r.Spans = append(r.Spans, c.span(e.Time, to, "down", fmt.Sprintf("%s down from %s to %s: %s", node, checkers.At(e.Time), checkers.At(to), cut(e.Text, maxText))))
		}
		delete(since, node)
	}
	for _, e := range h.Telemetry() {
		switch e.Kind {
		case history.EventNodeDown:
			if _, already := since[e.Node]; !already {
				since[e.Node] = e
			}
		case history.EventNodeUp:
			end(e.Node, e.Time)
		}
	}
	for node := range at {
		end(node, c.end)
	}
}

// nodeNames are the nodes that the telemetry names, in order.
func nodeNames(h *history.History) []string {
	var names []string
	seen := map[string]bool{"": true}
	for _, e := range h.Telemetry() {
		switch e.Kind {
		case history.EventLeader, history.EventNodeUp, history.EventNodeDown, history.EventAssign, history.EventClock:
			if !seen[e.Node] {
				seen[e.Node], names = true, append(names, e.Node)
			}
		}
	}
	sortNodes(names)
	return names[:min(len(names), 100)]
}

// sortNodes puts n10 after n9.
func sortNodes(names []string) {
	slices.SortFunc(names, func(a, b string) int {
		if c := cmp.Compare(len(a), len(b)); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
}
