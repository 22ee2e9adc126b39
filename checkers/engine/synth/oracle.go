package synth

import (
	"math"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-dev/faultline/harness/history"
)

// The oracles share nothing with the checkers: they gather the operations themselves, know
// each object by one step function, and try orders without any idea of which may be good.

// Operation is one that an order has to account for.
type Operation struct {
	Call, Ret int // indices of events; Ret is far away if it is pending
	Key       int64
	Process   int
	F         string
	Arg, Out  history.Value
	Pending   bool // it may take effect at any time after its call, or never
}

// Model is a sequential object as an oracle knows it.
type Model struct {
	// Reads are the operations that leave it as it is: pending ones constrain nothing.
	Reads   []string
	Initial any
	// Step says whether an operation may stand in a state, which is comparable, and what it
	// makes of it. The result of a pending one is unknown.
	Step func(state any, o *Operation) (next any, ok bool)
	// Others are further states that a pending operation may leave behind, of which nobody
	// knows what it did; nil: there are none.
	Others func(state any, o *Operation) []any
	// Owned says that it matters which process an operation is of.
	Owned bool
	// Seen turns a failed operation into a read of what it saw, if it saw anything.
	Seen func(o *Operation, end history.Op) bool
	// Parts splits operations into ones that can be judged by themselves; nil: it cannot.
	Parts func(o *Operation) int64
}

// Gather reads the operations out of a history, in order of their calls. It leaves out
// what certainly did not happen and what was seen by nobody.
func (m *Model) Gather(h *history.History) []Operation {
	var ops []Operation
	open := map[int]int{}
	gone := map[int]bool{}
	for i := range h.Len() {
		e := h.At(i)
		if e.Process < 0 {
			continue
		}
		if e.Type == history.Invoke {
			open[e.Process] = len(ops)
			ops = append(ops, Operation{Call: i, Ret: math.MaxInt32, Key: e.Key, Process: e.Process, F: e.F, Arg: e.Value, Pending: true})
			continue
		}
		at := open[e.Process]
		o := &ops[at]
		switch {
		case e.Type == history.OK:
			o.Ret, o.Out, o.Pending = i, e.Value, false
		case e.Type == history.Fail && m.Seen != nil && m.Seen(o, e):
			o.Ret, o.Pending = i, false
		case e.Type == history.Fail:
			gone[at] = true
		}
	}
	kept := ops[:0]
	for i, o := range ops {
		if gone[i] || o.Pending && m.reads(o.F) {
			continue
		}
		kept = append(kept, o)
	}
	return kept
}

func (m *Model) reads(f string) bool {
	for _, r := range m.Reads {
		if r == f {
			return true
		}
	}
	return false
}

// Order reports whether the operations, 64 at most, on one object have a legal order that
// respects real time.
func (m *Model) Order(ops []Operation) bool {
	before := make([]uint64, len(ops)) // by operation, those that have to come before it
	for i := range ops {
		for j := range ops {
			if ops[j].Ret < ops[i].Call {
				before[i] |= 1 << j
			}
		}
	}
	return m.try(ops, before)
}

// Sequential is Order where only each process's own order counts.
func (m *Model) Sequential(ops []Operation) bool {
	before := make([]uint64, len(ops))
	for i := range ops {
		for j := range ops[:i] {
			if ops[j].Process == ops[i].Process {
				before[i] |= 1 << j
			}
		}
	}
	return m.try(ops, before)
}

// try tries all orders, and all choices of the pending operations that happened, but no two
// with the same operations done and the same state.
func (m *Model) try(ops []Operation, before []uint64) bool {
	type config struct {
		used  uint64
		state any
	}
	var must uint64
	for i := range ops {
		if !ops[i].Pending {
			must |= 1 << i
		}
	}
	tried := map[config]bool{}
	var try func(used uint64, state any) bool
	try = func(used uint64, state any) bool {
		if used&must == must {
			return true
		}
		at := config{used, state}
		if tried[at] {
			return false
		}
		tried[at] = true
		for i := range ops {
			if used&(1<<i) != 0 || before[i]&^used != 0 {
				continue
			}
			if next, ok := m.Step(state, &ops[i]); ok && try(used|1<<i, next) {
				return true
			}
			if m.Others == nil {
				continue
			}
			for _, next := range m.Others(state, &ops[i]) {
				if try(used|1<<i, next) {
					return true
				}
			}
		}
		return false
	}
	return try(0, m.Initial)
}

// Porcupine is the model as porcupine takes it, and the operations that it takes. Porcupine
// places every operation, so a pending one may also stand where it does nothing: those
// that never happened stand at the end. Not for models with Others.
func (m *Model) Porcupine(ops []Operation) (porcupine.Model, []porcupine.Operation) {
	all := make([]porcupine.Operation, len(ops))
	for i := range ops {
		all[i] = porcupine.Operation{ClientId: ops[i].Process, Input: &ops[i], Call: int64(ops[i].Call), Return: int64(ops[i].Ret)}
	}
	model := porcupine.Model{
		Init: func() any { return m.Initial },
		Step: func(state, input, _ any) (bool, any) {
			o := input.(*Operation)
			next, ok := m.Step(state, o)
			if !ok && o.Pending {
				return true, state
			}
			return ok, next
		},
	}
	parts := m.Parts
	if parts == nil {
		parts = func(o *Operation) int64 { return o.Key }
	}
	model.Partition = func(ops []porcupine.Operation) [][]porcupine.Operation {
		index := map[int64]int{}
		var out [][]porcupine.Operation
		for _, o := range ops {
			key := parts(o.Input.(*Operation))
			at, found := index[key]
			if !found {
				at = len(out)
				index[key], out = at, append(out, nil)
			}
			out[at] = append(out[at], o)
		}
		return out
	}
	return model, all
}
