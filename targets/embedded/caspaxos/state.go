package caspaxos

import "github.com/faultline-dev/faultline/targets/embedded/kv"

// Key names a register of the store: what kind of thing is kept there, and its number.
type Key struct {
	Kind   Kind
	Number int64
}

// Kind is what a client uses a register for.
type Kind byte

const (
	plain Kind = iota
	counter
	list
	ids
	lastKind = ids
)

// State is a register's state. It is never changed once made: nodes share it.
type State struct {
	Found    bool // it was written
	Value    int64
	Elements []int64
	Changes  []Ballot // the round of each node's last change that is in here
}

// keyOf is the register that a request is for; ok is false if the store has none such.
func keyOf(r *kv.Request) (k Key, ok bool) {
	switch r.Op {
	case kv.OpRead, kv.OpWrite, kv.OpCompareAndSet:
		return Key{plain, r.Key}, true
	case kv.OpIncrement, kv.OpReadCounter:
		return Key{counter, r.Key}, true
	case kv.OpAppend, kv.OpReadList:
		return Key{list, r.Key}, true
	case kv.OpNextID:
		return Key{Kind: ids}, true
	}
	return Key{}, false
}

// change is the function that a request stands for: what becomes of a state, and what the
// client is told. changed is false if the state stays as it is.
func (x State) change(r *kv.Request) (next State, reply kv.Reply, changed bool) {
	switch r.Op {
	case kv.OpRead:
		return x, kv.Reply{Found: x.Found, Value: x.Value}, false
	case kv.OpReadCounter:
		return x, kv.Reply{Value: x.Value}, false
	case kv.OpReadList:
		return x, kv.Reply{Elements: x.Elements}, false
	case kv.OpCompareAndSet:
		if !x.Found || x.Value != r.Expect {
			return x, kv.Reply{Status: kv.Differs, Found: x.Found, Value: x.Value}, false
		}
		x.Value = r.Value
	case kv.OpWrite:
		x.Found, x.Value = true, r.Value
	case kv.OpIncrement, kv.OpNextID:
		x.Found, x.Value = true, x.Value+r.Value
	case kv.OpAppend:
		x.Elements = append(x.Elements[:len(x.Elements):len(x.Elements)], r.Value)
	}
	return x, kv.Reply{Value: x.Value}, true
}

// by marks a state as changed by a node in a round.
func (x State) by(index, nodes int, b Ballot) State {
	changes := make([]Ballot, nodes)
	copy(changes, x.Changes)
	changes[index] = b
	x.Changes = changes
	return x
}

// lastBy is the round of a node's last change.
func (x State) lastBy(index int) Ballot {
	if index < len(x.Changes) {
		return x.Changes[index]
	}
	return Ballot{}
}
