package workloads

import (
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
)

// The final reads of registers, for what is promised of the end: every thread reads every
// key, and does so twice, as a store may mend its replicas when it is read. In between it
// has some time for that.
const (
	finalPause     = int64(100e6) // after a read that failed
	mendPause      = int64(2e9)
	firstReadLimit = int64(30e9) // leaves time for the second ones
)

func finalReads(f string, keys []int64) generator.Generator {
	round := generator.EachThread(&readKeys{f: f, keys: keys})
	return generator.Phases(generator.TimeLimit(firstReadLimit, round), generator.Sleep(mendPause), round)
}

// writtenLast are the keys that were written last, at most so many, the last one first.
func writtenLast(h *history.History, most int) (keys []int64) {
	seen := map[int64]bool{}
	for i := h.Len() - 1; i >= 0 && len(keys) < most; i-- {
		if e := h.At(i); e.Process >= 0 && (e.F == opWrite || e.F == opCAS) && !seen[e.Key] {
			seen[e.Key] = true
			keys = append(keys, e.Key)
		}
	}
	return keys
}

// readKeys is one thread's reading of each key, again and again until it succeeds.
type readKeys struct {
	f    string
	keys []int64 // that are left
	due  int64   // when to read next, 0: now
}

// Op implements generator.Generator.
func (g *readKeys) Op(*generator.Context) (generator.Op, generator.Status, generator.Generator) {
	if len(g.keys) == 0 {
		return generator.Op{}, generator.Done, g
	}
	return generator.Op{Thread: generator.AnyThread, Time: g.due, F: g.f, Key: g.keys[0], Keyed: true}, generator.Ready, g
}

// Update implements generator.Generator.
func (g *readKeys) Update(_ *generator.Context, ev *generator.Event) generator.Generator {
	if len(g.keys) == 0 || ev.Op.Type == history.Invoke || ev.Op.F != g.f || ev.Op.Key != g.keys[0] {
		return g
	}
	n := *g
	if n.due = 0; ev.Op.Type == history.OK {
		n.keys = g.keys[1:]
	} else {
		n.due = ev.Op.Time + finalPause
	}
	return &n
}
