package faultline

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/faultline-dev/faultline/harness"
)

// progress shows how a run gets on: one line that rewrites itself on a terminal, a plain
// line now and then elsewhere.
type progress struct {
	w     io.Writer
	live  bool
	name  string
	last  time.Time
	phase string
	wrote bool
}

// plainEvery is how often a plain line is worth reading.
const plainEvery = 15 * time.Second

func newProgress(w io.Writer, t harness.Test) *progress {
	p := &progress{w: w, name: fmt.Sprintf("%s/%s seed %d", t.Target.Name, t.Workload.Name, t.Seed), last: time.Now()}
	if f, ok := w.(*os.File); ok {
		p.live = term.IsTerminal(int(f.Fd()))
	}
	return p
}

// update is called by the run, from one goroutine.
func (p *progress) update(g harness.Progress) {
	line := fmt.Sprintf("%s: %-6s %5.1fs", p.name, g.Phase, g.At.Seconds())
	if g.Of > 0 {
		line += fmt.Sprintf(" of %.0fs", g.Of.Seconds())
	}
	line += fmt.Sprintf("  ok %d fail %d info %d", g.OK, g.Fail, g.Info)
	if g.Faults > 0 {
		line += fmt.Sprintf("  faults %d", g.Faults)
	}
	switch {
	case p.live:
		fmt.Fprintf(p.w, "\r\x1b[K%s", line)
		p.wrote = true
	case g.Phase != p.phase && p.phase != "" || time.Since(p.last) > plainEvery:
		fmt.Fprintln(p.w, line)
		p.last = time.Now()
	}
	p.phase = g.Phase
}

// end clears the live line.
func (p *progress) end() {
	if p.wrote {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
