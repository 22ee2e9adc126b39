package nemesis

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
)

// schedule says when the faults of a run begin and end: each nemesis in turns of quiet
// and of a fault, all of them side by side. It is a generator, so an immutable value.
type schedule struct {
	interval int64 // mean length of a turn, in nanoseconds
	plays    []play
	rand     rand.PCG
}

// play is one nemesis's part.
type play struct {
	nemesis Nemesis
	kinds   []string
	next    int   // the kind to come
	active  bool  // a fault is in force
	due     int64 // when to change that
}

// newSchedule makes the schedule of a main phase that starts at a time known beforehand:
// had it to find out, an answer that is passed over for another generator's would be lost.
// The first turns are short, but quiet enough to see the cluster healthy.
func newSchedule(ns []Nemesis, kinds [][]string, start, interval time.Duration, seed uint64) *schedule {
	s := &schedule{interval: int64(interval), rand: *rand.NewPCG(seed, 0x6e656d65736973)}
	r := rand.New(&s.rand)
	for i, n := range ns {
		order := slices.Clone(kinds[i])
		r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		s.plays = append(s.plays, play{nemesis: n, kinds: order, due: int64(start) + s.turn()/2})
	}
	return s
}

// crowd is how many nemeses go on side by side at their usual pace. More of them leave each
// other more quiet, so that there are still times in which the cluster can do its work.
const crowd = 3

// quiet draws the length of the quiet after a fault.
func (s *schedule) quiet() int64 {
	return s.turn() * int64(max(crowd, len(s.plays))) / crowd
}

// turn draws the length of a turn: half the interval to one and a half.
func (s *schedule) turn() int64 {
	return s.interval/2 + rand.New(&s.rand).Int64N(s.interval+1)
}

func (s *schedule) clone() *schedule {
	c := *s
	c.plays = slices.Clone(s.plays)
	return &c
}

// Op implements generator.Generator.
func (s *schedule) Op(ctx *generator.Context) (generator.Op, generator.Status, generator.Generator) {
	if !ctx.Free().Has(generator.NemesisThread) {
		return generator.Op{}, generator.Pending, s
	}
	first := 0
	for i, p := range s.plays {
		if p.due < s.plays[first].due {
			first = i
		}
	}
	p := s.plays[first]
	if p.due > ctx.Time {
		return generator.Op{Time: p.due}, generator.Pending, s
	}
	op := generator.Op{Thread: generator.NemesisThread, F: p.nemesis.stop}
	if !p.active {
		op.F, op.Value = p.nemesis.start, history.Text(p.kinds[p.next])
	}
	next := s.clone()
	q := &next.plays[first]
	if !p.active {
		q.next = (p.next + 1) % len(p.kinds)
	}
	q.active = !p.active
	if q.active {
		q.due = ctx.Time + next.turn()
	} else {
		q.due = ctx.Time + next.quiet()
	}
	return op, generator.Ready, next
}

// Update implements generator.Generator: a turn counts from the completion of the
// operation that began it. One that found no victim is tried again before long, with the
// same kind; one that had no effect is followed by the next kind as soon.
func (s *schedule) Update(_ *generator.Context, ev *generator.Event) generator.Generator {
	if ev.Thread != generator.NemesisThread || ev.Op.Type == history.Invoke {
		return s
	}
	for i, p := range s.plays {
		if p.active && ev.Op.F == p.nemesis.start && ev.Op.Value.S == skipped {
			c := s.clone()
			c.plays[i].active, c.plays[i].due = false, ev.Op.Time+s.interval/4
			c.plays[i].next = (p.next + len(p.kinds) - 1) % len(p.kinds)
			return c
		}
		if !p.active && ev.Op.F == p.nemesis.stop && strings.HasSuffix(ev.Op.Value.S, vain) {
			c := s.clone()
			c.plays[i].due = ev.Op.Time + s.interval/4
			return c
		}
		if f := ev.Op.F; p.active && f == p.nemesis.start || !p.active && f == p.nemesis.stop {
			if p.due < ev.Op.Time+s.interval/2 {
				c := s.clone()
				c.plays[i].due = ev.Op.Time + s.interval/2
				return c
			}
		}
	}
	return s
}
