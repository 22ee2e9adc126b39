package search

import (
	"container/heap"
	"math/rand"
)

// load is a history of clients that issue operations back to back, each taking an
// exponentially distributed time, on a register.
type load struct {
	ops, clients, crashed, values int
	bad                           bool // one read at nine tenths is impossible
}

type tick struct {
	t    float64
	kind byte
	n    int
}
type ticks []tick

func (q ticks) Len() int           { return len(q) }
func (q ticks) Less(i, j int) bool { return q[i].t < q[j].t }
func (q ticks) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *ticks) Push(x any)        { *q = append(*q, x.(tick)) }
func (q *ticks) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

// generate makes the history. An illegal one has a quiet moment in which a value is read
// that is not there, more often than crashed operations could bring it about.
func (l load) generate(seed int64) []Op[reg] {
	r := rand.New(rand.NewSource(seed))
	ops := make([]Op[reg], 0, l.ops)
	state := int8(0)
	clock := int32(0)
	var q ticks
	for c := range l.clients {
		heap.Push(&q, tick{r.Float64(), 'i', c})
	}
	current := make([]int, l.clients)
	crash := float64(l.crashed) / float64(l.ops) * 1.5
	effect := func(o *Op[reg]) {
		switch o.Do.kind {
		case 'r':
			o.Do.from = state
		case 'w':
			state = o.Do.to
		case 'c':
			if state == o.Do.from {
				state = o.Do.to
			} else if o.Ret != Pending {
				o.Do.kind = 'f'
			}
		}
	}
	value := func() int8 { return int8(r.Intn(l.values)) }
	quiet, held := false, 0
	issue := func(c int, t float64) {
		o := Op[reg]{Call: clock, Ret: -1}
		switch r.Intn(3) {
		case 0:
			o.Do.kind = 'r'
		case 1:
			o.Do = reg{'w', 0, value()}
		case 2:
			o.Do = reg{'c', value(), value()}
		}
		current[c] = len(ops)
		if o.Do.kind != 'r' && r.Float64() < crash {
			o.Ret = Pending
			ops = append(ops, o)
			if r.Intn(2) == 0 {
				heap.Push(&q, tick{t + 5*r.ExpFloat64(), 'l', len(ops) - 1})
			}
			heap.Push(&q, tick{t + 1 + r.ExpFloat64(), 'i', c})
			return
		}
		ops = append(ops, o)
		heap.Push(&q, tick{t + r.ExpFloat64(), 'e', c})
	}
	for q.Len() > 0 {
		e := heap.Pop(&q).(tick)
		clock++
		switch e.kind {
		case 'i':
			switch {
			case len(ops) >= l.ops:
			case l.bad && !quiet && len(ops) > l.ops*9/10:
				// Hold the clients back until all are quiet.
				if held++; held < l.clients {
					continue
				}
				quiet = true
				other := (state + 1) % int8(l.values)
				rounds := 1
				if l.crashed > 0 {
					for _, o := range ops {
						if o.Ret == Pending {
							rounds++
						}
					}
				}
				for range rounds {
					for _, v := range []int8{state, other} {
						ops = append(ops, Op[reg]{clock, clock + 1, reg{'r', v, 0}})
						clock += 2
					}
				}
				for c := range l.clients {
					heap.Push(&q, tick{e.t + r.Float64(), 'i', c})
				}
			default:
				issue(e.n, e.t)
			}
		case 'l':
			effect(&ops[e.n])
		case 'e':
			effect(&ops[current[e.n]])
			heap.Push(&q, tick{e.t + r.ExpFloat64(), 'r', e.n})
		case 'r':
			ops[current[e.n]].Ret = clock
			heap.Push(&q, tick{e.t + 0.1*r.ExpFloat64(), 'i', e.n})
		}
	}
	return ops
}
