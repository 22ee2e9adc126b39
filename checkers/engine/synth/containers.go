package synth

import (
	"math/rand/v2"
	"slices"

	"github.com/faultline-dev/faultline/harness/history"
)

// Containers: elements go in and come out, in half of the operations each.

const (
	// OutOfOrder are two elements, the only ones to come out next, that come out one after
	// the other in the wrong order.
	OutOfOrder = "out-of-order"
	// LostElement is an element that is missed right after it was added.
	LostElement = "lost-element"
	// FromNowhere is an element that nobody put in, or a sum that nobody can have come to.
	FromNowhere = "from-nowhere"
)

// container is a queue, a stack, a priority queue or a bag.
type container struct {
	g         *generator
	put, take string
	order     order
	items     []int64 // in order of coming, or a heap
	head      int     // the first that is still in
	next      int64
}

// order says which element comes out.
type order uint8

const (
	firstIn order = iota
	lastIn
	smallest
	anyOf
)

func (k *container) ask(c *client, crash bool) {
	if k.g.r.IntN(2) == 0 {
		c.f = k.take
		return
	}
	c.f, c.arg = k.put, history.Int(k.element(crash))
}

func (k *container) element(crash bool) int64 {
	k.next++
	switch {
	case k.g.Values > 0 && crash:
		return k.g.r.Int64N(int64(k.g.Values) - 1)
	case k.g.Values > 0:
		return k.g.r.Int64N(int64(k.g.Values))
	case k.order == smallest: // each once, in no order
		return k.next * 0x9e3779b1 & (1<<32 - 1)
	}
	return k.next
}

func (k *container) apply(o *call, _ *client) {
	o.typ, o.out = history.OK, o.arg
	switch {
	case o.f == k.put:
		k.insert(o.arg.A)
	case k.head == len(k.items):
		o.out = history.Nil
	default:
		o.out = history.Int(k.remove())
	}
}

func (*container) happens(_ *call, r *rand.Rand) bool { return r.IntN(2) == 0 }

func (k *container) insert(v int64) {
	k.items = append(k.items, v)
	if k.order != smallest {
		return
	}
	for at := len(k.items) - 1; at > 0 && k.items[at] < k.items[(at-1)/2]; at = (at - 1) / 2 {
		k.items[at], k.items[(at-1)/2] = k.items[(at-1)/2], k.items[at]
	}
}

func (k *container) remove() int64 {
	last := len(k.items) - 1
	switch k.order {
	case firstIn:
		v := k.items[k.head]
		if k.head++; k.head > 1024 && 2*k.head > len(k.items) {
			k.items, k.head = slices.Delete(k.items, 0, k.head), 0
		}
		return v
	case anyOf:
		at := k.g.r.IntN(len(k.items))
		k.items[at], k.items[last] = k.items[last], k.items[at]
		fallthrough
	case lastIn:
		v := k.items[last]
		k.items = k.items[:last]
		return v
	}
	v := k.items[0]
	k.items[0] = k.items[last]
	k.items = k.items[:last]
	for at := 0; ; {
		least := at
		for child := 2*at + 1; child <= 2*at+2 && child < last; child++ {
			if k.items[child] < k.items[least] {
				least = child
			}
		}
		if least == at {
			return v
		}
		k.items[at], k.items[least] = k.items[least], k.items[at]
		at = least
	}
}

// outOfOrder puts two elements in that come out next, and tells their takers the wrong
// ones: whatever crashed operations do, the first taker could not have got the second
// element while the first one was in, and it was, for it came out later. A queue is emptied
// before, so that nothing else is told wrongly.
func outOfOrder(g *generator, c *client, on *instance) {
	k := on.object.(*container)
	for k.order == firstIn && k.head < len(k.items) {
		g.alone(c, on, k.take, history.Nil, nil)
	}
	var pair [2]history.Value
	for i := range pair {
		k.next++
		pair[i] = history.Int(int64(g.Values) + k.next)
		if k.order == smallest {
			pair[i] = history.Int(int64(i) - 2) // below all others
		}
		g.alone(c, on, k.put, pair[i], nil)
	}
	for range pair {
		g.alone(c, on, k.take, history.Nil, func(o *call) {
			if o.out == pair[0] {
				o.out = pair[1]
			} else {
				o.out = pair[0]
			}
		})
	}
}

// fromNowhere has an operation tell of what nobody ever did.
func fromNowhere(g *generator, c *client, on *instance) {
	const far = 1 << 40
	f, v := "read", history.Int(far)
	switch x := on.object.(type) {
	case *container:
		f = x.take
	case *set:
		v = history.List([]int64{far})
	}
	g.alone(c, on, f, history.Nil, func(o *call) { o.out = v })
}
