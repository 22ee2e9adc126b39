package object

import (
	"github.com/faultline-dev/faultline/checkers/engine/moments"
	"github.com/faultline-dev/faultline/checkers/engine/words"
)

// since leaves out, of operations on an element, those that came before a moment at which nothing
// was under way but operations that never returned, and at which the element was certainly in, or
// certainly not, in any legal order; and those that came after such a moment, whatever the element
// was, behind the one at which it failed. If all are legal then so are these, for the element is
// not in at first, and if it was in at that moment then one that adds it is kept. The moment is
// the last one before the call of the operation that changed the element last, as far as is known
// when the one was called that fails: so one sees what that contradicts.
func since(ops []op, failed int32) []op {
	at := returned(ops, failed)
	if at < 0 {
		return ops
	}
	last := -1 // that changed it
	for i, o := range ops {
		if element(o.do.F).To != words.Same && o.ret < ops[at].call && (last < 0 || o.ret > ops[last].ret) {
			last = i
		}
	}
	from, in, to := int32(-1), false, int32(pending)
	object, open, slots := words.Start(0), 0, make([]uint8, len(ops))
	span := func(i int32) (call, ret int32) { return ops[i].call, ops[i].ret }
	moments.Each(len(ops), span, func(now, i int32, ret bool) {
		switch {
		case !ret && ops[i].ret != pending:
			open++
		case ret:
			open--
		}
		switch {
		case now >= failed && open == 0:
			to = min(to, now)
		case last < 0 || now >= ops[last].call: // what it is then is of no use
		case !ret:
			slots[i], _ = object.Call(element(ops[i].do.F))
		default:
			object.Return(slots[i])
			if state, certain := object.State(); certain && open == 0 {
				from, in = now, state == 1
			}
		}
	})
	adder := -1
	for i, o := range ops {
		if in && o.ret <= from && element(o.do.F).To == 1 {
			adder = i
		}
	}
	var part []op
	for i, o := range ops {
		if i == adder || o.call <= to && (o.call > from || o.ret == pending) {
			part = append(part, o)
		}
	}
	return part
}
