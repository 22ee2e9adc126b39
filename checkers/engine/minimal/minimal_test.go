package minimal

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"
)

// puzzle is a random problem: operations that need groups of others, and sets of them of which
// any one makes illegal whoever contains it.
type puzzle struct {
	needs Groups
	cores [][]int32
	asked int
}

func random(r *rand.Rand) *puzzle {
	n := 1 + r.Int31n(60)
	p := &puzzle{needs: Groups{Needs: make([][]int32, n)}}
	for i := range n {
		for range r.Intn(3) {
			if r.Intn(2) == 0 {
				p.need(i, r.Int31n(n))
			}
		}
	}
	for range r.Intn(3) {
		var group []int32
		for range r.Intn(4) {
			group = append(group, r.Int31n(n))
		}
		p.need(r.Int31n(n), group...)
	}
	for range 1 + r.Intn(4) {
		var core []int32
		for range 1 + r.Intn(5) {
			core = append(core, r.Int31n(n))
		}
		p.cores = append(p.cores, p.needs.Grow(sorted(core)))
	}
	return p
}

func (p *puzzle) need(i int32, group ...int32) {
	p.needs.Needs[i] = append(p.needs.Needs[i], int32(len(p.needs.Members)))
	p.needs.Members = append(p.needs.Members, group)
}

func (p *puzzle) illegal(keep []int32) bool {
	return slices.ContainsFunc(p.cores, func(core []int32) bool {
		return !slices.ContainsFunc(core, func(i int32) bool { return !slices.Contains(keep, i) })
	})
}

func (p *puzzle) problem() Problem {
	all := make([]int32, len(p.needs.Needs))
	for i := range all {
		all[i] = int32(i)
	}
	return Problem{Ops: all, Rule: p.needs, Illegal: func(keep []int32) (bool, bool) {
		p.asked++
		return p.illegal(keep), true
	}}
}

// hold checks what every result must be.
func (p *puzzle) hold(t *testing.T, seed int64, got Result) {
	t.Helper()
	if !p.illegal(got.Ops) || !slices.IsSorted(got.Ops) {
		t.Fatalf("seed %d: %v is legal, or not in order", seed, got.Ops)
	}
	if closed := p.needs.Close(slices.Clone(got.Ops)); !slices.Equal(closed, got.Ops) {
		t.Fatalf("seed %d: %v is not honest, only %v", seed, got.Ops, closed)
	}
	if got.Tries < p.asked {
		t.Fatalf("seed %d: %d tries, but %d decisions", seed, got.Tries, p.asked)
	}
	if !got.Minimal {
		return
	}
	for k := range got.Ops {
		fewer := p.needs.Close(slices.Delete(slices.Clone(got.Ops), k, k+1))
		if p.illegal(fewer) {
			t.Fatalf("seed %d: %v will do, too, for %v", seed, fewer, got.Ops)
		}
	}
}

func TestFind(t *testing.T) {
	for seed := range int64(5000) {
		r := rand.New(rand.NewSource(seed))
		p := random(r)
		problem := p.problem()
		for range r.Intn(4) { // a good witness, a bad one, or none
			problem.Witness = append(problem.Witness, p.cores[0][r.Intn(len(p.cores[0]))])
		}
		got := Find(problem)
		if p.hold(t, seed, got); !got.Minimal {
			t.Fatalf("seed %d: not minimal", seed)
		}
	}
}

// TestStop: where everything falls with any one operation nothing is ever decided, and yet the
// budget is kept.
func TestStop(t *testing.T) {
	all := make([]int32, 1000)
	rule := Groups{Members: [][]int32{all}, Needs: make([][]int32, len(all))}
	for i := range all {
		all[i], rule.Needs[i] = int32(i), []int32{0}
	}
	stops := 0
	got := Find(Problem{
		Ops: all, Rule: rule, Illegal: func(keep []int32) (bool, bool) { return len(keep) == len(all), true },
		Tries: 100, Stop: func() bool { stops++; return false },
	})
	if len(got.Ops) != len(all) || got.Minimal || got.Tries != 100 || stops < 100 {
		t.Errorf("%d operations, minimal: %v, after %d tries, asked %d times whether to stop", len(got.Ops), got.Minimal, got.Tries, stops)
	}
}

// TestBudget: with too few decisions, or some that cannot be had, the result is still a
// counterexample, and does not claim to be minimal unless it is.
func TestBudget(t *testing.T) {
	unsure := 0
	for seed := range int64(5000) {
		r := rand.New(rand.NewSource(seed))
		p := random(r)
		problem := p.problem()
		switch seed % 3 {
		case 0:
			problem.Tries = 1 + r.Intn(10)
		case 1:
			left := r.Intn(20)
			problem.Stop = func() bool { left--; return left < 0 }
		case 2:
			problem.Illegal = func(keep []int32) (bool, bool) {
				p.asked++
				return p.illegal(keep), r.Intn(3) > 0
			}
		}
		got := Find(problem)
		if p.hold(t, seed, got); !got.Minimal {
			unsure++
		}
	}
	if unsure < 1000 {
		t.Errorf("only %d of 5000 were cut short", unsure)
	}
}

// The witness of an engine is most often the proof, so that what else happened is never
// looked at.
func TestWitness(t *testing.T) {
	p := &puzzle{needs: Groups{Needs: make([][]int32, 1_000_000)}, cores: [][]int32{{17, 400_000, 999_999}}}
	p.need(999_999, 17)
	problem := p.problem()
	problem.Witness = []int32{999_999, 400_000}
	if got := Find(problem); !got.Minimal || !slices.Equal(got.Ops, p.cores[0]) || got.Tries > 10 {
		t.Errorf("%+v", got)
	}
}

// A queue: its elements are enqueued once each, so an enqueue and its dequeue go together,
// and two elements are enough to show that it is not first in, first out.
func Example() {
	type op struct {
		dequeue bool
		element int
	}
	history := []op{{false, 1}, {false, 2}, {false, 3}, {true, 1}, {false, 4}, {true, 3}, {true, 2}, {true, 4}}
	rule := Groups{Members: make([][]int32, 5)} // by element
	for i, o := range history {
		rule.Needs = append(rule.Needs, []int32{int32(o.element)})
		rule.Members[o.element] = append(rule.Members[o.element], int32(i))
	}
	fifo := func(keep []int32) (illegal, ok bool) {
		var queue []int
		for _, i := range keep {
			switch o := history[i]; {
			case !o.dequeue:
				queue = append(queue, o.element)
			case len(queue) == 0 || queue[0] != o.element:
				return true, true
			default:
				queue = queue[1:]
			}
		}
		return false, true
	}
	found := Find(Problem{Ops: []int32{0, 1, 2, 3, 4, 5, 6, 7}, Rule: rule, Illegal: fifo})
	for _, i := range found.Ops {
		fmt.Println(history[i])
	}
	fmt.Println(found.Minimal)
	// Output:
	// {false 2}
	// {false 3}
	// {true 3}
	// {true 2}
	// true
}
