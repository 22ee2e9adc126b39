package linearizable

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/faultline-dev/faultline/checkers"
)

// DetailKind tells a Detail from other checkers' in results.json.
const DetailKind = "linearizable"

// Detail is the picture of a key that failed: a counterexample, the operations around the
// one that nobody can place, and the longest legal order, which ends before that one.
type Detail struct {
	Kind string `json:"kind"` // DetailKind
	// Engine is "zones", "words" or "search".
	Engine string `json:"engine"`
	// Ops are the operations shown, by invocation: those of the counterexample, which have no
	// legal order whatever else happened, and the ones around the last of them.
	Ops []Bar `json:"ops"`
	// Proof is how many operations the counterexample has, of which not all may be shown; 0
	// if it has so many that they are of no use.
	Proof int `json:"proof"`
	// Minimal is set if no operation of the counterexample can be done without, with what
	// depends on it: the others have a legal order then.
	Minimal bool `json:"minimal"`
	// Stuck is the operation, in Ops, with whose completion the key fails: everything
	// before that completion has a legal order. -1 where the search had no time to find it.
	Stuck int `json:"stuck"`
	// Order is a legal order of the operations in Ops up to the stuck one's completion; each
	// of them tells what the register held after it. Empty where the search had no time for
	// it.
	Order []int `json:"order,omitempty"`
	// Alone is such an order of the counterexample by itself, which begins with the
	// register's initial value.
	Alone []int `json:"alone,omitempty"`
	// Before is what the register held before the first of Order.
	Before string `json:"before,omitempty"`
	// Completed is how many operations of the key had completed when it failed, and
	// Omitted how many earlier ones are not in Ops.
	Completed int `json:"completed"`
	Omitted   int `json:"omitted"`
	// Shortest is set if Completed is known to be the least with which the key fails.
	Shortest bool `json:"shortest"`
}

// Bar is one operation of the picture.
type Bar struct {
	Event   int    `json:"event"` // index of the invocation in the history
	Process int    `json:"process"`
	Start   int64  `json:"start"`           // nanoseconds since the run's start
	End     int64  `json:"end"`             // -1: it had not completed
	F       string `json:"f"`               // read, write, cas, or failed cas: one that saw another value
	Value   string `json:"value"`           // what was read, written, seen; cas: "old new"; "": not known yet
	Proof   bool   `json:"proof,omitempty"` // it is one of the counterexample
	After   string `json:"after,omitempty"` // what the register held after it, in Order
}

// around is how many operations a picture shows besides those of the counterexample, of
// which it shows the last mostProof.
const (
	around    = 24
	mostProof = 120
)

// detail draws the picture of a story.
func (s *subject) detail(t *story) Detail {
	d := Detail{Kind: DetailKind, Engine: t.engine, Stuck: -1, Shortest: t.shortest, Proof: len(t.proof), Minimal: t.minimal}
	proof := map[int32]bool{}
	for _, i := range t.proof {
		proof[i] = true
	}
	// The latest ones matter: by completion, those still open by invocation.
	latest := func(i int32) int32 {
		if o := &s.ops[i]; o.ret <= t.limit {
			return o.ret
		}
		return s.ops[i].call
	}
	var shown []int32
	called := 0
	for i := len(s.ops) - 1; i >= 0; i-- { // the other way round each would be the latest
		if s.ops[i].call > t.limit {
			continue
		}
		called++
		if s.ops[i].ret <= t.limit {
			d.Completed++
		}
		if len(shown) == around && latest(int32(i)) < latest(shown[0]) {
			continue
		}
		at, _ := slices.BinarySearchFunc(shown, latest(int32(i)), func(j, at int32) int { return cmp.Compare(latest(j), at) })
		if shown = slices.Insert(shown, at, int32(i)); len(shown) > around {
			shown = slices.Delete(shown, 0, 1)
		}
	}
	room := mostProof
	for _, i := range slices.Backward(t.proof) {
		if room > 0 && !slices.Contains(shown, i) {
			shown, room = append(shown, i), room-1
		}
	}
	d.Completed += s.absent.completed
	d.Omitted = called + s.absent.called - len(shown)
	slices.Sort(shown)
	at := map[int32]int{}
	for n, i := range shown {
		if i == t.stuck {
			d.Stuck = n
		}
		at[i] = n
		d.Ops = append(d.Ops, s.bar(i, t.limit, proof[i]))
	}
	held, started := int32(initial), false
	for _, i := range t.order {
		if i < shown[0] || i > shown[len(shown)-1] {
			held = s.ops[i].apply(held)
			continue
		}
		if n, found := at[i]; found {
			if !started {
				d.Before, started = s.values[held].String(), true
			}
			held = s.ops[i].apply(held)
			d.Ops[n].After = s.values[held].String()
			d.Order = append(d.Order, n)
			continue
		}
		held = s.ops[i].apply(held)
	}
	for _, i := range t.alone {
		if n, found := at[i]; found {
			d.Alone = append(d.Alone, n)
			d.Ops[n].After = s.values[s.ops[i].leaves()].String()
		}
	}
	return d
}

// leaves is the value that the register has after the operation, if that took effect.
func (o op) leaves() int32 {
	if o.mutates() {
		return o.to
	}
	return o.from
}

// apply returns what the register holds after the operation; a compare-and-set that does
// not match does nothing.
func (o op) apply(held int32) int32 {
	if o.kind == write || o.kind == cas && held == o.from {
		return o.to
	}
	return held
}

func (s *subject) bar(i, limit int32, proof bool) Bar {
	o := s.ops[i]
	call := s.h.At(int(o.call))
	b := Bar{Event: int(o.call), Process: call.Process, Start: call.Time, End: -1, F: call.F, Proof: proof}
	if o.ret <= limit {
		b.End = s.h.At(int(o.ret)).Time
	}
	switch o.kind {
	case read:
		b.Value = s.values[o.from].String()
	case write:
		b.Value = s.values[o.to].String()
	case cas:
		b.Value = s.values[o.from].String() + " " + s.values[o.to].String()
	}
	if o.kind != read {
		return b
	}
	if call.F == "cas" {
		b.F = "failed cas"
	}
	if o.ret > limit {
		b.Value = "" // nobody knows it yet
	}
	return b
}

// anomaly puts a story into the form that all checkers share.
func (t *story) anomaly(s *subject) checkers.Anomaly {
	a := checkers.Anomaly{Name: "nonlinearizable", Sentence: t.sentence, Detail: s.detail(t)}
	if s.keyed {
		key := s.key
		a.Key, a.Sentence = &key, fmt.Sprintf("on key %s, %s", s.h.KeyName(key), t.sentence)
	}
	for _, i := range t.about {
		o := s.ops[i]
		a.Ops = append(a.Ops, int(o.call))
		if o.ret != pending {
			a.Ops = append(a.Ops, int(o.ret))
		}
	}
	for _, e := range t.events {
		a.Ops = append(a.Ops, int(e))
	}
	slices.Sort(a.Ops)
	a.Ops = slices.Compact(a.Ops)
	return a
}
