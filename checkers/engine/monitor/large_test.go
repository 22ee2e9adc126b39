package monitor

import (
	"flag"
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// work makes a long legal history of clients that issue back to back, with exponential
// durations, each operation taking effect at a random moment of its own.
func work(r *rand.Rand, x object, n, clients, crashes int) []Op {
	type event struct {
		at   float64
		op   int32
		kind uint8 // call, effect, return
	}
	ops := make([]Op, n)
	events := make([]event, 0, 3*n)
	free := make([]float64, clients)
	for i := range ops {
		p := i % clients
		call := free[p] + 0.01*r.ExpFloat64()
		ret := call + r.ExpFloat64()
		free[p] = ret
		events = append(events, event{call, int32(i), 0}, event{call + (ret-call)*r.Float64(), int32(i), 1}, event{ret, int32(i), 2})
	}
	slices.SortFunc(events, func(a, b event) int {
		if a.at < b.at {
			return -1
		}
		return 1
	})
	every := n / max(1, crashes)
	s := &simple{kind: x.name}
	now := int32(0)
	for _, e := range events {
		o := &ops[e.op]
		switch e.kind {
		case 0:
			*o = Op{Call: now, Ret: Pending, V: Empty}
			now++
		case 1:
			s.perform(r, o)
		case 2:
			if crashes > 0 && int(e.op)%every == every/2 {
				o.V = x.forget(*o)
				continue
			}
			o.Ret = now
			now++
		}
	}
	return ops
}

// simple is an object that can be large.
type simple struct {
	kind string
	next int32
	in   []Op
	out  int
}

func (s *simple) perform(r *rand.Rand, o *Op) {
	if s.kind == "set" {
		switch k := r.Intn(4); {
		case k <= 1 && len(s.in) > 4*(1+r.Intn(50)):
			at := r.Intn(len(s.in))
			o.F, o.V = Take, s.in[at].V
			s.in[at] = s.in[len(s.in)-1]
			s.in = s.in[:len(s.in)-1]
		case k == 2 && len(s.in) > 0:
			o.F, o.V = Present, s.in[r.Intn(len(s.in))].V
		case k == 3 && s.next > 0:
			o.F, o.V = Absent, r.Int31n(s.next)
			for _, e := range s.in {
				if e.V == o.V {
					o.F = Present
				}
			}
		default:
			o.F, o.V = Put, s.next
			s.next++
			s.in = append(s.in, *o)
		}
		return
	}
	if r.Intn(2) == 0 {
		o.F, o.V, o.P = Put, s.next, r.Int63n(200)
		s.next++
		s.in = append(s.in, *o)
		return
	}
	o.F = Take
	if len(s.in) == s.out {
		return
	}
	switch s.kind {
	case "queue":
		o.V = s.in[s.out].V
		s.out++
		return
	case "priority queue":
		best := 0
		for k, e := range s.in {
			if e.P < s.in[best].P {
				best = k
			}
		}
		s.in[best], s.in[len(s.in)-1] = s.in[len(s.in)-1], s.in[best]
	}
	o.V = s.in[len(s.in)-1].V
	s.in = s.in[:len(s.in)-1]
}

var size = flag.Int("size", 100_000, "operations of the benchmarks")

// BenchmarkMonitors times long legal histories of 50 clients, and ones that porcupine can
// decide as well.
func BenchmarkMonitors(b *testing.B) {
	for _, x := range objects {
		if x.funcs[0] != Put {
			continue
		}
		for _, crashes := range []int{0, 100} {
			ops := work(rand.New(rand.NewSource(1)), x, *size, 50, crashes)
			b.Run(fmt.Sprintf("%s/%d crashed", x.name, crashes), func(b *testing.B) {
				for b.Loop() {
					if r := x.check(ops, Options{}); r.Verdict != Legal {
						b.Fatal(r.Verdict, r.Pattern, r.Reason)
					}
				}
			})
		}
		for _, n := range []int{1000, 10_000} {
			ops := work(rand.New(rand.NewSource(1)), x, n, 4, 0)
			b.Run(fmt.Sprintf("%s/%d", x.name, n), func(b *testing.B) {
				for b.Loop() {
					x.check(ops, Options{})
				}
			})
			b.Run(fmt.Sprintf("%s/%d by porcupine", x.name, n), func(b *testing.B) {
				for b.Loop() {
					if x.byPorcupine(ops, 10*time.Second) != porcupine.Ok {
						b.Skip("no answer in 10 s")
					}
				}
			})
		}
	}
}

// plant lets one client do, after everything else, what is illegal: it puts a and b in, and
// takes the one that cannot be taken then, or does not find a.
func plant(x object, ops []Op) []Op {
	now, v := int32(2*len(ops)), int32(len(ops))
	do := func(f Func, v int32, p int64) {
		ops = append(ops, Op{Call: now, Ret: now + 1, F: f, V: v, P: p})
		now += 2
	}
	a, b := v, v+1
	do(Put, a, 1)
	do(Put, b, 0)
	switch x.name {
	case "set":
		do(Absent, a, 0)
	case "queue":
		do(Take, b, 0)
	default:
		do(Take, a, 0)
	}
	return ops
}

// TestLarge replays the orders of long legal histories, and looks for what is planted in
// others.
func TestLarge(t *testing.T) {
	for _, x := range objects {
		if x.funcs[0] != Put {
			continue
		}
		for seed := range int64(4) {
			n := 2000
			ops := work(rand.New(rand.NewSource(seed)), x, n, 1+int(seed)*16, int(seed)*4)
			got := x.check(ops, Options{Order: true})
			if got.Verdict != Legal {
				t.Fatalf("%s, seed %d: %v: %s %s", x.name, seed, got.Verdict, got.Pattern, got.Reason)
			}
			if why := x.replay(ops, got.Order); why != "" {
				t.Fatalf("%s, seed %d: %s", x.name, seed, why)
			}
			ops = plant(x, work(rand.New(rand.NewSource(seed)), x, n, 20, 0))
			got = x.check(ops, Options{})
			if got.Verdict != Illegal || len(got.Witness) > 4 || int(slices.Max(got.Witness)) < n {
				t.Fatalf("%s, seed %d: what was planted is %v: %s %d", x.name, seed, got.Verdict, got.Pattern, got.Witness)
			}
		}
	}
}
