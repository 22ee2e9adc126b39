package search

import (
	"math/bits"

	"github.com/faultline-dev/faultline/checkers/engine/moments"
)

// class is a kind of operation: those of equal Do. Everything but the step function knows
// operations by their class.
type class struct {
	pure, blind bool
	pending     int   // how many of them never return
	since       int32 // the event from which on those in use are counted: see refine.go
	// Where a configuration counts how many of the pending ones it has used.
	word  int32
	shift uint8
	mask  uint64
}

// event is a call or return. An operation that never returns has a call only.
type event struct {
	at   int32 // its index in the history
	op   int32
	slot int32 // none: the operation never returns
	ret  bool
}

const none = -1

// problem is a history prepared for searching: its events in order, its operations told by
// their class, and a slot for each that returns, which it holds while it is open. There are
// no more slots than operations are ever open at once; the masks in a configuration have a
// bit for each.
type problem struct {
	events  []event
	classOf []int32 // of each operation
	retOf   []int32
	classes []class
	slots   int
	pending int
	layout  layout
	// states makes the step function, with a memory of its own.
	states func() *states
	off    feature
}

func prepare[S, O comparable](m Model[S, O], ops []Op[O], off feature) *problem {
	numbers := make([]int32, 3*len(ops))
	p := &problem{classOf: numbers[:len(ops)], retOf: numbers[len(ops) : 2*len(ops)], off: off}
	dos := newNumbers[O](min(len(ops)/4, 1<<10))
	count := 0
	for i, o := range ops {
		c, fresh := dos.of(o.Do)
		if fresh {
			p.classes = append(p.classes, class{
				pure:  m.Pure != nil && m.Pure(o.Do) && off&purity == 0,
				blind: m.Blind != nil && m.Blind(o.Do) && off&absorption == 0,
			})
		}
		p.classOf[i], p.retOf[i] = c, o.Ret
		count += 2
		if o.Ret != Pending {
			continue
		}
		count--
		k := &p.classes[c]
		if k.pure || m.Pure != nil && m.Pure(o.Do) {
			p.retOf[i] = moments.Left // it makes no difference whether it happened
			count--
			continue
		}
		k.pending++
		p.pending++
	}
	p.events = make([]event, 0, count)
	var free []int32
	slotOf := numbers[2*len(ops):]
	span := func(op int32) (call, ret int32) { return ops[op].Call, p.retOf[op] }
	moments.Each(len(ops), span, func(at, op int32, ret bool) {
		e := event{at: at, op: op, ret: ret, slot: none}
		switch {
		case e.ret:
			e.slot = slotOf[e.op]
			free = append(free, e.slot)
		case p.retOf[e.op] != Pending:
			if len(free) == 0 {
				free = append(free, int32(p.slots))
				p.slots++
			}
			// A heap would keep the masks tidier; any free slot does.
			e.slot = free[len(free)-1]
			free = free[:len(free)-1]
			slotOf[e.op] = e.slot
		}
		p.events = append(p.events, e)
	})
	p.layout = lay(p.classes, p.slots)
	p.states = func() *states { return newStates(m, dos.all) }
	return p
}

// lay decides where things are in a configuration.
func lay(classes []class, slots int) layout {
	l := layout{m: (slots + 63) / 64}
	l.counts = 1 + 2*l.m
	free := uint8(0) // bits left in the last word
	for i := range classes {
		c := &classes[i]
		if c.pending == 0 {
			continue
		}
		width := uint8(bits.Len(uint(c.pending))) + 1 // and one to subtract from
		if width > free {
			l.guard = append(l.guard, 0)
			free = 64
		}
		c.word = int32(l.counts + len(l.guard) - 1)
		c.shift = 64 - free
		c.mask = 1<<(width-1) - 1
		free -= width
		l.guard[len(l.guard)-1] |= 1 << (c.shift + width - 1)
	}
	l.size = l.counts + len(l.guard)
	return l
}
