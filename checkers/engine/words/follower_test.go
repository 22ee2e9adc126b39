package words

import (
	"context"
	"math/rand"
	"testing"

	"github.com/faultline-dev/faultline/checkers/engine/search"
)

// outcome is what came of following a history.
type outcome struct {
	at          int // where it failed, or none
	exact       bool
	fits        bool
	tried, most int
}

func followed(ops []op, room int) (o outcome) {
	f := Follow(0, room)
	defer func() { o.tried, o.most = f.tried, 8*often+len(f.log)/2+reaches[len(reaches)-1]+often }()
	slots := make([]uint8, len(ops))
	o = outcome{at: none, exact: true}
	for n, e := range events(ops) {
		ok := true
		switch d := ops[e.op].do; {
		case e.ret:
			if !f.Return(slots[e.op]) {
				o.at, o.exact, o.fits = n, f.Exact(), true
				return o
			}
		case ops[e.op].ret == none:
			ok = f.Crash(d)
		default:
			slots[e.op], ok = f.Call(d)
		}
		if !ok {
			return o
		}
	}
	o.exact, o.fits = f.Exact(), true
	return o
}

// TestFollowerOrders: what a follower says of small histories with many operations that never
// return is what a trial of all orders says, but that it may give up where it is not exact.
func TestFollowerOrders(t *testing.T) {
	counts := map[string]int{}
	for seed := range int64(20_000) {
		r := rand.New(rand.NewSource(seed))
		ops := crashing(r)
		got := followed(ops, r.Intn(2)*100)
		want := none
		for n, e := range events(ops) {
			if e.ret && !orders(ops, int32(n+1), 0, 0, map[[2]uint64]bool{}) {
				want = n
				break
			}
		}
		switch {
		case got.tried > got.most:
			t.Fatalf("seed %d: it went through %d entries again, which is more than %d: %+v", seed, got.tried, got.most, ops)
		case !got.fits:
			counts["full"]++
		case got.exact && got.at != want, got.at == none && want != none, want != none && got.at > want:
			t.Fatalf("seed %d: %+v, want %d: %+v", seed, got, want, ops)
		case got.exact:
			counts["exact"]++
		case got.at == none:
			counts["legal"]++
		case want == none:
			counts["given up"]++
		default:
			counts["illegal"]++
		}
	}
	if t.Log(counts); counts["legal"] < 200 || counts["illegal"] < 200 || counts["exact"] < 2000 || counts["given up"] > counts["legal"] {
		t.Error("too few of a kind, or too many given up")
	}
}

// crashing makes operations out of chance, most of which do not return.
func crashing(r *rand.Rand) []op {
	states, most := 2+r.Intn(3), 2+r.Intn(Open)
	var ops []op
	var open []int
	for n := 0; n < 24 && len(ops) < 14; n++ {
		if len(open) > 0 && (len(open) == most || r.Intn(2) == 0) {
			k := r.Intn(len(open))
			ops[open[k]].ret = n
			open = append(open[:k], open[k+1:]...)
			continue
		}
		if ops = append(ops, op{n, none, some(r, states)}); r.Intn(5) < 2 {
			open = append(open, len(ops)-1)
		}
	}
	return ops
}

// TestFollowerLarge: of long legal histories in which some operations never returned, and some of
// these took effect, nearly all are found to be legal; what is found to be is.
func TestFollowerLarge(t *testing.T) {
	counts := map[string]int{}
	for seed := range int64(200) {
		r := rand.New(rand.NewSource(seed))
		ops := run(r, 200+r.Intn(3000), 2+r.Intn(3))
		for range 8 + len(ops)/100 { // their clients crash
			ops[r.Intn(len(ops))].ret = none
		}
		ops = closed(ops)
		got := followed(ops, 0)
		if !got.fits || got.exact {
			counts["full or exact"]++
			continue
		}
		want := search.Decide(context.Background(), model, toSearch(ops), search.Options{Patient: true})
		switch {
		case got.at == none && want.Verdict != search.Legal:
			t.Fatalf("seed %d: it is %v", seed, want.Verdict)
		case got.at == none:
			counts["legal"]++
		case want.Verdict == search.Legal:
			counts["given up"]++
		default:
			counts["illegal"]++
		}
	}
	if t.Log(counts); counts["legal"] < 50 || counts["illegal"] < 10 || counts["given up"] > counts["legal"]/5 {
		t.Error("too few of a kind, or too many given up")
	}
}

// closed numbers the moments anew where some are gone.
func closed(ops []op) []op {
	moment := make([]int, 2*len(ops)+1)
	for i, o := range ops {
		moment[o.call] = 2*i + 1
		if o.ret != none {
			moment[o.ret] = 2*i + 2
		}
	}
	n := 0
	for _, m := range moment {
		switch {
		case m == 0:
			continue
		case m%2 == 1:
			ops[m/2].call = n
		default:
			ops[m/2-1].ret = n
		}
		n++
	}
	return ops
}
