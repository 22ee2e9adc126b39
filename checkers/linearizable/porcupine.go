package linearizable

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// Porcupine is the engine for objects that only a user knows. It can be told a time, but not
// a memory, and when it gives up at its time it does not wait for its own goroutines. Both
// are put right in the model's step function: once the brake is pulled no step is legal any
// more, so the search unwinds by itself, at once, and its answer is thrown away.

// Porcupine returns a checker, of a name of its own, of an object that a porcupine model
// tells: whether a history of it is linearizable, by depth-first search (after Wing and
// Gong, "Testing and verifying concurrent objects", 1993, with Lowe's cache of 2017).
//
// operations turns a history into porcupine's operations; nil stands for Operations. The
// model has to allow, for an operation that never returned, any effect that it may have
// had, and none.
func Porcupine(name string, model porcupine.Model, operations func(*history.History) ([]porcupine.Operation, error)) checkers.Checker {
	if operations == nil {
		operations = Operations
	}
	return byModel{name, model, operations}
}

// Operations makes porcupine's operations of a history: of each operation of a client but
// those that certainly did not happen, the invocation (a history.Op) as input and the
// completion (a history.Op) as output. One that never completed, or nobody knows how, has
// an output of type info and returns at the end of time.
func Operations(h *history.History) ([]porcupine.Operation, error) {
	var ops []porcupine.Operation
	match := h.Completions()
	for i := range h.Len() {
		e := h.At(i)
		if e.Type != history.Invoke || e.Process < 0 {
			continue
		}
		done, end := e, int64(math.MaxInt64)
		done.Type = history.Info
		if match[i] >= 0 {
			if done = h.At(int(match[i])); done.Type != history.Info {
				end = int64(match[i])
			}
		}
		if done.Type != history.Fail {
			ops = append(ops, porcupine.Operation{ClientId: e.Process, Input: e, Output: done, Call: int64(i), Return: end})
		}
	}
	return ops, nil
}

type byModel struct {
	name       string
	model      porcupine.Model
	operations func(*history.History) ([]porcupine.Operation, error)
}

func (c byModel) Name() string { return c.name }

func (c byModel) Check(ctx context.Context, h *history.History, budget checkers.Budget) checkers.Result {
	budget = budget.OrDefault()
	begin := time.Now()
	result := checkers.Result{Checker: c.name}
	unknown := func(reason string) checkers.Result {
		result.Valid, result.Reason = checkers.Unknown, reason
		return result
	}
	if c.model.Step == nil && c.model.StepContext == nil || c.model.Init == nil {
		return unknown("the model has no step function, or no first state")
	}
	ops, err := c.operations(h)
	if err != nil {
		return unknown(err.Error())
	}
	ctx, cancel := context.WithDeadline(ctx, begin.Add(budget.Time))
	defer cancel()
	b := &brake{ctx: ctx}
	end := watch(budget.Memory, func() { b.pull(errMemory) })
	defer end()
	model := b.model(c.model)
	ok := porcupine.CheckOperations(model, ops)
	result.Figures = append(result.Figures,
		checkers.Figure{Name: "operations", Value: float64(len(ops)), Note: "by porcupine: depth-first search (Wing and Gong 1993, Lowe 2017)"},
		checkers.Figure{Name: "check time", Value: time.Since(begin).Seconds(), Unit: "s"})
	switch why := b.why(); {
	case why != nil:
		return unknown(fmt.Sprintf("of the %d operations no legal order was found, nor ruled out: %v", len(ops), why))
	case !ok:
		result.Valid = checkers.Invalid
		_, info := porcupine.CheckOperationsVerbose(model, ops, 0)
		result.Anomalies = []checkers.Anomaly{{Name: "nonlinearizable", Sentence: stuckSentence(ops, info)}}
	}
	return result
}

// stuckSentence says how far a search came in the part of the history that has no legal
// order: of each part that porcupine was to look at by itself, the longest order counts.
func stuckSentence(ops []porcupine.Operation, info porcupine.LinearizationInfo) string {
	text := fmt.Sprintf("the %d operations have no legal order", len(ops))
	placed := 0
	for _, orders := range info.PartialLinearizations() {
		longest := 0
		for _, order := range orders {
			longest = max(longest, len(order))
		}
		placed += longest
	}
	if placed == 0 {
		return text
	}
	return fmt.Sprintf("%s; the longest that was found holds %d of them", text, placed)
}

// What pulls a brake.
var (
	errTime        = errors.New("its time was over")
	errMemory      = errors.New("its memory was used up")
	errInterrupted = errors.New("it was interrupted")
)

// brake stops a search: when its context is done, or somebody pulls it.
type brake struct {
	ctx    context.Context
	steps  atomic.Uint32
	pulled atomic.Pointer[error]
}

func (b *brake) pull(why error) { b.pulled.CompareAndSwap(nil, &why) }

func (b *brake) why() error {
	if p := b.pulled.Load(); p != nil {
		return *p
	}
	return nil
}

// on reports whether the search has to stop; it is asked at every step.
func (b *brake) on() bool {
	if b.steps.Add(1)&255 == 0 {
		switch err := b.ctx.Err(); {
		case errors.Is(err, context.DeadlineExceeded):
			b.pull(errTime)
		case err != nil:
			b.pull(errInterrupted)
		}
	}
	return b.pulled.Load() != nil
}

// guard is deferred around the user's functions, which porcupine calls in goroutines of its
// own, where a panic would take down everything.
func (b *brake) guard() {
	if p := recover(); p != nil {
		b.pull(fmt.Errorf("the model failed: %v", p))
	}
}

// model is the user's model with the brake in it.
func (b *brake) model(m porcupine.Model) porcupine.Model {
	step, equal, hash := m.StepContext, m.Equal, m.Hash
	if step == nil {
		plain := m.Step
		step = func(_ context.Context, state, input, output any) (bool, any) { return plain(state, input, output) }
	}
	if equal == nil {
		equal = func(a, b any) bool { return a == b }
	}
	m.Step = nil
	first := m.Init
	m.Init = func() (state any) {
		defer b.guard()
		return first()
	}
	m.StepContext = func(ctx context.Context, state, input, output any) (ok bool, next any) {
		defer b.guard()
		if b.on() {
			return false, state
		}
		return step(ctx, state, input, output)
	}
	m.Equal = func(x, y any) (same bool) {
		defer b.guard()
		return equal(x, y)
	}
	if hash != nil {
		m.Hash = func(state any) (n uint64) {
			defer b.guard()
			return hash(state)
		}
	}
	return m
}

// watch calls stop whenever the heap has grown by more than memory bytes. It looks at what
// the runtime counts anyway, and only collects garbage to be sure when that seems too
// much. The returned function ends it and waits until it has ended.
func watch(memory int64, stop func()) (end func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	base := heap()
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			if heap()-base <= memory {
				continue
			}
			if runtime.GC(); heap()-base > memory {
				stop()
			}
		}
	}()
	return func() { close(quit); <-done }
}

// heap is the number of bytes in objects, dead ones that are not yet swept included.
func heap() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(sample[0].Value.Uint64())
}
