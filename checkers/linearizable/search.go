package linearizable

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-dev/faultline/checkers"
)

// A register that writes some value twice is decided by search: porcupine tries orders
// (after Wing and Gong, with Lowe's cache), exponentially many at worst, so it is bounded.
//
// Porcupine can be told a time, but not a memory, and when it gives up at its time it does
// not wait for its own goroutine. Both are put right in the model's step function: once
// the brake is pulled no step is legal any more, so the search unwinds by itself, at once,
// and its answer is thrown away.

// brake stops searches: when their time is over, their context done, or somebody pulls it.
type brake struct {
	ctx      context.Context
	deadline time.Time
	pulled   atomic.Bool
	memory   atomic.Bool // it was pulled because the memory is used up
	steps    int
}

// on reports whether the search has to stop; it is asked at every step, by one goroutine.
func (b *brake) on() bool {
	if b.steps++; b.steps&255 == 0 && (b.ctx.Err() != nil || time.Now().After(b.deadline)) {
		b.pulled.Store(true)
	}
	return b.pulled.Load()
}

// why tells what stopped a search that was given so much time.
func (b *brake) why(slice time.Duration) string {
	switch {
	case b.memory.Load():
		return "the search for a legal order used up its memory"
	case context.Cause(b.ctx) != nil && !errors.Is(b.ctx.Err(), context.DeadlineExceeded):
		return "the search for a legal order was interrupted"
	}
	return fmt.Sprintf("no legal order was found, nor ruled out, within %s", checkers.Span(int64(slice)))
}

// outcome is what a search came to.
type outcome uint8

const (
	legal outcome = iota
	illegal
	stopped
)

// search decides the prefix of the history up to event limit. If ordered it also returns
// a legal order, where there is one; that is dearer.
func (s *subject) search(limit int32, ordered bool, b *brake) (outcome, []int32) {
	var history []porcupine.Operation
	var index []int32
	for i, o := range s.ops {
		if o.call > limit {
			break
		}
		if o.ret > limit {
			if o.ret = pending; !o.mutates() {
				continue
			}
		}
		history = append(history, porcupine.Operation{Input: &o, Call: int64(o.call), Return: int64(o.ret)})
		index = append(index, int32(i))
	}
	model := registerModel(b)
	if !ordered {
		ok := porcupine.CheckOperations(model, history)
		switch {
		case b.pulled.Load():
			return stopped, nil
		case ok:
			return legal, nil
		}
		return illegal, nil
	}
	result, info := porcupine.CheckOperationsVerbose(model, history, 0)
	switch {
	case b.pulled.Load():
		return stopped, nil
	case result != porcupine.Ok:
		return illegal, nil
	case len(history) == 0:
		return legal, nil
	}
	order := info.PartialLinearizations()[0][0]
	ops := make([]int32, len(order))
	for i, id := range order {
		ops[i] = index[id]
	}
	return legal, ops
}

// registerModel is a register as porcupine understands it. A state is a value's number.
// Porcupine places every operation, also the pending ones, which return at the end of
// time: a pending compare-and-set placed where it does not match did nothing, and one
// that never happened stands at the end, where nobody sees it.
func registerModel(b *brake) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return int32(initial) },
		Step: func(state, input, _ any) (bool, any) {
			o := input.(*op)
			if b.on() {
				return false, state
			}
			switch {
			case o.kind == write:
				return true, o.to
			case o.kind == read:
				return state.(int32) == o.from, state
			case state.(int32) == o.from:
				return true, o.to
			}
			return o.ret == pending, state
		},
		Hash: func(state any) uint64 { return uint64(state.(int32)+1) * 0x9e3779b97f4a7c15 },
	}
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
