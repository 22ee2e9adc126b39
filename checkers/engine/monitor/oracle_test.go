package monitor

import (
	"cmp"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// The oracles know the objects only as sequential code and share nothing with the monitors.

// object is a sequential object. Its state is a string, so that porcupine can compare it;
// step says what o may leave if it stands there; nothing if it may not.
type object struct {
	name  string
	funcs []Func
	check func([]Op, Options) Result
	step  func(state string, o Op) []string
}

// leaves is what is left by o that did what it had to, or of which nobody knows what it did.
func leaves(state string, o Op, ok bool) []string {
	if ok || o.Ret == Pending {
		return []string{state}
	}
	return nil
}

// An element is width bytes of the state: its number, three, and its priority.
const width = 4

func encode(o Op) string {
	return string([]byte{byte(o.V >> 16), byte(o.V >> 8), byte(o.V), byte(o.P)})
}

func number(line string, k int) int32 {
	return int32(line[k])<<16 | int32(line[k+1])<<8 | int32(line[k+2])
}

// container makes the step of an object that keeps elements in a line and takes them at
// some place of it.
func container(at func(line string) int) func(string, Op) []string {
	return func(line string, o Op) []string {
		if o.F == Put {
			return []string{line + encode(o)}
		}
		if line == "" {
			return leaves(line, o, o.V == Empty)
		}
		k := at(line)
		return leaves(line[:k]+line[k+width:], o, o.V == number(line, k))
	}
}

// priorityStep takes any of the elements with the least priority.
func priorityStep(line string, o Op) (left []string) {
	if o.F == Put || line == "" {
		return container(nil)(line, o)
	}
	least := byte(255)
	for k := 0; k < len(line); k += width {
		least = min(least, line[k+3])
	}
	for k := 0; k < len(line); k += width {
		if line[k+3] == least && (o.Ret == Pending || number(line, k) == o.V) {
			left = append(left, line[:k]+line[k+width:])
		}
	}
	return left
}

func counterStep(state string, o Op) []string {
	n := int64(len(state))
	switch {
	case o.F == Read:
		return leaves(state, o, n == o.P)
	case o.F == Count && o.Ret != Pending && n+1 != o.P:
		return nil
	}
	return []string{state + "."}
}

// lockStep has the owner and the last token for its state.
func lockStep(state string, o Op) []string {
	owner, last := int32(-2), int64(NoToken)
	if state != "" {
		fmt.Sscan(state, &owner, &last)
	}
	switch {
	case o.F == Release && owner == o.V:
		return []string{fmt.Sprint(-2, " ", last)}
	case o.F == Release || owner != -2:
		return leaves(state, o, false)
	case o.P == NoToken || o.Ret == Pending:
		if last != NoToken {
			last++
		}
		return []string{fmt.Sprint(o.V, " ", last)}
	case o.P <= last:
		return nil
	}
	return []string{fmt.Sprint(o.V, " ", o.P)}
}

func setStep(line string, o Op) []string {
	k := 0
	for k < len(line) && number(line, k) < o.V {
		k += width
	}
	in := k < len(line) && number(line, k) == o.V
	switch {
	case o.F == Present:
		return leaves(line, o, in)
	case o.F == Absent:
		return leaves(line, o, !in)
	case o.F == Put && in, o.F == Take && !in:
		return leaves(line, o, false)
	case o.F == Put:
		return []string{line[:k] + encode(Op{V: o.V}) + line[k:]}
	}
	return []string{line[:k] + line[k+width:]}
}

var objects = []object{
	{"set", []Func{Put, Take, Present, Absent}, Set, setStep},
	{"queue", []Func{Put, Take}, Queue, container(func(string) int { return 0 })},
	{"stack", []Func{Put, Take}, Stack, container(func(line string) int { return len(line) - width })},
	{"priority queue", []Func{Put, Take}, PriorityQueue, priorityStep},
	{"counter", []Func{Increment, Count, Read}, Counter, counterStep},
	{"mutex", []Func{Acquire, Release}, Mutex, func(state string, o Op) []string {
		return lockStep(state, Op{Ret: o.Ret, F: o.F, V: Empty, P: NoToken})
	}},
	{"owned mutex", []Func{Acquire, Release}, Mutex, func(state string, o Op) []string {
		o.P = NoToken
		return lockStep(state, o)
	}},
	{"lock", []Func{Acquire, Release}, Lock, lockStep},
}

// bruteForce tries every order, and every choice of the pending operations that happened.
func (x object) bruteForce(ops []Op) bool {
	if len(ops) > 30 {
		panic("too long for brute force")
	}
	dead := map[string]bool{}
	var try func(used uint32, state string) bool
	try = func(used uint32, state string) bool {
		key := fmt.Sprint(used, state)
		if dead[key] {
			return false
		}
		rest := false
		for i, o := range ops {
			if used&(1<<i) != 0 {
				continue
			}
			rest = rest || o.Ret != Pending
			early := true
			for j, p := range ops {
				if used&(1<<j) == 0 && p.Ret < o.Call {
					early = false
				}
			}
			if !early {
				continue
			}
			for _, next := range x.step(state, o) {
				if try(used|1<<i, next) {
					return true
				}
			}
		}
		dead[key] = rest
		return !rest
	}
	return try(0, "")
}

// byPorcupine asks porcupine, which may not find an answer in time.
func (x object) byPorcupine(ops []Op, limit time.Duration) porcupine.CheckResult {
	var history []porcupine.Operation
	for _, o := range ops {
		history = append(history, porcupine.Operation{Input: o, Call: int64(o.Call), Return: int64(o.Ret)})
	}
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{""} },
		Step: func(state, input, _ any) (left []any) {
			for _, next := range x.step(state.(string), input.(Op)) {
				left = append(left, next)
			}
			return left
		},
	}
	return porcupine.CheckOperationsTimeout(model.ToModel(), history, limit)
}

// replay says what is wrong with an order that is claimed to be legal.
func (x object) replay(ops []Op, order []int32) string {
	states, done, latest := []string{""}, make([]bool, len(ops)), int32(-1)
	for k, i := range order {
		o := ops[i]
		if done[i] {
			return fmt.Sprintf("operation %d stands in it twice", i)
		}
		done[i] = true
		if o.Ret < latest {
			return fmt.Sprintf("operation %d had returned before one before it was called", i)
		}
		latest = max(latest, o.Call)
		var next []string
		for _, state := range states {
			next = append(next, x.step(state, o)...)
		}
		if len(next) == 0 {
			return fmt.Sprintf("operation %d (place %d) cannot do what it did in states %q", i, k, states)
		}
		slices.Sort(next)
		states = slices.Compact(next)
	}
	for i, o := range ops {
		if !done[i] && o.Ret != Pending {
			return fmt.Sprintf("operation %d is missing", i)
		}
	}
	return ""
}

// shape of a random history.
type shape struct {
	ops, clients int
	crash        float64
	puts         float64 // the share of puts among what may be done
	levels       int64   // of priority
}

// generate lets clients work on the object, each operation taking effect at a random moment
// between its events (a crashed one maybe later, maybe never), so the history is legal.
func (x object) generate(r *rand.Rand, s shape) []Op {
	if x.funcs[0] != Put {
		return x.scripted(r, s)
	}
	var ops []Op
	state, now, next := "", int32(0), int32(0)
	busy := make([]int, s.clients) // index + 1, negative once it took effect
	var lost []int
	effect := func(i int) {
		o := &ops[i]
		o.Ret = 0 // so that the object minds the result
		state = x.perform(r, state, o)
		o.Ret = Pending
	}
	for {
		p := r.Intn(s.clients)
		i := busy[p]
		switch {
		case len(lost) > 0 && r.Intn(4) == 0:
			effect(lost[0])
			ops[lost[0]].V = x.forget(ops[lost[0]])
			lost = lost[1:]
		case i == 0 && len(ops) < s.ops:
			o := Op{Call: now, Ret: Pending, F: x.funcs[r.Intn(len(x.funcs))], P: r.Int63n(s.levels)}
			if r.Float64() < s.puts {
				o.F = x.funcs[0]
			}
			o.V, next = x.argument(r, o.F, next)
			ops = append(ops, o)
			now++
			busy[p] = len(ops)
		case i == 0:
			if !slices.ContainsFunc(busy, func(i int) bool { return i != 0 }) {
				return ops
			}
		case i > 0 && r.Float64() < s.crash:
			if r.Intn(2) == 0 {
				lost = append(lost, i-1)
			}
			ops[i-1].V = x.forget(ops[i-1])
			busy[p] = 0
		case i > 0:
			effect(i - 1)
			busy[p] = -i
		case r.Float64() < s.crash:
			ops[-i-1].V = x.forget(ops[-i-1])
			busy[p] = 0
		default:
			ops[-i-1].Ret = now
			now++
			busy[p] = 0
		}
	}
}

// scatter makes a history of intervals and results drawn at random, each result seen once.
func (x object) scatter(r *rand.Rand, s shape) []Op {
	if x.funcs[0] != Put {
		return x.disturb(r, x.scripted(r, s))
	}
	elements := 1 + r.Intn(5)
	var ops []Op
	for v := range int32(elements) {
		ops = append(ops, Op{F: Put, V: v, P: r.Int63n(s.levels)})
		if r.Intn(3) > 0 {
			ops = append(ops, Op{F: Take, V: v})
		}
	}
	for range r.Intn(4) {
		o := Op{F: x.funcs[1+r.Intn(len(x.funcs)-1)], V: Empty}
		if x.name == "set" {
			o.F, o.V = Present+Func(r.Intn(2)), r.Int31n(int32(elements))
		}
		ops = append(ops, o)
	}
	r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	// Events in an order that is roughly that of the elements, so that it makes some sense.
	type event struct {
		at  float64
		op  int
		end bool
	}
	var events []event
	width := 0.5 + 2.5*r.Float64()
	for i := range ops {
		at := float64(ops[i].V) + 3*r.Float64()*btof(ops[i].F != Put)
		if ops[i].V == Empty {
			at = float64(elements) * r.Float64()
		}
		events = append(events, event{at, i, false}, event{at + width*r.Float64(), i, true})
	}
	slices.SortFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	for k, e := range events {
		if !e.end {
			ops[e.op].Call = int32(k)
		} else if ops[e.op].Ret = int32(k); r.Float64() < s.crash {
			ops[e.op].Ret = Pending
			ops[e.op].V = x.forget(ops[e.op])
		}
	}
	return ops
}

func btof(b bool) float64 { return float64(btoi(b)) }

// argument draws what an operation is called with.
func (x object) argument(r *rand.Rand, f Func, next int32) (int32, int32) {
	switch {
	case f == Put:
		return next, next + 1
	case x.name == "set":
		return max(0, next-r.Int31n(3)), next
	}
	return Empty, next
}

// forget returns the V of an operation whose result nobody saw.
func (x object) forget(o Op) int32 {
	if o.F == Take && x.name != "set" {
		return Empty
	}
	return o.V
}

// perform lets o take effect, with whatever result is right.
func (x object) perform(r *rand.Rand, state string, o *Op) string {
	var tries []Op
	for v := int32(Empty); v < 20; v++ {
		for _, f := range x.funcs {
			t := *o
			if t.F != Put && x.name != "set" {
				t.V = v
			}
			if t.F != Put && x.name == "set" {
				if f == Put {
					continue
				}
				t.F = f
			}
			tries = append(tries, t)
		}
	}
	// What was asked for first; a set's remove that finds nothing is an Absent.
	slices.SortStableFunc(tries, func(a, b Op) int {
		return cmp.Compare(btoi(a.F != o.F), btoi(b.F != o.F))
	})
	for _, t := range tries {
		if next := x.step(state, t); len(next) > 0 {
			*o = t
			return next[r.Intn(len(next))]
		}
	}
	panic("an operation cannot be done")
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// spoil changes a result or two, or moves an event.
func (x object) spoil(r *rand.Rand, ops []Op) []Op {
	if x.funcs[0] != Put {
		return x.disturb(r, ops)
	}
	ops = slices.Clone(ops)
	for range 1 + r.Intn(2) {
		i := r.Intn(len(ops))
		o := &ops[i]
		switch k := r.Intn(4); {
		case k == 0 && x.name == "set" && o.F == Present:
			o.F = Absent
		case k == 0 && x.name == "set" && o.F == Absent:
			o.F = Present
		case k <= 1 && o.Ret != Pending && x.name != "set":
			// Two takes swap their results, or one gets another.
			j := r.Intn(len(ops))
			p := &ops[j]
			if o.F == Take && p.F == Take && p.Ret != Pending {
				o.V, p.V = p.V, o.V
			} else if o.F == Take {
				o.V = Empty
				if p.F == Put && r.Intn(3) > 0 {
					o.V = p.V
				}
			}
		case k == 2 && o.Ret != Pending:
			// Two neighbouring events change places, whatever that does.
			j := r.Intn(len(ops))
			if p := &ops[j]; p.Ret != Pending && p.Ret > o.Call && o.Ret > p.Call {
				o.Ret, p.Ret = p.Ret, o.Ret
			}
		default:
			j := r.Intn(len(ops))
			if p := &ops[j]; p.Call < o.Ret && o.Call < p.Ret {
				o.Call, p.Call = p.Call, o.Call
			}
		}
	}
	return ops
}

func dump(ops []Op) string {
	var b strings.Builder
	for i, o := range ops {
		ret := fmt.Sprint(o.Ret)
		if o.Ret == Pending {
			ret = "-"
		}
		fmt.Fprintf(&b, "%2d  [%d, %s]  %v %d  %d\n", i, o.Call, ret, o.F, o.V, o.P)
	}
	return b.String()
}
