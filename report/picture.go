package report

import (
	"cmp"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/linearizable"
)

// picture is a key that failed: its operations as bars, a lane a process. First come those
// of the counterexample alone, which a person can think through, then Around what they
// stood in.
//
// Latencies differ by orders of magnitude, so on a true axis of time most bars would be
// slivers. What matters is only which operations overlap: the axis keeps the order of all
// invocations and completions and stretches the time between them until labels fit.
type picture struct {
	Width, Height, Left px
	Lanes               []row
	Bars                []bar
	Ticks               []tick
	Shades              []span
	Caption, Says       string
	Order               []orderRow
	Around              *picture
}

// bar is one operation.
type bar struct {
	X, Y, W             px
	Class, Label, Title string
}

// TextX is where the bar's label begins.
func (b bar) TextX() px { return b.X + 5 }

// Inner is the height of the lanes.
func (p picture) Inner() px { return p.Height - 22 }

// TextLeft is where the lanes' names end, and TextBottom the line of the times.
func (p picture) TextLeft() px   { return p.Left - 8 }
func (p picture) TextBottom() px { return p.Height - 5 }

// orderRow is an operation in the legal order.
type orderRow struct {
	Place                                  int
	Process, Op, After, Invoked, Completed string
}

const (
	pictureLane = 26
	stepWidth   = 8
	letterWidth = 6.6
	maxPicture  = 300 // operations; the checker sends fewer, a file may hold more
)

func drawKey(d linearizable.Detail, faults []checkers.Fault, colours palette) *picture {
	d.Ops = d.Ops[:min(len(d.Ops), maxPicture)]
	around := drawBars(d, faults, colours)
	alone := counterexample(d)
	if len(alone.Ops) == 0 {
		return around
	}
	p := drawBars(alone, faults, colours)
	p.Caption, p.Says = "The counterexample", proves(d, len(alone.Ops))+" "+p.Says
	if len(alone.Ops) < len(d.Ops) {
		p.Around = around
	}
	return p
}

// counterexample is the part of a picture that is a proof by itself.
func counterexample(d linearizable.Detail) linearizable.Detail {
	alone := linearizable.Detail{Stuck: -1}
	at := map[int]int{}
	for i, o := range d.Ops {
		if !o.Proof {
			continue
		}
		if i == d.Stuck {
			alone.Stuck = len(alone.Ops)
		}
		at[i] = len(alone.Ops)
		o.Proof = false // all are
		alone.Ops = append(alone.Ops, o)
	}
	for _, i := range d.Alone {
		if n, found := at[i]; found {
			alone.Order = append(alone.Order, n)
		}
	}
	return alone
}

// proves says what a counterexample is, of which so many operations are shown.
func proves(d linearizable.Detail, shown int) string {
	switch {
	case d.Proof == 1:
		return "This operation is a failure by itself."
	case d.Proof > shown:
		return fmt.Sprintf("These are the last %s of %s operations that fail by themselves.", grouped(shown), grouped(d.Proof))
	case d.Minimal:
		return fmt.Sprintf("These %s operations fail by themselves, and none of them can be left out.", grouped(shown))
	}
	return fmt.Sprintf("These %s operations fail by themselves; fewer may do.", grouped(shown))
}

func drawBars(d linearizable.Detail, faults []checkers.Fault, colours palette) *picture {
	if len(d.Ops) == 0 {
		return nil
	}
	p := &picture{Left: chartLeft, Caption: "The key's operations", Says: says(d)}
	place := map[int]int{}
	for n, i := range d.Order {
		if i >= 0 && i < len(d.Ops) {
			place[i] = n + 1
		}
	}
	labels := make([]string, len(d.Ops))
	for i, o := range d.Ops {
		labels[i] = cut(opLabel(o), 24)
		if n := place[i]; n > 0 {
			labels[i] = fmt.Sprintf("%d: %s", n, labels[i])
		}
	}
	a := stretch(d.Ops, labels)
	p.Width = a.right + 12
	lanes := map[int]px{}
	for _, o := range d.Ops {
		lanes[o.Process] = 0
	}
	processes := make([]int, 0, len(lanes))
	for process := range lanes {
		processes = append(processes, process)
	}
	slices.Sort(processes)
	for i, process := range processes {
		y := px(20 + i*pictureLane)
		lanes[process] = y
		p.Lanes = append(p.Lanes, row{Y: y, Label: fmt.Sprintf("process %d", process)})
	}
	p.Height = px(20 + len(processes)*pictureLane + 16)
	for i, o := range d.Ops {
		b := bar{X: a.from[i], Y: lanes[o.Process] - 10, W: a.to[i] - a.from[i], Class: "op", Label: labels[i]}
		switch {
		case i == d.Stuck:
			b.Class += " stuck"
		case o.F == "write":
			b.Class += " write"
		}
		if o.Proof {
			b.Class += " is-proof"
		}
		b.Title = fmt.Sprintf("process %d, %s, from %s to %s (event %d)", o.Process, cut(opLabel(o), maxText), checkers.At(o.Start), completed(o), o.Event)
		p.Bars = append(p.Bars, b)
	}
	last := px(0)
	for n, t := range a.times {
		if x := a.places[n]; n == 0 || x-last > 90 {
			p.Ticks = append(p.Ticks, tick{x, checkers.At(t)})
			last = x
		}
	}
	for i, f := range faults {
		if i == maxShades {
			break
		}
		if s, shown := a.shade(f); shown {
			s.Class = colours.class(f.Nemesis)
			p.Shades = append(p.Shades, s)
		}
	}
	for _, i := range d.Order {
		if i < 0 || i >= len(d.Ops) {
			continue
		}
		o := d.Ops[i]
		p.Order = append(p.Order, orderRow{place[i], fmt.Sprint(o.Process), cut(opLabel(o), maxText), cut(o.After, maxText), checkers.At(o.Start), completed(o)})
	}
	return p
}

func completed(o linearizable.Bar) string {
	if o.End < 0 {
		return "never"
	}
	return checkers.At(o.End)
}

func opLabel(o linearizable.Bar) string {
	value := o.Value
	if value == "" {
		value = "?"
	}
	return o.F + " " + value
}

// says explains what the picture does not show by itself.
func says(d linearizable.Detail) string {
	s := ""
	if d.Stuck >= 0 {
		s = "The red bar has no legal place: everything that completed before it does."
	}
	if len(d.Order) > 0 {
		s += " Numbers are one legal order of the others"
		if d.Before != "" {
			s += ", beginning with " + cut(d.Before, 40)
		}
		s += "."
	}
	if d.Omitted > 0 {
		s += fmt.Sprintf(" %s earlier operations of the key are left out.", grouped(d.Omitted))
	}
	return s
}

// stretched is the axis of a picture: moments, and where each is.
type stretched struct {
	times    []int64
	places   []px
	from, to []px // of each operation
	right    px
}

// stretch places every invocation and completion in order, and each bar's end so far
// right that its label fits.
func stretch(ops []linearizable.Bar, labels []string) stretched {
	type edge struct {
		time int64
		op   int
		end  bool
		rank int
	}
	// At one moment what began earlier completes first, so that a process's operations
	// follow one another; then comes what begins, and what takes no time completes last.
	var edges []edge
	for i, o := range ops {
		edges = append(edges, edge{o.Start, i, false, 1})
		if o.End > o.Start {
			edges = append(edges, edge{o.End, i, true, 0})
		} else if o.End >= 0 {
			edges = append(edges, edge{o.End, i, true, 2})
		}
	}
	slices.SortStableFunc(edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.rank, b.rank))
	})
	width := func(i int) px { return px(utf8.RuneCountInString(labels[i]))*letterWidth + 10 }
	s := stretched{from: make([]px, len(ops)), to: make([]px, len(ops))}
	// Few operations have room.
	step := max(stepWidth, min(3*stepWidth, px(320/max(1, len(edges)))))
	x := px(chartLeft)
	for _, e := range edges {
		x += step
		if e.end {
			x = max(x, s.from[e.op]+width(e.op))
			s.to[e.op] = x
		} else {
			s.from[e.op] = x
		}
		s.times, s.places = append(s.times, e.time), append(s.places, x)
	}
	s.right = x + step
	for i, o := range ops {
		if o.End < 0 {
			s.right = max(s.right, s.from[i]+width(i))
		}
	}
	for i, o := range ops {
		if o.End < 0 {
			s.to[i] = s.right
		}
	}
	return s
}

// at is the place of a moment, between its neighbours.
func (s stretched) at(t int64) px {
	n, _ := slices.BinarySearch(s.times, t)
	switch {
	case n == 0:
		return s.places[0]
	case n == len(s.times):
		return s.right
	}
	a, b := s.times[n-1], s.times[n]
	return s.places[n-1] + (s.places[n]-s.places[n-1])*px(t-a)/px(max(1, b-a))
}

// shade places a fault, if any of it is in the picture.
func (s stretched) shade(f checkers.Fault) (span, bool) {
	end := f.End
	if end < 0 {
		end = max(f.Start, s.times[len(s.times)-1])
	}
	if f.Start > s.times[len(s.times)-1] || end < s.times[0] {
		return span{}, false
	}
	x := s.at(f.Start)
	return span{X: x, W: max(1, s.at(end)-x), Title: faultTitle(f)}, true
}
