package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// timeline is all operations of all clients over time. A client whose operation ends in
// doubt goes on as a new process, so processes that follow one another on a node share a
// lane. A short history is drawn operation by operation; a long one column by column, in
// the colour of the worst that ended there.
type timeline struct {
	frame
	Lanes  []row
	Bars   []dots // column by column
	Marks  []mark
	Dense  string // that it is drawn column by column
	Hidden string // that there are more lanes
}

const (
	laneHeight = 14
	maxLanes   = 48
	maxBars    = 1500
)

// lane is one line of the timeline.
type lane struct {
	node   string
	busy   int64 // until then
	first  int
	number int // of processes
}

// operations are the history's, with what drawing them needs worked out once.
type operations struct {
	h      *history.History
	match  []int32
	laneOf map[int]int
	lanes  []lane
}

func newOperations(h *history.History) *operations {
	laneOf, lanes := assignLanes(h)
	return &operations{h, h.Completions(), laneOf, lanes}
}

// draw draws those of the clock's time; nil if there is none.
func (o *operations) draw(c clock, shaded []span, proofs []int) *timeline {
	var invoked []int
	for i := range o.h.Len() {
		op := o.h.At(i)
		if op.Process < 0 || op.Type != history.Invoke || op.Time > c.end {
			continue
		}
		if end := o.match[i]; end < 0 || o.h.At(int(end)).Time >= c.start {
			invoked = append(invoked, i)
		}
	}
	if len(invoked) == 0 {
		return nil
	}
	t := &timeline{}
	shown := min(len(o.lanes), maxLanes)
	t.frame = c.frame("Operations", "each lane is a client, which goes on as a new process after an operation in doubt.", px(12+shown*laneHeight+24), shaded)
	for i, l := range o.lanes[:shown] {
		label := fmt.Sprintf("process %d", l.first)
		if l.number > 1 {
			label += ", ..."
		}
		if l.node != "" {
			label = l.node + " " + label
		}
		t.Lanes = append(t.Lanes, row{Y: px(14 + i*laneHeight), Label: cut(label, 24)})
	}
	if shown < len(o.lanes) {
		t.Hidden = fmt.Sprintf("%d of %d lanes are shown.", shown, len(o.lanes))
	}
	if len(invoked) <= maxBars {
		t.each(c, o, invoked)
	} else {
		t.columns(c, o, invoked)
	}
	for _, e := range proofs {
		if e < 0 || e >= o.h.Len() {
			continue
		}
		op := o.h.At(e)
		if l, found := o.laneOf[op.Process]; found && l < shown {
			t.Marks = append(t.Marks, mark{c.x(op.Time), t.Lanes[l].Y, "proof", "part of an anomaly: " + describe(op)})
		}
	}
	return t
}

// around draws the operations of the time in which the events of an anomaly lie.
func (o *operations) around(events []int, faults []checkers.Fault, colours palette) *timeline {
	c := clock{math.MaxInt64, math.MinInt64}
	for _, e := range events {
		if e >= 0 && e < o.h.Len() {
			t := o.h.At(e).Time
			c.start, c.end = min(c.start, t), max(c.end, t)
		}
	}
	if c.start > c.end {
		return nil
	}
	margin := max((c.end-c.start)/10, 1e6)
	c.start, c.end = max(0, c.start-margin), c.end+margin
	t := o.draw(c, shades(c, faults, colours), events)
	if t != nil {
		t.Title, t.Note = "The operations around it", fmt.Sprintf("from %s to %s of the run.", checkers.At(c.start), checkers.At(c.end))
	}
	return t
}

// each draws every operation by itself.
func (t *timeline) each(c clock, o *operations, invoked []int) {
	for _, i := range invoked {
		op, end := o.h.At(i), o.match[i]
		l := o.laneOf[op.Process]
		if l >= len(t.Lanes) {
			continue
		}
		s := c.span(op.Time, -1, classes[history.Invoke], describe(op)+", never completed")
		if end >= 0 {
			done := o.h.At(int(end))
			s = c.span(op.Time, done.Time, classes[done.Type&3], fmt.Sprintf("%s -> %s %s %s, %s", describe(op), done.Type,
				cut(done.Value.String(), maxText), cut(done.Error, maxText), checkers.Span(done.Time-op.Time)))
		}
		t.Lanes[l].Spans = append(t.Lanes[l].Spans, s)
	}
}

// columns draws the worst of each column of each lane.
func (t *timeline) columns(c clock, o *operations, invoked []int) {
	t.Dense = fmt.Sprintf("Too many to draw one by one (%s): each column of a lane shows the worst that was under way.", grouped(len(invoked)))
	const width = int(plotWidth)
	worst := make([][width + 1]uint8, len(t.Lanes))
	rank := [...]uint8{history.OK: 1, history.Fail: 2, history.Info: 3, history.Invoke: 4}
	for _, i := range invoked {
		op, end := o.h.At(i), o.match[i]
		l := o.laneOf[op.Process]
		if l >= len(t.Lanes) {
			continue
		}
		to, how := c.end, history.Invoke
		if end >= 0 {
			done := o.h.At(int(end))
			to, how = done.Time, done.Type
		}
		for x := int(c.x(op.Time) - chartLeft); x <= int(c.x(to)-chartLeft); x++ {
			worst[l][x] = max(worst[l][x], rank[how&3])
		}
	}
	var byRank [5]path
	for l := range worst {
		for x := 0; x <= width; {
			end := x + 1
			for end <= width && worst[l][end] == worst[l][x] {
				end++
			}
			if r := worst[l][x]; r > 0 {
				byRank[r].move(px(chartLeft+x), t.Lanes[l].Y)
				byRank[r].right(px(end - x))
			}
			x = end
		}
	}
	for how, r := range rank {
		if byRank[r].Len() > 0 {
			t.Bars = append(t.Bars, dots{classes[how], byRank[r].String()})
		}
	}
}

// assignLanes gives each process a lane: the first of its node's that is free from its
// first to its last event. Lanes stand by node.
func assignLanes(h *history.History) (laneOf map[int]int, lanes []lane) {
	pinned := map[int]string{}
	for _, e := range h.Telemetry() {
		if e.Kind == history.EventAssign {
			pinned[int(e.N)] = e.Node
		}
	}
	last := map[int]int64{}
	var order []int
	starts := map[int]int64{}
	for i := range h.Len() {
		op := h.At(i)
		if op.Process < 0 {
			continue
		}
		if _, seen := last[op.Process]; !seen {
			order = append(order, op.Process)
			starts[op.Process] = op.Time
		}
		last[op.Process] = op.Time
	}
	laneOf = map[int]int{}
	for _, p := range order {
		l := slices.IndexFunc(lanes, func(l lane) bool { return l.node == pinned[p] && l.busy <= starts[p] })
		if l < 0 {
			l = len(lanes)
			lanes = append(lanes, lane{node: pinned[p], first: p})
		}
		lanes[l].busy = last[p]
		lanes[l].number++
		laneOf[p] = l
	}
	by := make([]int, len(lanes))
	for i := range by {
		by[i] = i
	}
	slices.SortStableFunc(by, func(a, b int) int {
		return cmp.Or(cmp.Compare(len(lanes[a].node), len(lanes[b].node)), cmp.Compare(lanes[a].node, lanes[b].node))
	})
	to, sorted := make([]int, len(lanes)), make([]lane, len(lanes))
	for n, l := range by {
		to[l], sorted[n] = n, lanes[l]
	}
	for p, l := range laneOf {
		laneOf[p] = to[l]
	}
	return laneOf, sorted
}

// describe is an event in a few words.
func describe(op history.Op) string {
	key := ""
	if op.Keyed {
		key = fmt.Sprintf(" key %d", op.Key)
	}
	return fmt.Sprintf("process %d %s%s %s at %s", op.Process, op.F, key, cut(op.Value.String(), maxText), checkers.At(op.Time))
}
