package object

import (
	"context"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// TestSets: sets of several keys, of elements of all kinds, that hold something at first or are
// told of in pairs, are each judged as a trial of all orders judges them.
func TestSets(t *testing.T) {
	kind, _ := Find("set")
	counts := map[string]int{}
	for seed := range *histories {
		r := rand.New(rand.NewSource(int64(seed)))
		initial, pairs := r.Intn(3) == 0, r.Intn(4) == 0
		spelled := kinds[seed%len(kinds)]
		parts := make([]*history.History, 1+r.Intn(5))
		failing := 0
		total := 0
		for k := range parts {
			plain, told := random(r, "set"), &history.History{} // told to the oracle, which knows integers alone
			parts[k] = &history.History{}
			match, reads := plain.Completions(), r.Intn(4) == 0
			for i := range plain.Len() {
				e := plain.At(i)
				if e.F == "read" && !reads {
					continue
				}
				tell := e
				switch {
				case e.F == "read" && e.Type == history.OK:
					e.Value = listed(e.Value.Ints(), spelled)
				case e.Value.Kind == history.KindInt:
					e.Value = spelled(e.Value.A)
				case e.Type == history.OK && e.F != "read":
					element := spelled(plain.At(int(match[i])).Value.A)
					if e.F == "contains" && pairs {
						e.Value = history.EDN(fmt.Sprintf("[%s %s]", element, e.Value))
					} else if e.F != "contains" && e.Value == element { // which is no answer
						tell.Value = history.Nil
					}
				}
				told.Append(tell)
				parts[k].Append(e)
			}
			x := objects["set"].make()
			if initial {
				x.do(0, "add", history.Int(1))
			}
			if total += told.Len(); told.Len() > 0 && !linearizable(x, trials(told)) {
				failing++
			}
		}
		var h history.History
		at := make([]int, len(parts))
		for begun := 1; h.Len() < total; {
			k := r.Intn(begun)
			if at[k] == parts[k].Len() || r.Intn(30) == 0 {
				begun = min(begun+1, len(parts))
				continue
			}
			e := parts[k].At(at[k])
			at[k]++
			e.Process, e.Key, e.Keyed, e.Time = e.Process+100*k, int64(k), true, int64(h.Len())
			h.Append(e)
		}
		o := Options{}
		if initial {
			o.Initial = listed([]int64{1}, spelled)
		}
		got := New(kind, o).Check(context.Background(), &h, checkers.Budget{Time: time.Minute, Workers: 1})
		figures := map[string]int{}
		for _, f := range got.Figures {
			counts[f.Name]++
			figures[f.Name] = int(f.Value)
		}
		g, operations := newGathering(&checker{kind, o}, &h), 0
		g.gather() // all of it
		for _, s := range g.all {
			operations += s.size
		}
		if figures["operations"] != operations || figures["objects"] != len(g.all) {
			t.Fatalf("seed %d: %v, want %d operations on %d objects\n%s", seed, figures, operations, len(g.all), dump(&h))
		}
		invalid := figures["invalid objects"]
		counts[got.Valid.String()]++
		if got.Valid == checkers.Unknown || invalid != failing {
			t.Fatalf("seed %d: %v, %d of %d are invalid, want %d: %s\n%s", seed, got.Valid, invalid, len(parts), failing, got.Reason, dump(&h))
		}
	}
	t.Log(counts)
	for _, what := range []string{"valid", "invalid", "decided by monitor", "decided by words", "decided by parts"} {
		if counts[what] < *histories/50 {
			t.Errorf("%s: too few to mean anything", what)
		}
	}
}

// kinds of elements.
var kinds = []func(n int64) history.Value{
	history.Int,
	func(n int64) history.Value { return history.Int(-n << 40) },
	func(n int64) history.Value { return history.Text(fmt.Sprint(n)) },
	func(n int64) history.Value { return history.EDN([]string{"true", "false", ":y"}[n]) },
	func(n int64) history.Value {
		return []history.Value{history.Text("1"), history.Int(1), history.EDN(":x")}[n]
	},
}

// listed is a list of elements of a kind.
func listed(ns []int64, spelled func(int64) history.Value) history.Value {
	text := make([]string, len(ns))
	for i, n := range ns {
		text[i] = spelled(n).String()
	}
	v, err := history.ParseValue(fmt.Sprint(text))
	if err != nil {
		panic(err)
	}
	return v
}

// perform adds an operation on an element of a set, with its answer, "" for none.
func perform(h *history.History, key int64, f string, element int64, answer string) {
	e := history.Op{Type: history.Invoke, F: f, Value: history.Int(element), Key: key, Keyed: true}
	h.Append(e)
	e.Type, e.Value = history.OK, history.Nil
	if answer != "" {
		e.Value = history.EDN(answer)
	}
	h.Append(e)
}

// TestLateSets: a set that comes up only when all others are decided is judged as well.
func TestLateSets(t *testing.T) {
	kind, _ := Find("set")
	for _, last := range []string{"true", "false"} {
		h := &history.History{}
		for range 3 {
			perform(h, 0, "add", 1, "")
			perform(h, 0, "add", 2, "")
		}
		perform(h, 0, "contains", 1, "false")
		perform(h, 0, "contains", 2, "true")
		perform(h, 1, "add", 1, "true")
		perform(h, 1, "contains", 1, last)
		got, invalid := New(kind, Options{}).Check(context.Background(), h, checkers.Budget{}), 0
		for _, f := range got.Figures {
			if f.Name == "invalid objects" {
				invalid = int(f.Value)
			}
		}
		if want := map[string]int{"true": 1, "false": 2}[last]; invalid != want {
			t.Errorf("%d of two sets are invalid, want %d: %+v", invalid, want, got)
		}
	}
}

// TestAccused: of an element that fails nothing is told but what was done to it, before it failed
// and after, and what nobody understands then is of no account.
func TestAccused(t *testing.T) {
	for _, last := range []string{"[1 true]", "[3 true]", "maybe", "true"} {
		h := &history.History{}
		for range 2 {
			perform(h, 0, "add", 1, "")
			perform(h, 0, "add", 2, "")
		}
		perform(h, 0, "add", 3, "")
		perform(h, 0, "contains", 3, "false")
		perform(h, 0, "remove", 3, "true")
		perform(h, 0, "contains", 3, last)
		kind, _ := Find("set")
		got := New(kind, Options{}).Check(context.Background(), h, checkers.Budget{})
		if got.Valid != checkers.Invalid {
			t.Fatalf("%s: %+v", last, got)
		}
		for _, i := range got.Anomalies[0].Detail.(Detail).Proof {
			if e := h.At(i); e.Value != history.Int(3) {
				t.Errorf("%s: %s is no proof of it: %s", last, e, got.Anomalies[0].Sentence)
			}
		}
		if strings.Contains(got.Anomalies[0].Sentence, " of 1") {
			t.Errorf("%s: %s", last, got.Anomalies[0].Sentence)
		}
	}
}
