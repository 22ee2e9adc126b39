package search

import (
	"math/rand"
)

// object is a model with what the tests need to make histories of it: draw asks for
// something to be done, effect does it and fills in the result.
type object[S, O comparable] struct {
	Model[S, O]
	draw   func(r *rand.Rand, client int) O
	effect func(S, O) (S, O)
	spoil  func(*rand.Rand, O) O // another result
}

// reg is what may be done to a register.
type reg struct {
	kind     byte // r: read from; w: write to; c: compare-and-set; f: one that failed
	from, to int8
}

var register = object[int8, reg]{
	Model: Model[int8, reg]{
		Step: func(s int8, o reg) (int8, bool) {
			switch o.kind {
			case 'r':
				return s, s == o.from
			case 'w':
				return o.to, true
			case 'c':
				return o.to, s == o.from
			}
			return s, s != o.from
		},
		Pure:  func(o reg) bool { return o.kind == 'r' || o.kind == 'f' || o.from == o.to && o.kind == 'c' },
		Blind: func(o reg) bool { return o.kind == 'w' },
	},
	draw: func(r *rand.Rand, _ int) reg { return reg{"rwcc"[r.Intn(4)], int8(r.Intn(3)), int8(r.Intn(3))}.tidy() },
	effect: func(s int8, o reg) (int8, reg) {
		switch {
		case o.kind == 'r':
			o.from = s
		case o.kind == 'w' || s == o.from:
			s = o.to
		default:
			o.kind = 'f'
		}
		return s, o
	},
	spoil: func(r *rand.Rand, o reg) reg {
		switch o.kind {
		case 'r':
			o.from = int8(r.Intn(3))
		case 'c':
			o.kind = 'f'
		case 'f':
			o.kind = 'c'
		}
		return o
	},
}

func (o reg) tidy() reg {
	switch o.kind {
	case 'r':
		return reg{kind: 'r'}
	case 'w':
		return reg{'w', 0, o.to}
	}
	return o
}

// grab is what may be done to a mutex that knows its owner.
type grab struct {
	kind  byte // l: lock; u: unlock
	owner int8
	ok    bool
}

var mutex = object[int8, grab]{
	Model: Model[int8, grab]{
		Init: -1,
		Step: func(s int8, o grab) (int8, bool) {
			switch want, next := int8(-1), o.owner; {
			case o.kind == 'u':
				want, next = o.owner, -1
				fallthrough
			default:
				if o.ok {
					return next, s == want
				}
				return s, s != want
			}
		},
		Pure: func(o grab) bool { return !o.ok },
	},
	draw: func(r *rand.Rand, c int) grab { return grab{"llu"[r.Intn(3)], int8(c), true} },
	effect: func(s int8, o grab) (int8, grab) {
		switch {
		case o.kind == 'l' && s == -1:
			return o.owner, o
		case o.kind == 'u' && s == o.owner:
			return -1, o
		}
		o.ok = false
		return s, o
	},
	spoil: func(r *rand.Rand, o grab) grab {
		o.ok = !o.ok
		return o
	},
}

// item is what may be done to a queue: its state is a string of its elements.
type item struct {
	kind byte // e: enqueue; d: dequeue
	what byte // 0: empty
	any  bool // nobody knows what was dequeued
}

var queueObject = object[string, item]{
	Model: Model[string, item]{
		Step: func(s string, o item) (string, bool) {
			switch {
			case o.kind == 'e':
				return s + string(rune(o.what)), true
			case s == "":
				return s, o.what == 0
			case o.any || s[0] == o.what:
				return s[1:], true
			}
			return s, false
		},
		Pure: func(o item) bool { return o.kind == 'd' && o.what == 0 && !o.any },
		Size: func(s string) int { return len(s) },
	},
	draw: func(r *rand.Rand, _ int) item {
		if r.Intn(2) == 0 {
			return item{'e', 'a' + byte(r.Intn(4)), false}
		}
		return item{'d', 0, true}
	},
	effect: func(s string, o item) (string, item) {
		if o.kind == 'e' {
			return s + string(rune(o.what)), o
		}
		if o.any = false; s == "" {
			return s, o
		}
		o.what = s[0]
		return s[1:], o
	},
	spoil: func(r *rand.Rand, o item) item {
		if o.kind == 'd' {
			o.what = "\x00abcd"[r.Intn(5)]
		}
		return o
	},
}

// member is what may be done to a set of small numbers.
type member struct {
	kind byte // +, -, ?
	n    uint8
	had  byte // y, n, or ? if nobody knows
}

var setObject = object[uint16, member]{
	Model: Model[uint16, member]{
		Step: func(s uint16, o member) (uint16, bool) {
			bit := uint16(1) << o.n
			if o.had != '?' && (s&bit != 0) != (o.had == 'y') {
				return s, false
			}
			switch o.kind {
			case '+':
				s |= bit
			case '-':
				s &^= bit
			}
			return s, true
		},
		Pure: func(o member) bool {
			return o.kind == '?' || o.kind == '+' && o.had == 'y' || o.kind == '-' && o.had == 'n'
		},
	},
	draw: func(r *rand.Rand, _ int) member { return member{"+-?"[r.Intn(3)], uint8(r.Intn(3)), '?'} },
	effect: func(s uint16, o member) (uint16, member) {
		bit := uint16(1) << o.n
		if o.had = 'n'; s&bit != 0 {
			o.had = 'y'
		}
		switch o.kind {
		case '+':
			s |= bit
		case '-':
			s &^= bit
		}
		return s, o
	},
	spoil: func(r *rand.Rand, o member) member {
		o.had = "yn?"[r.Intn(3)]
		return o
	},
}

// cells is what may be done to three registers at once.
type cells struct {
	kind byte // r: read all; w: write one; W: write all
	at   int8
	v    [3]int8
}

var multi = object[[3]int8, cells]{
	Model: Model[[3]int8, cells]{
		Step: func(s [3]int8, o cells) ([3]int8, bool) {
			switch o.kind {
			case 'r':
				return s, s == o.v
			case 'w':
				s[o.at] = o.v[0]
				return s, true
			}
			return o.v, true
		},
		Pure:  func(o cells) bool { return o.kind == 'r' },
		Blind: func(o cells) bool { return o.kind == 'W' },
	},
	draw: func(r *rand.Rand, _ int) cells {
		v := func() int8 { return int8(r.Intn(2)) }
		switch r.Intn(3) {
		case 0:
			return cells{kind: 'r'}
		case 1:
			return cells{'w', int8(r.Intn(3)), [3]int8{v()}}
		}
		return cells{'W', 0, [3]int8{v(), v(), v()}}
	},
	effect: func(s [3]int8, o cells) ([3]int8, cells) {
		switch o.kind {
		case 'r':
			o.v = s
		case 'w':
			s[o.at] = o.v[0]
		default:
			s = o.v
		}
		return s, o
	},
	spoil: func(r *rand.Rand, o cells) cells {
		if o.kind == 'r' {
			o.v[r.Intn(3)] ^= 1
		}
		return o
	},
}

// history makes operations of clients on a real object, each of which takes effect at some
// moment between its events, a crashed one maybe later, maybe never.
func (m object[S, O]) history(r *rand.Rand, n, clients int, crash float64, spoilt bool) []Op[O] {
	var ops []Op[O]
	state := m.Init
	at := make([]int, clients) // 1 + the operation that a client is at
	happened := make([]bool, 0, n)
	effect := func(i int) {
		if happened[i] {
			return
		}
		next, done := m.effect(state, ops[i].Do)
		if state, happened[i] = next, true; ops[i].Ret != Pending {
			ops[i].Do = done
		}
	}
	clock := int32(0)
	for open := 0; len(ops) < n || open > 0; clock++ {
		c := r.Intn(clients)
		switch i := at[c] - 1; {
		case r.Intn(8) == 0 && len(ops) > 0:
			if i := r.Intn(len(ops)); ops[i].Ret == Pending {
				effect(i)
			}
		case i < 0 && len(ops) < n:
			ops, happened = append(ops, Op[O]{clock, -1, m.draw(r, c)}), append(happened, false)
			at[c] = len(ops)
			open++
		case i < 0:
		case !happened[i] && r.Float64() < crash:
			ops[i].Ret, at[c] = Pending, 0
			open--
		case !happened[i]:
			effect(i)
		case r.Intn(2) == 0:
			ops[i].Ret, at[c] = clock, 0
			open--
		}
	}
	if spoilt {
		for range 4 {
			i := r.Intn(n)
			if do := m.spoil(r, ops[i].Do); ops[i].Ret != Pending && do != ops[i].Do {
				ops[i].Do = do
				break
			}
		}
	}
	return ops
}
