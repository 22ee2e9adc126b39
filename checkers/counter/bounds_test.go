package counter

import (
	"context"
	"testing"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// change is an operation of a counter that goes up and down.
type change struct {
	delta, value int64 // delta 0: a read of value
	doubt        bool
}

// TestUpAndDown: whatever porcupine finds an order for keeps to the bounds, in every read and
// in the final ones; and what does not keep to them, counted out one by one, is found.
func TestUpAndDown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &history.History{}
		var ops []porcupine.Operation
		open, names, process := map[int]int{}, 4, []int{0, 1, 2, 3}
		state := int64(0)
		begin := func(p int, f string) {
			open[p] = len(ops)
			o := porcupine.Operation{ClientId: process[p], Call: int64(h.Len()), Return: 1 << 40}
			c := change{doubt: true, delta: map[string]int64{"increment": 1, "decrement": -1, "read": 0}[f]}
			op := history.Op{Time: int64(h.Len()), Process: process[p], F: f}
			if c.delta != 0 {
				op.Value = history.Int(1)
			}
			h.Append(op)
			o.Input = c
			ops = append(ops, o)
		}
		end := func(p int, doubt bool) {
			at := open[p]
			delete(open, p)
			o := &ops[at]
			c := o.Input.(change)
			op := h.At(int(o.Call))
			op.Time, op.Type = int64(h.Len()), history.OK
			if c.delta == 0 {
				c.value = state + rapid.Int64Range(-1, 1).Draw(t, "off")
				op.Value = history.Int(c.value)
			}
			if doubt && c.delta != 0 {
				op.Type = history.Info
				process[p] = names
				names++
			} else {
				c.doubt, o.Return = false, int64(h.Len())
				state += c.delta
			}
			o.Input = c
			h.Append(op)
		}
		for range rapid.IntRange(0, 14).Draw(t, "events") {
			p := rapid.IntRange(0, 3).Draw(t, "thread")
			if _, busy := open[p]; busy {
				end(p, rapid.IntRange(0, 5).Draw(t, "doubt") == 0)
			} else {
				begin(p, rapid.SampledFrom([]string{"increment", "decrement", "read"}).Draw(t, "f"))
			}
		}
		for p := range 4 {
			if _, busy := open[p]; busy {
				end(p, false)
			}
		}
		h.Note(history.Event{Time: int64(h.Len()), Kind: history.EventPhase, Name: "final"})
		begin(0, "read")
		end(0, false)
		down, out, outInTheEnd := false, false, false
		for i, r := range ops {
			down = down || r.Input.(change).delta < 0
			if r.Input.(change).delta != 0 {
				continue
			}
			least, most := int64(0), int64(0)
			for _, o := range ops {
				switch c := o.Input.(change); {
				case c.delta > 0 && o.Return < r.Call:
					least, most = least+1, most+1
				case c.delta > 0 && o.Call < r.Return:
					most++
				case c.delta < 0 && o.Return < r.Call:
					least, most = least-1, most-1
				case c.delta < 0 && o.Call < r.Return:
					least--
				}
			}
			v := r.Input.(change).value
			bad := v < least || v > most
			out = out || bad
			outInTheEnd = outInTheEnd || bad && i == len(ops)-1
		}
		strict := New(Options{Linearizable: true}).Check(context.Background(), h, checkers.Budget{})
		if down && (strict.Valid == checkers.Invalid) != out {
			t.Fatalf("out of bounds: %v, got %+v", out, strict)
		}
		if loose := New(Options{}).Check(context.Background(), h, checkers.Budget{}); (loose.Valid == checkers.Invalid) != outInTheEnd {
			t.Fatalf("out of bounds in the end: %v, got %+v", outInTheEnd, loose)
		}
		legal := porcupine.CheckOperations(porcupine.Model{
			Init: func() any { return int64(0) },
			Step: func(state, in, _ any) (bool, any) {
				c := in.(change)
				if c.delta == 0 {
					return c.value == state.(int64), state
				}
				return true, state.(int64) + c.delta // one in doubt may also come last
			},
		}, ops)
		if legal && strict.Valid != checkers.Valid {
			t.Fatalf("there is an order, got %+v", strict)
		}
	})
}
