package words

import (
	"context"
	"fmt"
	"math/rand"
	"testing"

	"github.com/faultline-dev/faultline/checkers/engine/moments"
	"github.com/faultline-dev/faultline/checkers/engine/search"
)

// TestOrders: verdicts, and where a history fails, are those of a trial of all orders, on random
// histories of random objects.
func TestOrders(t *testing.T) {
	legal, illegal := 0, 0
	for seed := range int64(20_000) {
		r := rand.New(rand.NewSource(seed))
		ops, at := draw(r), none
		o := Start(0)
		slots := map[int]uint8{}
		for n, e := range events(ops) {
			if !e.ret {
				slot, ok := o.Call(ops[e.op].do)
				if !ok {
					t.Fatalf("seed %d: no slot for %d", seed, e.op)
				}
				slots[e.op] = slot
			} else if !o.Return(slots[e.op]) {
				at = n
				break
			}
		}
		want := none
		for n, e := range events(ops) {
			if e.ret && !orders(ops, int32(n+1), 0, 0, map[[2]uint64]bool{}) {
				want = n
				break
			}
		}
		if at != want {
			t.Fatalf("seed %d: fails at %d, want %d: %+v", seed, at, want, ops)
		}
		if why := replay(ops, at); why != "" {
			t.Fatalf("seed %d: %s: %+v", seed, why, ops)
		}
		if want == none {
			legal++
		} else {
			illegal++
		}
	}
	if t.Log(legal, illegal); legal < 2000 || illegal < 2000 {
		t.Error("too few of a kind to mean anything")
	}
}

// TestLarge: of long histories the general search thinks the same.
func TestLarge(t *testing.T) {
	failed := 0
	for seed := range int64(300) {
		r := rand.New(rand.NewSource(seed))
		ops := run(r, 50+r.Intn(1000), 2+r.Intn(Open-1))
		o := Start(0)
		slots := make([]uint8, len(ops))
		at := none
		for n, e := range events(ops) {
			if !e.ret {
				slots[e.op], _ = o.Call(ops[e.op].do)
			} else if !o.Return(slots[e.op]) {
				at = n
				break
			}
		}
		want := search.Decide(context.Background(), model, toSearch(ops), search.Options{Patient: true})
		if (want.Verdict == search.Legal) != (at == none) || at != none && int(want.At) != at {
			t.Fatalf("seed %d: fails at %d, the search says %v at %d", seed, at, want.Verdict, want.At)
		}
		if why := replay(ops, at); why != "" {
			t.Fatalf("seed %d: %s", seed, why)
		}
		if at != none {
			failed++
		}
	}
	if t.Log(failed); failed < 30 || failed > 270 {
		t.Error("too few of a kind to mean anything")
	}
}

// replay holds the order of what came before a history failed, if it did, to what it claims.
func replay(ops []op, failed int) string {
	limit := failed
	if failed == none {
		limit = 2 * len(ops)
	}
	span := func(i int32) (call, ret int32) {
		if ops[i].ret == none {
			return int32(ops[i].call), moments.Pending
		}
		return int32(ops[i].call), int32(ops[i].ret)
	}
	order := Order(len(ops), span, func(i int32) Do { return ops[i].do }, 0, int32(limit))
	state, called, seen := uint8(0), none, make([]bool, len(ops))
	for _, i := range order {
		o := ops[i]
		switch {
		case seen[i]:
			return fmt.Sprintf("operation %d twice in %v", i, order)
		case o.ret != none && o.ret < called:
			return fmt.Sprintf("operation %d returned before one in front of it was called: %v", i, order)
		case o.call >= limit:
			return fmt.Sprintf("operation %d was called after the end: %v", i, order)
		case o.do.From>>state&1 == 0:
			return fmt.Sprintf("operation %d is not legal: %v", i, order)
		}
		if seen[i], called = true, max(called, o.call); o.do.To != Same {
			state = o.do.To
		}
	}
	for i, o := range ops {
		if o.ret != none && o.ret < limit && !seen[i] {
			return fmt.Sprintf("operation %d is missing: %v", i, order)
		}
	}
	return ""
}

// TestFull: what does not fit is said so, and slots are used again.
func TestFull(t *testing.T) {
	o := Start(0)
	for range Open {
		if _, ok := o.Call(Do{Any, 1}); !ok {
			t.Fatal("no slot")
		}
	}
	if _, ok := o.Call(Do{Any, 1}); ok {
		t.Fatal("one slot too many")
	}
	if !o.Return(3) {
		t.Fatal("illegal")
	}
	if slot, ok := o.Call(Do{1 << 2, Same}); !ok || slot != 3 {
		t.Fatalf("slot %d, %v", slot, ok)
	}
	if o.Return(3) {
		t.Fatal("nobody wrote it")
	}
}

// TestState: the state is certain if there is but one.
func TestState(t *testing.T) {
	o := Start(2)
	if state, certain := o.State(); state != 2 || !certain {
		t.Errorf("it starts in %d, certainly: %v", state, certain)
	}
	one, _ := o.Call(Do{Any, 3})
	other, _ := o.Call(Do{Any, 4})
	o.Return(one)
	o.Return(other)
	if _, certain := o.State(); certain {
		t.Error("either may have been the last")
	}
	read, _ := o.Call(Do{1 << 3, Same})
	o.Return(read)
	if state, certain := o.State(); state != 3 || !certain {
		t.Errorf("it is in %d, certainly: %v", state, certain)
	}
}

const none = -1

// moment is a call or return of an operation.
type moment struct {
	op  int
	ret bool
}

type op struct {
	call, ret int // none: never
	do        Do
}

func events(ops []op) []moment {
	n := 0
	for _, o := range ops {
		n = max(n, o.call+1, o.ret+1)
	}
	list := make([]moment, n)
	for i, o := range ops {
		list[o.call].op = i
		if o.ret != none {
			list[o.ret] = moment{i, true}
		}
	}
	return list
}

// draw makes operations out of nothing but chance, no more than can be open at once.
func draw(r *rand.Rand) []op {
	states := 2 + r.Intn(3)
	var ops []op
	var open []int
	for n := 0; n < 16 && len(ops) < 9; n++ {
		if len(open) == Open || len(open) > 0 && r.Intn(2) == 0 {
			k := r.Intn(len(open))
			if r.Intn(6) > 0 {
				ops[open[k]].ret = n
				open = append(open[:k], open[k+1:]...)
				continue
			}
			if len(open) == Open {
				break
			}
		}
		open = append(open, len(ops))
		ops = append(ops, op{n, none, some(r, states)})
	}
	return ops
}

func some(r *rand.Rand, states int) Do {
	switch r.Intn(4) {
	case 0:
		return Do{1 << r.Intn(states), Same}
	case 1:
		return Do{Any, uint8(r.Intn(states))}
	case 2:
		return Do{uint8(r.Intn(1 << states)), uint8(r.Intn(states))}
	}
	return Do{1 << r.Intn(states), uint8(r.Intn(states))}
}

// run has clients act on an object, some of the answers being of another one.
func run(r *rand.Rand, n, clients int) []op {
	const states = 5
	spoilt := 0.0
	if r.Intn(2) == 0 {
		spoilt = 2 / float64(n)
	}
	type client struct {
		op   int
		done bool
	}
	all := make([]client, clients)
	for i := range all {
		all[i].op = none
	}
	var ops []op
	state, at := uint8(0), 0
	for len(ops) < n {
		c := &all[r.Intn(clients)]
		switch {
		case c.op == none:
			*c = client{op: len(ops)}
			ops = append(ops, op{at, none, some(r, states)})
			at++
		case !c.done: // takes effect
			d := &ops[c.op].do
			if d.From>>state&1 == 0 || d.To == Same {
				d.From, d.To = 1<<state, Same
			} else {
				state = d.To
			}
			if r.Float64() < spoilt {
				d.From = 1 << r.Intn(states)
			}
			c.done = true
		default:
			ops[c.op].ret = at
			c.op = none
			at++
		}
	}
	return ops
}

// orders tries all orders of what returns before an event, and all choices of what does not.
func orders(ops []op, limit int32, used uint64, state uint8, dead map[[2]uint64]bool) bool {
	place := [2]uint64{used, uint64(state)}
	if dead[place] {
		return false
	}
	first := int(limit)
	for i, o := range ops {
		if used>>i&1 == 0 && o.ret != none && o.ret < first {
			first = o.ret
		}
	}
	if first == int(limit) {
		return true
	}
	for i, o := range ops {
		if used>>i&1 != 0 || o.call > first || o.do.From>>state&1 == 0 {
			continue
		}
		next := o.do.To
		if next == Same {
			next = state
		}
		if orders(ops, limit, used|1<<i, next, dead) {
			return true
		}
	}
	dead[place] = true
	return false
}

var model = search.Model[uint8, Do]{
	Step: func(s uint8, d Do) (uint8, bool) {
		if d.From>>s&1 == 0 {
			return s, false
		}
		if d.To == Same {
			return s, true
		}
		return d.To, true
	},
	Pure: func(d Do) bool { return d.To == Same },
}

func toSearch(ops []op) []search.Op[Do] {
	all := make([]search.Op[Do], len(ops))
	for i, o := range ops {
		all[i] = search.Op[Do]{Call: int32(o.call), Ret: int32(o.ret), Do: o.do}
		if o.ret == none {
			all[i].Ret = search.Pending
		}
	}
	return all
}
