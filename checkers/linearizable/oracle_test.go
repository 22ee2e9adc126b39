package linearizable

import (
	"cmp"
	"math/rand"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-dev/faultline/checkers/engine/replicas"
	"github.com/faultline-dev/faultline/checkers/engine/synth"
	"github.com/faultline-dev/faultline/harness/history"
)

// The oracles share nothing with the checker: they read the history themselves.

// plain is an operation as the oracles see it.
type plain struct {
	call, ret  int
	f          string
	arg, value history.Value
	crashed    bool
}

func plainly(h *history.History) (ops []plain) {
	for _, o := range replicas.Operations(h) {
		ops = append(ops, plain{o.Call, o.Ret, o.F, o.Arg, o.Value, o.Crashed})
	}
	return ops
}

// step applies an operation to a register, if it may stand there.
func (o plain) step(state history.Value) (history.Value, bool) {
	switch o.f {
	case "read":
		return state, state == o.value
	case "write":
		return o.arg, true
	}
	if state == history.Int(o.arg.A) {
		return history.Int(o.arg.B), true
	}
	return state, false
}

// mostOrdered is of how many operations all orders can be tried.
const mostOrdered = 64

// bruteForce tries every order, and every choice of the crashed operations that happened.
func bruteForce(ops []plain) bool {
	all := make([]synth.Operation, len(ops))
	for i, o := range ops {
		all[i] = synth.Operation{Call: o.call, Ret: o.ret, F: o.f, Arg: o.arg, Out: o.value, Pending: o.crashed}
	}
	return synth.ModelOf("register").Order(all)
}

// byPorcupine is porcupine with nothing before it.
func byPorcupine(ops []plain) bool {
	var history_ []porcupine.Operation
	for _, o := range ops {
		history_ = append(history_, porcupine.Operation{Input: o, Call: int64(o.call), Return: int64(o.ret)})
	}
	return porcupine.CheckOperations(porcupine.Model{
		Init: func() any { return history.Nil },
		Step: func(state, input, _ any) (bool, any) {
			next, ok := input.(plain).step(state.(history.Value))
			return ok || input.(plain).crashed, next
		},
	}, history_)
}

// shape of a random history.
type shape struct {
	ops, processes int
	crash          float64 // of the mutations
	unique         bool
	cas            bool
	spoil          bool // one answer is changed
	past           bool // to a value that somebody had begun to write
	values         int  // how many there are, if not unique; 0 means 3
}

// generate runs random operations against a real register, each taking effect at some
// moment between its events (a crashed one maybe later, maybe never), so the history is
// linearizable unless it is spoilt.
func generate(r *rand.Rand, s shape) *history.History {
	type flight struct {
		op     history.Op
		done   bool // took effect
		result history.Op
	}
	h := &history.History{}
	state, next, names := history.Nil, int64(0), s.processes
	process := make([]int, s.processes)
	busy := make([]*flight, s.processes)
	var lost []*flight
	for p := range process {
		process[p] = p
	}
	value := func() int64 {
		if s.unique {
			next++
			return next
		}
		return 1 + r.Int63n(int64(cmp.Or(s.values, 3)))
	}
	effect := func(f *flight) {
		f.done, f.result = true, f.op
		f.result.Type = history.OK
		switch f.op.F {
		case "read":
			f.result.Value = state
		case "write":
			state = f.op.Value
		case "cas":
			if state == history.Int(f.op.Value.A) {
				state = history.Int(f.op.Value.B)
				return
			}
			f.result.Type, f.result.Error = history.Fail, "mismatch"
			if state.Kind == history.KindInt && r.Intn(2) == 0 {
				f.result.Value = state
			}
		}
	}
	var now int64
	for started := 0; ; {
		now += 1 + r.Int63n(1e6)
		p := r.Intn(s.processes)
		f := busy[p]
		switch {
		case len(lost) > 0 && r.Intn(4) == 0:
			i := r.Intn(len(lost))
			if !lost[i].done {
				effect(lost[i])
			}
		case f == nil && started < s.ops:
			started++
			op := history.Op{Time: now, Process: process[p], Type: history.Invoke, F: "read"}
			switch k := r.Intn(5); {
			case k < 2:
				op.F, op.Value = "write", history.Int(value())
			case k == 2 && s.cas:
				old := state.A
				if r.Intn(3) == 0 {
					old = 1 + r.Int63n(max(3, next))
				}
				if v := value(); v != old || !s.unique {
					op.F, op.Value = "cas", history.Pair(old, v)
				}
			}
			h.Append(op)
			busy[p] = &flight{op: op}
		case f == nil:
			idle := true
			for _, f := range busy {
				idle = idle && f == nil
			}
			if idle {
				return spoil(r, h, s)
			}
		case !f.done && f.op.F != "read" && r.Float64() < s.crash:
			lost = append(lost, f)
			if r.Intn(2) == 0 {
				end := f.op
				end.Time, end.Type, end.Error = now, history.Info, "timeout"
				h.Append(end)
			}
			busy[p], process[p] = nil, names
			names++
		case !f.done:
			effect(f)
		default:
			f.result.Time = now
			h.Append(f.result)
			busy[p] = nil
		}
	}
}

// spoil changes one answer to another value of the history, perhaps.
func spoil(r *rand.Rand, h *history.History, s shape) *history.History {
	if !s.spoil {
		return h
	}
	var reads []int
	var values []history.Value
	for i := range h.Len() {
		switch op := h.At(i); {
		case op.Type == history.OK && op.F == "read":
			reads, values = append(reads, i), append(values, op.Value)
		case op.Type == history.Invoke && op.F == "write":
			values = append(values, op.Value)
		}
	}
	if len(reads) == 0 {
		return h
	}
	at, v := reads[r.Intn(len(reads))], values[r.Intn(len(values))]
	if s.past {
		v = history.Nil
		for i := range at {
			if op := h.At(i); op.Type == history.Invoke && op.F == "write" && r.Intn(4) > 0 {
				v = op.Value // most likely one of the latest
			}
		}
	}
	out := &history.History{}
	for i := range h.Len() {
		op := h.At(i)
		if i == at {
			op.Value = v
		}
		out.Append(op)
	}
	return out
}

// gathered is the one register of a history, with all its operations.
func gathered(h *history.History) *subject {
	g := newGathering(h, history.Nil)
	g.gather()
	return g.all[0]
}
