package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/linearizable"
)

// picture is the failing key: its operations as bars, a lane for each process. The axis
// shows the order of invocations and completions and not their distance: on a true scale
// an outage would leave no room for what happened before it.
type picture struct {
	Width, Height px
	Lanes         []row
	Bars          []bar
	XTicks        []tick
	Note          string
	Order         []step
	Before        string
}

// Bottom and TickY are for the template.
func (p picture) Bottom() px { return p.Height - 20 }
func (p picture) TickY() px  { return p.Height - 6 }

// bar is one operation.
type bar struct {
	X, Y, W      px
	Class, Title string
	Label        string
	Step         int // in the longest legal order, from 1; 0: not in it
}

// step is one operation of the longest legal order, and what the register held then.
type step struct {
	N                int
	Label, Who, Then string
}

const (
	pictureLane  = 26
	pictureLeft  = 90
	pictureRight = 14
)

func drawKey(d linearizable.Detail) *picture {
	if len(d.Ops) == 0 {
		return nil
	}
	at := ranks(d.Ops)
	var processes []int
	for _, b := range d.Ops {
		if !slices.Contains(processes, b.Process) {
			processes = append(processes, b.Process)
		}
	}
	slices.Sort(processes)
	p := &picture{Width: chartWidth, Height: px(12 + len(processes)*pictureLane + 22), Before: d.Before}
	x := func(rank int) px {
		return pictureLeft + px(rank)*(chartWidth-pictureLeft-pictureRight)/px(len(at)+1)
	}
	for i, process := range processes {
		p.Lanes = append(p.Lanes, row{Y: px(8 + i*pictureLane), Label: fmt.Sprintf("process %d", process)})
	}
	steps := map[int]int{}
	for n, i := range d.Order {
		if i >= 0 && i < len(d.Ops) {
			steps[i] = n + 1
			b := d.Ops[i]
			p.Order = append(p.Order, step{n + 1, label(b), fmt.Sprintf("process %d", b.Process), cut(b.After, maxText)})
		}
	}
	for i, b := range d.Ops {
		lane := slices.Index(processes, b.Process)
		from, to := x(at[b.Start]), px(chartWidth-pictureRight)
		span := "never completed"
		if b.End >= 0 {
			to, span = x(at[b.End]), checkers.Span(b.End-b.Start)
		}
		class := "other"
		switch {
		case i == d.Stuck:
			class = "stuck"
		case b.Proof:
			class = "proof"
		}
		if b.End < 0 {
			class += " pending"
		}
		p.Bars = append(p.Bars, bar{
			X: from, Y: p.Lanes[lane].Y, W: max(2, to-from), Class: class, Step: steps[i], Label: label(b),
			Title: fmt.Sprintf("process %d %s, invoked at %s, %s", b.Process, label(b), checkers.At(b.Start), span),
		})
	}
	p.XTicks = pictureTicks(d.Ops, at, x)
	p.Note = note(d)
	return p
}

// ranks numbers the moments at which an operation begins or ends, in order.
func ranks(ops []linearizable.Bar) map[int64]int {
	var moments []int64
	for _, b := range ops {
		moments = append(moments, b.Start)
		if b.End >= 0 {
			moments = append(moments, b.End)
		}
	}
	slices.Sort(moments)
	at := map[int64]int{}
	for i, t := range slices.Compact(moments) {
		at[t] = i
	}
	return at
}

func pictureTicks(ops []linearizable.Bar, at map[int64]int, x func(int) px) []tick {
	times := make([]int64, 0, len(at))
	for t := range at {
		times = append(times, t)
	}
	slices.SortFunc(times, func(a, b int64) int { return cmp.Compare(a, b) })
	stride := len(times)/7 + 1
	var ticks []tick
	for i := 0; i < len(times); i += stride {
		ticks = append(ticks, tick{x(at[times[i]]), checkers.At(times[i])})
	}
	return ticks
}

func label(b linearizable.Bar) string {
	if b.Value == "" {
		return b.F
	}
	return b.F + " " + cut(b.Value, 40)
}

func note(d linearizable.Detail) string {
	s := fmt.Sprintf("The key fails with its %s completed operation", ordinal(d.Completed))
	if d.Shortest {
		s += "; without that one it would have a legal order"
	}
	s += "."
	if d.Omitted > 0 {
		s += fmt.Sprintf(" %s earlier operations are not shown.", grouped(d.Omitted))
	}
	return s + " The axis shows the order of invocations and completions, not their distance."
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return grouped(n) + suffix
}
