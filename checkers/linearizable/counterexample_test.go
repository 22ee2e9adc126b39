package linearizable

import (
	"flag"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

var invalid = flag.Int("invalid", 100, "random invalid histories of each kind to find minimal counterexamples of")

// prefix is a history up to a moment as the rule of honest sets is tested on it: by the
// rule's own words (sources.go), one after the other, and by nothing of the checker's.
type prefix []plain

// sees and writes tell what an operation saw and wrote, if it did.
func (o plain) sees() (history.Value, bool) {
	switch o.f {
	case "read":
		return o.value, true
	case "cas":
		return history.Int(o.arg.A), true
	}
	return history.Nil, false
}

func (o plain) writes() (history.Value, bool) {
	switch o.f {
	case "write":
		return o.arg, true
	case "cas":
		return history.Int(o.arg.B), true
	}
	return history.Nil, false
}

// honest returns the largest honest set within keep.
func (p prefix) honest(keep map[int]bool) (left map[int]bool, ops []plain) {
	left = map[int]bool{}
	for i := range p {
		left[i] = keep[i]
	}
	for again := true; again; {
		again, ops = false, nil
		for i, o := range p {
			if !left[i] {
				continue
			}
			all, one := p.has(i, left)
			if !all && !o.crashed || !one {
				left[i], again = false, true
				continue
			}
			ops = append(ops, o)
		}
	}
	return left, ops
}

// has reports whether a set has all the sources of an operation that it must have, and one
// if there is any.
func (p prefix) has(i int, in map[int]bool) (all, one bool) {
	o := p[i]
	v, saw := o.sees()
	if !saw {
		return true, true
	}
	all, one = true, v == history.Nil || len(p.sources(i, o.ret)) == 0
	for j := range p.sources(i, o.ret) {
		one = one || in[j]
	}
	ruler := plain{call: -1}
	for k, m := range p {
		if _, mutates := m.writes(); in[k] && mutates && m.ret < o.call && m.call > ruler.call {
			ruler = m
		}
	}
	known := map[int]bool{}
	var need func(i int)
	need = func(i int) {
		for j, w := range p.sources(i, o.ret) {
			if w.ret < ruler.call || known[j] {
				continue
			}
			known[j] = true
			if all = all && in[j]; w.crashed && w.f == "cas" {
				need(j)
			}
		}
	}
	need(i)
	return all, one
}

// sources are the writes of what an operation saw that were called before an event.
func (p prefix) sources(i, until int) map[int]plain {
	found := map[int]plain{}
	v, _ := p[i].sees()
	for j, w := range p {
		if to, mutates := w.writes(); j != i && mutates && to == v && w.call < until {
			found[j] = w
		}
	}
	return found
}

// TestMinimal holds counterexamples to account: each is illegal by itself, and not so
// without any one of its operations and what must go with it, by a trial of all orders.
func TestMinimal(t *testing.T) {
	for _, kind := range []struct {
		name  string
		shape shape
	}{
		{"unique", shape{unique: true, cas: true}},
		{"unique, crashes", shape{unique: true, cas: true, crash: 0.1}},
		{"5 values", shape{values: 5, cas: true}},
		{"5 values, crashes", shape{values: 5, cas: true, crash: 0.05}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			var sizes []int
			long := 0
			for seed := int64(0); len(sizes) < *invalid; seed++ {
				r := rand.New(rand.NewSource(seed))
				s := kind.shape
				s.ops, s.processes, s.spoil, s.past = 20+r.Intn(181), 3+r.Intn(8), true, r.Intn(4) > 0
				h := generate(r, s)
				got := verdict(h)
				if got.Valid != checkers.Invalid {
					continue
				}
				sizes = append(sizes, checkMinimal(t, seed, h, got.Anomalies[0]))
				if sizes[len(sizes)-1] > mostOrdered {
					long++
				}
			}
			slices.Sort(sizes)
			n := len(sizes)
			t.Logf("operations of %d counterexamples: median %d, 90%% at most %d, %d at most; of %d too many to try all orders",
				n, sizes[n/2], sizes[n*9/10], sizes[n-1], long)
			if long > n/20 {
				t.Errorf("all orders were tried of too few")
			}
			if sizes[n/2] > 12 {
				t.Errorf("median %d", sizes[n/2])
			}
		})
	}
}

func checkMinimal(t *testing.T, seed int64, h *history.History, a checkers.Anomaly) int {
	t.Helper()
	d := a.Detail.(Detail)
	if !d.Minimal || !d.Shortest || d.Stuck < 0 || !d.Ops[d.Stuck].Proof {
		t.Fatalf("seed %d: not minimal (%v, %v, %d): %s", seed, d.Minimal, d.Shortest, d.Stuck, a.Sentence)
	}
	checkOrder(t, int(seed), h, d, d.Alone, "", func(b Bar) bool { return b.Proof })
	end := int(h.Completions()[d.Ops[d.Stuck].Event])
	p := prefix(upTo(plainly(h), end+1))
	keep := map[int]bool{}
	for _, b := range d.Ops {
		if b.Proof {
			keep[slices.IndexFunc(p, func(o plain) bool { return o.call == b.Event })] = true
		}
	}
	tell := func() string {
		var ops []plain
		for i, o := range p {
			if keep[i] {
				ops = append(ops, o)
			}
		}
		return fmt.Sprintf("%v\n%s", ops, a.Sentence)
	}
	left, ops := p.honest(keep)
	for i := range keep {
		if !left[i] {
			t.Fatalf("seed %d: %d is not honest in %s", seed, i, tell())
		}
	}
	legal := bruteForce
	if len(ops) > mostOrdered {
		legal = byPorcupine // a long chain
	}
	if legal(ops) {
		t.Fatalf("seed %d: this is legal: %s", seed, tell())
	}
	for i := range keep {
		fewer := map[int]bool{}
		for j := range keep {
			fewer[j] = j != i
		}
		if _, ops := p.honest(fewer); !legal(ops) {
			t.Fatalf("seed %d: %d (%v) can be done without in %s", seed, i, p[i], tell())
		}
	}
	return len(keep)
}

// TestChain: a counterexample can be long, for nothing of a chain can be left out of it. Too
// long a one to look at is one all the same, and the sentence is short.
func TestChain(t *testing.T) {
	for _, n := range []int{100, 550} {
		h := &history.History{}
		event := func(process int, of history.Type, f string, v history.Value) {
			h.Append(history.Op{Time: int64(h.Len()) * 1e6, Process: process, Type: of, F: f, Value: v})
		}
		for k := range n {
			event(10+k, history.Invoke, "cas", history.Pair(int64(k), int64(k+1)))
		}
		for p, v := range []int64{0, -1} {
			event(p, history.Invoke, "write", history.Int(v))
			event(p, history.OK, "write", history.Int(v))
		}
		event(2, history.Invoke, "read", history.Nil)
		event(2, history.OK, "read", history.Int(int64(n)))
		r := verdict(h)
		if r.Valid != checkers.Invalid {
			t.Fatal(r.Valid, r.Reason)
		}
		a := r.Anomalies[0]
		d := a.Detail.(Detail)
		told := strings.Contains(a.Sentence, "; 0 became 1 by process 10's compare-and-set") &&
			strings.Contains(a.Sentence, fmt.Sprintf("(and %d more followed)", n-1))
		if !told || !d.Minimal || d.Proof != n+3 || len(a.Ops) != n+6 || len(d.Ops) > mostProof+around {
			t.Errorf("%d: minimal %v, %d operations, %d events: %s", n, d.Minimal, d.Proof, len(a.Ops), a.Sentence)
		}
	}
}

// TestHonest: what is cut out of a legal history by the rule is legal, whatever is cut out.
// That is what makes an illegal part prove that the whole is illegal.
func TestHonest(t *testing.T) {
	counts := map[string]int{}
	for seed := range *histories {
		r := rand.New(rand.NewSource(int64(seed)))
		s := shape{ops: 5 + r.Intn(30), processes: 2 + r.Intn(5), values: 2 + r.Intn(4), unique: r.Intn(4) == 0, cas: r.Intn(3) > 0}
		if r.Intn(2) == 0 {
			s.crash = 0.1
		}
		h := generate(r, s)
		subject := gathered(h)
		limit := int32(r.Intn(h.Len()))
		q := subject.sources(limit)
		whole := subject.within(limit)
		var some []int32
		for share := r.Float64(); len(whole) > 0; whole = whole[1:] {
			if r.Float64() < share {
				some = append(some, whole[0])
			}
		}
		p := prefix(upTo(plainly(h), int(limit)+1))
		keep := map[int]bool{}
		for _, i := range some {
			keep[slices.IndexFunc(p, func(o plain) bool { return o.call == int(subject.ops[i].call) })] = true
		}
		left, ops := p.honest(keep)
		if !byPorcupine(ops) {
			t.Fatalf("seed %d: a legal history with an illegal honest part: %v of\n%s", seed, ops, dump(h))
		}
		grown := q.Grow(some)
		if again := q.Close(slices.Clone(grown)); !slices.Equal(again, grown) {
			t.Fatalf("seed %d: %v grows to %v, of which only %v is honest:\n%s", seed, some, grown, again, dump(h))
		}
		closed := q.Close(slices.Clone(some))
		for _, i := range closed {
			at := slices.IndexFunc(p, func(o plain) bool { return o.call == int(subject.ops[i].call) })
			if !left[at] {
				t.Fatalf("seed %d: operation %d is not honest among %v:\n%s", seed, i, some, dump(h))
			}
			left[at] = false
		}
		for at, more := range left {
			if more {
				t.Fatalf("seed %d: %v is honest but was closed away:\n%s", seed, p[at], dump(h))
			}
		}
		if len(closed) < len(some) {
			counts["closed"]++
		}
		if len(closed) > 0 && len(closed) < len(subject.within(limit)) {
			counts["a true part"]++
		}
	}
	t.Log(counts)
	if counts["closed"] < *histories/10 || counts["a true part"] < *histories/10 {
		t.Errorf("too few of a kind to mean anything: %v", counts)
	}
}
