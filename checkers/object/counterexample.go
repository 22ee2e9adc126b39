package object

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/faultline-dev/faultline/checkers/engine/minimal"
	"github.com/faultline-dev/faultline/checkers/engine/monitor"
	"github.com/faultline-dev/faultline/checkers/engine/search"
)

// Of an illegal history only so much is told as fails by itself, cut out by a rule under
// which what is left proves that the whole fails (see checkers/engine/minimal). What goes
// together under it:
//
//   - all that put an element in or took it out, of a set, a queue and so on: without it the
//     others are where they were. An element that may have been taken by an operation whose
//     answer nobody got goes together with all of these, too;
//   - an acquisition of a lock and its release, between which nobody else had it;
//   - a question with what it is about: all that put in or took out the element, or any
//     element, or wrote the value to the register; a sum with all that was added.

// groups makes the rule for operations of the object.
func (s *subject) groups(ops []op) minimal.Groups {
	g := grouping{rule: minimal.Groups{Needs: make([][]int32, len(ops))}, number: map[string]int32{}, element: make([]int32, s.numbers.Len()), room: make([]int32, 0, len(ops))}
	switch s.kind.Name {
	case mutex.Name, fencedLock.Name:
		g.locks(ops)
	case multiRegister.Name:
		g.registers(ops)
	default:
		g.elements(ops, s.kind.Name == set.Name)
	}
	return g.rule
}

type grouping struct {
	rule   minimal.Groups
	number map[string]int32 // of groups, by name
	// element are one more than the numbers of the elements' groups, or 0.
	element []int32
	room    []int32 // for what operations need
}

// group returns the number of the group of that name.
func (g *grouping) group(name string) int32 {
	n, found := g.number[name]
	if !found {
		n = int32(len(g.rule.Members))
		g.number[name], g.rule.Members = n, append(g.rule.Members, nil)
	}
	return n
}

// of returns the number of the group of an element.
func (g *grouping) of(element int64) int32 {
	if element < 0 || element >= int64(len(g.element)) {
		return g.group(packed(element))
	}
	n := &g.element[element]
	if *n == 0 {
		g.rule.Members = append(g.rule.Members, nil)
		*n = int32(len(g.rule.Members))
	}
	return *n - 1
}

func (g *grouping) join(i int, n int32) {
	g.rule.Members[n] = append(g.rule.Members[n], int32(i))
}

func (g *grouping) need(i int, n int32) {
	if g.rule.Needs[i] == nil && len(g.room) < cap(g.room) {
		k := len(g.room)
		g.room = append(g.room, n)
		g.rule.Needs[i] = g.room[k : k+1 : k+1]
		return
	}
	g.rule.Needs[i] = append(g.rule.Needs[i], n)
}

// elements is the rule where elements, or amounts, go in and out. In a set, takeAny names
// its element.
func (g *grouping) elements(ops []op, named bool) {
	all, unknown := g.group("all"), g.group("unknown")
	left := map[int64]int{}
	for _, o := range ops {
		switch o.do.F {
		case put:
			left[o.do.A]++
		case take:
			left[o.do.A]--
		}
	}
	for i, o := range ops {
		switch o.do.F {
		case takeAny:
			if !named {
				g.join(i, unknown)
				break
			}
			fallthrough
		case put, putNew, take:
			element := g.of(o.do.A)
			g.join(i, element)
			g.join(i, all)
			g.need(i, element)
			if !named && left[o.do.A] > 0 {
				g.need(i, unknown)
			}
		case present, absent:
			g.need(i, g.of(o.do.A))
		case add:
			g.join(i, all)
		case addSum:
			g.join(i, all)
			g.need(i, all)
		case whole, sum:
			g.need(i, all)
		}
	}
}

// locks is the rule for acquisitions and releases.
func (g *grouping) locks(ops []op) {
	held := map[int64]int{} // by owner, the acquisition that no release has followed yet
	for i, o := range ops {
		hold := i
		if o.do.F == acquire {
			held[o.do.A] = i
		} else if at, found := held[o.do.A]; found {
			hold = at
			delete(held, o.do.A)
		}
		n := g.group(packed(int64(hold)))
		g.join(i, n)
		g.need(i, n)
	}
}

// registers is the rule for registers that are read and written together: whoever read a
// value needs all that wrote it there.
func (g *grouping) registers(ops []op) {
	for i, o := range ops {
		for at := 0; at < len(o.do.S); at += 9 {
			if name := o.do.S[at+1 : at+9]; o.do.S[at] == 'w' {
				g.join(i, g.group(name))
			} else if binary.BigEndian.Uint32([]byte(name[4:])) != 0 { // else it was absent at first
				g.need(i, g.group(name))
			}
		}
	}
}

// How long one counterexample may take, and how large it may be: what takes longer is hardly
// one to look at.
const (
	mostReducing = 3 * time.Second
	unwieldy     = 200
	mostMemory   = 256 << 20
)

// reduce cuts illegal operations down to a counterexample; minimal says that none of it can
// be left out, with what goes together. It returns nil if it found only an unwieldy one.
func (s *subject) reduce(ctx context.Context, ops []op, alone bool, witness []int32) (kept []op, least bool) {
	ctx, cancel := context.WithTimeout(ctx, mostReducing)
	defer cancel()
	pick := func(keep []int32) []op {
		part := make([]op, len(keep))
		for k, i := range keep {
			part[k] = ops[i]
		}
		return part
	}
	all := make([]int32, len(ops))
	for i := range all {
		all[i] = int32(i)
	}
	found := minimal.Find(minimal.Problem{
		Ops:     all,
		Rule:    s.groups(ops),
		Witness: witness,
		Illegal: func(keep []int32) (bool, bool) { return s.illegal(ctx, pick(keep), alone) },
		// Passes over single operations are the larger part.
		Tries: 4 * unwieldy,
		Stop:  func() bool { return ctx.Err() != nil },
	})
	if len(found.Ops) > unwieldy {
		return nil, false
	}
	return pick(found.Ops), found.Minimal
}

// illegal decides some of the object's operations.
func (s *subject) illegal(ctx context.Context, ops []op, alone bool) (illegal, ok bool) {
	if !slices.ContainsFunc(ops, func(o op) bool { return o.do.F != add }) {
		return false, true // nobody asks
	}
	if r := s.watch(ops); r.Verdict != monitor.Unsure {
		return r.Verdict == monitor.Illegal, true
	}
	r := s.search(ctx, ops, alone, limits{memory: mostMemory}, search.Options{})
	return r.Verdict == search.Illegal, r.Verdict != search.Stopped
}

// watch has the type's monitor look at some operations.
func (s *subject) watch(ops []op) monitor.Result {
	if s.kind.monitored == nil {
		return monitor.Result{}
	}
	part := *s
	part.ops = ops
	watched, ok := s.kind.monitored(&part)
	if !ok {
		return monitor.Result{}
	}
	dense := map[int32]int32{}
	for i := range watched {
		if o := &watched[i]; o.V != monitor.Empty {
			n, found := dense[o.V]
			if !found {
				n = int32(len(dense))
				dense[o.V] = n
			}
			o.V = n
		}
	}
	return s.kind.monitor(watched, monitor.Options{})
}

// returned is which operation completed at a moment, or -1.
func returned(ops []op, at int32) int {
	return slices.IndexFunc(ops, func(o op) bool { return o.ret == at })
}
