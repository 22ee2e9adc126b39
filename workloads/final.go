package workloads

import (
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
)

// The final reads for what is promised of the end: every thread makes all of them, and does
// so twice, as a store may mend its replicas when it is read. In between it has some time
// for that.
const (
	finalPause     = int64(100e6) // after a read that failed
	mendPause      = int64(2e9)
	firstReadLimit = int64(30e9) // leaves time for the second ones
)

func finalReads(reads []generator.Op) generator.Generator {
	round := generator.EachThread(&eachOK{ops: reads})
	return generator.Phases(generator.TimeLimit(firstReadLimit, round), generator.Sleep(mendPause), round)
}

// readsOf are the reads, by that name, of some keys.
func readsOf(f string, keys []int64) (reads []generator.Op) {
	for _, key := range keys {
		reads = append(reads, generator.Op{Thread: generator.AnyThread, F: f, Key: key, Keyed: true})
	}
	return reads
}

// writtenLast are the registers that were written last, at most so many, the last one first.
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

// eachOK is one thread's way through operations, each again and again until it succeeds.
type eachOK struct {
	ops []generator.Op // that are left
	due int64          // when the next one is, 0: now
}

// Op implements generator.Generator.
func (g *eachOK) Op(*generator.Context) (generator.Op, generator.Status, generator.Generator) {
	if len(g.ops) == 0 {
		return generator.Op{}, generator.Done, g
	}
	op := g.ops[0]
	op.Time = g.due
	return op, generator.Ready, g
}

// Update implements generator.Generator.
func (g *eachOK) Update(_ *generator.Context, ev *generator.Event) generator.Generator {
	if len(g.ops) == 0 || ev.Op.Type == history.Invoke || ev.Op.F != g.ops[0].F || ev.Op.Key != g.ops[0].Key {
		return g
	}
	n := *g
	if n.due = 0; ev.Op.Type == history.OK {
		n.ops = g.ops[1:]
	} else {
		n.due = ev.Op.Time + finalPause
	}
	return &n
}
