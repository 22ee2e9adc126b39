package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
)

// px is a length on the page. A tenth of a pixel is enough, and short.
type px float64

func (p px) String() string {
	return strconv.FormatFloat(math.Round(float64(p)*10)/10, 'f', -1, 64)
}

// All charts over time share these, so that a moment is in the same place in each.
const (
	chartWidth = 1120
	chartLeft  = 110
	chartRight = 12
	plotWidth  = chartWidth - chartLeft - chartRight
)

// tick is a mark on an axis.
type tick struct {
	At    px
	Label string
}

// span is a stretch of an axis: a fault, a time that a node was down.
type span struct {
	X, W  px
	Class string
	Title string
}

// row is a line of spans with a name.
type row struct {
	Y     px
	Label string
	Spans []span
}

// frame is what a chart over time stands in.
type frame struct {
	Title, Note   string
	Width, Height px
	Left, Right   px // the plot's edges
	Top, Bottom   px
	XTicks        []tick
	YTicks        []tick
	Shades        []span
}

// PlotWidth, PlotHeight, TickY and LabelX are for the template, which cannot reckon.
func (f frame) PlotWidth() px  { return f.Right - f.Left }
func (f frame) PlotHeight() px { return f.Bottom - f.Top }
func (f frame) TickY() px      { return f.Bottom + 15 }
func (f frame) LabelX() px     { return f.Left - 6 }

// Inner is the height of the plot.
func (f frame) Inner() px { return f.Bottom - f.Top }

// TextLeft is where the labels left of the plot end.
func (f frame) TextLeft() px { return f.Left - 8 }

// clock turns times into places.
type clock struct{ start, end int64 }

func (c clock) x(t int64) px {
	return chartLeft + px(float64(max(c.start, min(t, c.end))-c.start)/float64(max(1, c.end-c.start))*plotWidth)
}

// span places a stretch of time; an end of -1 means that it never ended.
func (c clock) span(from, to int64, class, title string) span {
	if to < 0 {
		to = c.end
	}
	x := c.x(from)
	return span{X: x, W: max(1, c.x(to)-x), Class: class, Title: title}
}

// ticks marks the time axis at about ten round moments.
func (c clock) ticks() []tick {
	if c.end <= c.start {
		return nil
	}
	step := max(1, int64(round(float64(c.end-c.start)/10)))
	var ts []tick
	for t := (c.start + step - 1) / step * step; t <= c.end; t += step {
		ts = append(ts, tick{c.x(t), strconv.FormatFloat(float64(t)/1e9, 'f', -1, 64) + " s"})
	}
	return ts
}

// round makes 1, 2 or 5 times a power of ten of a number, not below it.
func round(n float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(n)))
	for _, k := range []float64{1, 2, 5} {
		if n <= k*power {
			return k * power
		}
	}
	return 10 * power
}

// frame makes the frame of a chart so high, with the faults shaded.
func (c clock) frame(title, note string, height px, shades []span) frame {
	return frame{
		Title: title, Note: note, Width: chartWidth, Height: height, Left: chartLeft, Right: chartWidth - chartRight,
		Top: 8, Bottom: height - 22, XTicks: c.ticks(), Shades: shades,
	}
}

// level is a vertical scale of a frame from lo at the bottom to hi at the top.
type level struct {
	f      frame
	lo, hi float64
	log    bool
}

func (l level) y(v float64) px {
	lo, hi := l.lo, l.hi
	if l.log {
		v, lo, hi = math.Log10(max(v, l.lo)), math.Log10(lo), math.Log10(hi)
	}
	return l.f.Bottom - px((v-lo)/(hi-lo))*(l.f.Bottom-l.f.Top)
}

// palette gives each nemesis its colour, the same in all pictures.
type palette []string

func newPalette(faults []checkers.Fault) palette {
	var p palette
	for _, f := range faults {
		if !slices.Contains(p, f.Nemesis) {
			p = append(p, f.Nemesis)
		}
	}
	return p
}

func (p palette) class(nemesis string) string {
	return "f" + strconv.Itoa(slices.Index(p, nemesis)%6)
}

// maxShades bounds the faults drawn: beyond some hundred nobody can tell them apart.
const maxShades = 400

// shades are the faults as the background of a chart.
func shades(c clock, faults []checkers.Fault, p palette) []span {
	var shaded []span
	for _, f := range faults {
		if len(shaded) == maxShades {
			break
		}
		if f.Start <= c.end && (f.End < 0 || f.End >= c.start) {
			shaded = append(shaded, c.span(f.Start, f.End, p.class(f.Nemesis), faultTitle(f)))
		}
	}
	return shaded
}

// faultRowsOf are the same faults with a row for each nemesis.
func faultRowsOf(c clock, faults []checkers.Fault, p palette) []row {
	rows := make([]row, len(p))
	for i, name := range p {
		rows[i].Label = cut(name, 20)
	}
	for _, f := range faults[:min(len(faults), maxShades)] {
		r := &rows[slices.Index(p, f.Nemesis)]
		r.Spans = append(r.Spans, c.span(f.Start, f.End, p.class(f.Nemesis), faultTitle(f)))
	}
	return rows
}

func faultTitle(f checkers.Fault) string {
	end := checkers.At(f.End)
	if f.End < 0 {
		end = "the end, not confirmed"
	}
	return fmt.Sprintf("%s %s, from %s to %s", f.Nemesis, cut(f.Victims, maxText), checkers.At(f.Start), end)
}

// path collects the data of an SVG path.
type path struct{ strings.Builder }

func (p *path) move(x, y px) { p.WriteString("M" + x.String() + " " + y.String()) }
func (p *path) line(x, y px) { p.WriteString("L" + x.String() + " " + y.String()) }
func (p *path) right(w px)   { p.WriteString("h" + w.String()) }
