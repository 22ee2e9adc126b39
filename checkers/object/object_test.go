package object

import (
	"context"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/stories"
	"github.com/faultline-dev/faultline/harness/history"
)

// TestStories runs the histories in testdata; a story's first line names the type, and what
// the object holds at first: "queue initial=[1 2]".
func TestStories(t *testing.T) {
	stories.Run(t, func(d *datadriven.TestData) checkers.Checker {
		kind, ok := Find(d.Cmd)
		if !ok {
			d.Fatalf(t, "there is no %s", d.Cmd)
		}
		var o Options
		if d.HasArg("initial") {
			var text string
			d.ScanArgs(t, "initial", &text)
			var err error
			if o.Initial, err = history.ParseValue(strings.ReplaceAll(text, "_", " ")); err != nil {
				d.Fatalf(t, "%v", err)
			}
		}
		return New(kind, o)
	})
}

// TestNames: no name is a type's twice, nor within a type an operation's.
func TestNames(t *testing.T) {
	names := Names()
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("some name is two types': %v", names)
	}
	for _, kind := range All {
		var ops []string
		for _, o := range kind.Operations {
			ops = append(append(ops, o.Name), o.Also...)
			if o.Doc == "" || o.gather == nil != kind.Elsewhere {
				t.Errorf("%s %s is not described, or not gathered", kind.Name, o.Name)
			}
		}
		slices.Sort(ops)
		if len(slices.Compact(slices.Clone(ops))) != len(ops) {
			t.Errorf("%s: some name is two operations': %v", kind.Name, ops)
		}
	}
}

// TestDrains: a drain is as good as the takes that it stands for, whatever overlaps it, and
// one that never returned as any number of takes that never returned.
func TestDrains(t *testing.T) {
	counts := map[checkers.Validity]int{}
	for _, kind := range []Type{queue, bag} {
		for seed := range *histories {
			r := rand.New(rand.NewSource(int64(seed)))
			drained, taken := drains(r)
			want := linearizable(objects[kind.Name].make(), taken)
			got := New(kind, Options{}).Check(context.Background(), drained, checkers.Budget{})
			if got.Valid == checkers.Unknown || (got.Valid == checkers.Valid) != want {
				t.Fatalf("%s, seed %d: %v %s, and its takes are legal: %v\n%s", kind.Name, seed, got.Valid, got.Reason, want, dump(drained))
			}
			counts[got.Valid]++
		}
	}
	if counts[checkers.Valid] < *histories/10 || counts[checkers.Invalid] < *histories/10 {
		t.Errorf("too few of a kind to mean anything: %v", counts)
	}
}

// drains makes a history of enqueues, dequeues and one drain at random, legal or not, and
// what the oracle is to make of it.
func drains(r *rand.Rand) (*history.History, []trial) {
	h := &history.History{}
	var all []trial
	open := map[int]history.Op{}
	begun := map[int]int{}
	did := false
	var elements []int64
	for range 6 + r.Intn(10) {
		p := r.Intn(3)
		op, busy := open[p]
		if !busy {
			op = history.Op{Process: p, F: "dequeue"}
			switch n := r.Intn(6); {
			case n < 3:
				op.F, op.Value = "enqueue", history.Int(int64(len(elements)+1))
				elements = append(elements, op.Value.A)
			case n == 3 && !did:
				op.F, did = "drain", true
			}
			begun[p] = h.Append(op)
			open[p] = op
			continue
		}
		delete(open, p)
		op.Type = history.OK
		t := trial{call: begun[p], process: p, f: op.F, arg: op.Value, out: op.Value}
		switch op.F {
		case "drain":
			r.Shuffle(len(elements), func(i, j int) { elements[i], elements[j] = elements[j], elements[i] })
			got := elements[:r.Intn(len(elements)+1)]
			op.Value = history.List(got)
			t.ret = h.Append(op)
			for _, n := range got {
				t.f, t.out = "dequeue", history.Int(n)
				all = append(all, t)
			}
			continue
		case "dequeue":
			if len(elements) == 0 {
				op.Type = history.Fail
				h.Append(op)
				continue
			}
			op.Value = history.Int(elements[0])
			t.out = op.Value
		}
		t.ret = h.Append(op)
		all = append(all, t)
	}
	for p, op := range open {
		t := trial{call: begun[p], ret: 1 << 20, process: p, f: op.F, arg: op.Value, pending: true}
		if op.F != "drain" {
			all = append(all, t)
			continue
		}
		t.f = "dequeue"
		for range elements {
			all = append(all, t)
		}
	}
	return h, all
}
