package object

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/harness/history"
)

// The oracle: plain models of the objects, which work on a history's own values and share
// nothing with the table of types, and a trial of every order.

// thing is an object of the oracle. do carries out an operation and returns its result.
type thing interface {
	do(process int, f string, arg history.Value) (result history.Value, ok bool)
	clone() thing
	String() string
}

// sequence is a queue, a stack, a bag, a priority queue or a list.
type sequence struct {
	kind  string
	items []history.Value
}

func (x *sequence) clone() thing   { return &sequence{x.kind, slices.Clone(x.items)} }
func (x *sequence) String() string { return fmt.Sprint(x.items) }

func (x *sequence) do(_ int, f string, arg history.Value) (history.Value, bool) {
	switch f {
	case "enqueue", "push", "insert", "append":
		x.items = append(x.items, arg)
		return arg, true
	case "read":
		var ns []int64
		for _, v := range x.items {
			ns = append(ns, v.A)
		}
		return history.List(ns), true
	}
	if len(x.items) == 0 {
		return history.Nil, true
	}
	at := 0
	switch x.kind {
	case "stack":
		at = len(x.items) - 1
	case "bag":
		return history.Nil, false // the caller has to say which: see fits
	case "priority-queue":
		for i, v := range x.items {
			if v.A < x.items[at].A {
				at = i
			}
		}
	}
	out := x.items[at]
	x.items = slices.Delete(x.items, at, at+1)
	return out, true
}

type elements map[int64]bool

func (x elements) clone() thing {
	y := elements{}
	for k := range x {
		y[k] = true
	}
	return y
}

func (x elements) String() string { return fmt.Sprint(map[int64]bool(x)) }

func truth(b bool) history.Value { return history.EDN(fmt.Sprint(b)) }

func (x elements) do(_ int, f string, arg history.Value) (history.Value, bool) {
	in := x[arg.A]
	switch f {
	case "add":
		x[arg.A] = true
		return truth(!in), true
	case "remove":
		delete(x, arg.A)
		return truth(in), true
	case "contains":
		return truth(in), true
	}
	var ns []int64
	for k := range x {
		ns = append(ns, k)
	}
	slices.Sort(ns)
	return history.List(ns), true
}

type holder struct {
	process int // -1: nobody
	token   int64
	fenced  bool
}

func (x *holder) clone() thing   { y := *x; return &y }
func (x *holder) String() string { return fmt.Sprint(*x) }

func (x *holder) do(process int, f string, _ history.Value) (history.Value, bool) {
	if f == "release" {
		ok := x.process == process
		x.process = -1
		return history.Nil, ok
	}
	ok := x.process < 0
	x.process = process
	if x.token++; x.token < -500 {
		x.token = -500 // the first token is greater than none at all, by far
	}
	if x.fenced {
		return history.Int(x.token), ok
	}
	return history.Nil, ok
}

type total int64

func (x *total) clone() thing   { y := *x; return &y }
func (x *total) String() string { return fmt.Sprint(int64(*x)) }

func (x *total) do(_ int, f string, arg history.Value) (history.Value, bool) {
	switch f {
	case "add", "add-and-get":
		*x += total(arg.A)
	case "decrement":
		*x -= total(arg.A)
	}
	if f == "read" || f == "add-and-get" {
		return history.Int(int64(*x)), true
	}
	return history.Nil, true
}

// registers of the oracle are few, and their values small.
type registers [3]int64

func (x *registers) clone() thing   { y := *x; return &y }
func (x *registers) String() string { return fmt.Sprint(*x) }

func show(n int64) string {
	if n == 0 {
		return "nil"
	}
	return fmt.Sprint(n)
}

func (x *registers) do(_ int, f string, arg history.Value) (history.Value, bool) {
	var parts []string
	switch f {
	case "read":
		for i, n := range x {
			parts = append(parts, fmt.Sprintf("%d %s", i, show(n)))
		}
		return history.EDN("{" + strings.Join(parts, " ") + "}"), true
	case "write":
		all, _ := arg.Items()
		for i := 0; i < len(all); i += 2 {
			x[all[i].A] = all[i+1].A
		}
		return arg, true
	}
	all, _ := arg.Items()
	for _, e := range all {
		step, _ := e.Items()
		if step[0].S == ":w" {
			x[step[1].A] = step[2].A
		}
		parts = append(parts, fmt.Sprintf("[%s %d %s]", step[0].S, step[1].A, show(x[step[1].A])))
	}
	return history.EDN("[" + strings.Join(parts, " ") + "]"), true
}

// objects are how the oracle makes and drives each type.
var objects = map[string]struct {
	make func() thing
	next func(r *rand.Rand, serial int64) (string, history.Value)
}{
	"queue":          {func() thing { return &sequence{kind: "queue"} }, puts("enqueue", "dequeue")},
	"stack":          {func() thing { return &sequence{kind: "stack"} }, puts("push", "pop")},
	"bag":            {func() thing { return &sequence{kind: "bag"} }, puts("enqueue", "dequeue")},
	"priority-queue": {func() thing { return &sequence{kind: "priority-queue"} }, puts("insert", "delete-min")},
	"list":           {func() thing { return &sequence{kind: "list"} }, puts("append", "read")},
	"set": {func() thing { return elements{} }, func(r *rand.Rand, _ int64) (string, history.Value) {
		f := []string{"add", "add", "remove", "contains", "contains", "read"}[r.Intn(6)]
		if f == "read" {
			return f, history.Nil
		}
		return f, history.Int(r.Int63n(3))
	}},
	"mutex":       {func() thing { return &holder{process: -1} }, nil},
	"fenced-lock": {func() thing { return &holder{process: -1, token: -1000, fenced: true} }, nil},
	"counter": {func() thing { return new(total) }, func(r *rand.Rand, _ int64) (string, history.Value) {
		f := []string{"add", "add", "decrement", "add-and-get", "read", "read"}[r.Intn(6)]
		if f == "read" {
			return f, history.Nil
		}
		return f, history.Int(1 + r.Int63n(2))
	}},
	"multi-register": {func() thing { return new(registers) }, func(r *rand.Rand, _ int64) (string, history.Value) {
		switch r.Intn(3) {
		case 0:
			return "read", history.Nil
		case 1:
			return "write", history.EDN(fmt.Sprintf("{%d %d}", r.Intn(3), 1+r.Intn(3)))
		}
		return "txn", history.EDN(fmt.Sprintf("[[:r %d nil] [:w %d %d] [:r %d nil]]", r.Intn(3), r.Intn(3), 1+r.Intn(3), r.Intn(3)))
	}},
}

// puts makes half of the operations puts, of elements that are unique or, every other
// history, are not.
func puts(put, take string) func(*rand.Rand, int64) (string, history.Value) {
	return func(r *rand.Rand, serial int64) (string, history.Value) {
		if r.Intn(2) == 0 {
			return take, history.Nil
		}
		if serial >= 1000 {
			return put, history.Int(1 + r.Int63n(3))
		}
		return put, history.Int(serial)
	}
}

// trial is one operation as the oracle tries it.
type trial struct {
	call, ret int
	process   int
	f         string
	arg, out  history.Value
	pending   bool
}

// trials reads a history.
func trials(h *history.History) []trial {
	var all []trial
	match := h.Completions()
	for i := range h.Len() {
		e := h.At(i)
		if e.Type != history.Invoke {
			continue
		}
		t := trial{call: i, ret: h.Len(), process: e.Process, f: e.F, arg: e.Value, pending: true}
		if match[i] >= 0 {
			done := h.At(int(match[i]))
			switch done.Type {
			case history.Fail:
				continue
			case history.OK:
				t.ret, t.out, t.pending = int(match[i]), done.Value, false
			}
		}
		all = append(all, t)
	}
	return all
}

// linearizable tries all orders.
func linearizable(x thing, all []trial) bool {
	done := make([]bool, len(all))
	seen := map[string]bool{}
	var try func(x thing) bool
	try = func(x thing) bool {
		key := fmt.Sprint(done, x)
		if seen[key] {
			return false
		}
		seen[key] = true
		first, finished := 1<<30, true // the earliest return of what is left
		for i, t := range all {
			if !done[i] && !t.pending {
				first, finished = min(first, t.ret), false
			}
		}
		if finished {
			return true
		}
		for i, t := range all {
			if done[i] || t.call > first {
				continue
			}
			done[i] = true
			for _, y := range fits(x, t) {
				if try(y) {
					return true
				}
			}
			done[i] = false
		}
		return false
	}
	return try(x)
}

// fits is what the object may be after the operation.
func fits(x thing, t trial) []thing {
	if s, ok := x.(*sequence); ok && s.kind == "bag" && t.f == "dequeue" && len(s.items) > 0 {
		var after []thing
		for i, v := range s.items {
			if t.pending || t.out == v {
				y := s.clone().(*sequence)
				y.items = slices.Delete(y.items, i, i+1)
				after = append(after, y)
			}
		}
		return after
	}
	if l, ok := x.(*holder); ok && l.fenced && t.f == "acquire" {
		token := l.token + 1 // the least that it can have been
		if !t.pending {
			token = max(token, t.out.A)
		}
		if l.process >= 0 || !t.pending && t.out.A != token {
			return nil
		}
		return []thing{&holder{t.process, token, true}}
	}
	y := x.clone()
	out, ok := y.do(t.process, t.f, t.arg)
	if !ok || !t.pending && !t.tells(out) {
		return nil
	}
	return []thing{y}
}

// tells reports whether a completion agrees with the result.
func (t trial) tells(out history.Value) bool {
	switch t.f {
	case "add", "remove":
		if _, known := boolean(out); known {
			said, told := boolean(t.out)
			truly, _ := boolean(out)
			return !told || said == truly
		}
		return true
	case "enqueue", "push", "insert", "append", "decrement", "write":
		return true
	}
	return t.out == out
}
