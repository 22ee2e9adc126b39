package raft

import (
	"errors"

	"github.com/faultline-dev/faultline/targets/embedded/kv"
)

// Machine is what all members of a group apply their log to: the same log makes the same
// state everywhere.
type Machine interface {
	// Apply carries out a client's request that stands in the log, Read answers one that
	// changes nothing and needs no place in it.
	Apply(r *kv.Request) kv.Reply
	Read(r *kv.Request) kv.Reply
	// Command carries out what the store around the group has put into the log by Propose.
	Command(data []byte) error
	// Snapshot encodes the whole state; Restore takes one over.
	Snapshot() []byte
	Restore(snapshot []byte) error
}

// machine is that of a store which is one group.
type machine struct{ kv.Machine }

// Command implements Machine.
func (*machine) Command([]byte) error { return errors.New("the store has no commands of its own") }

// Restore implements Machine.
func (m *machine) Restore(snapshot []byte) (err error) {
	m.Machine, err = kv.Restore(snapshot)
	return err
}

// forgetful is a machine with IDReset: how many ids it gave out is in no snapshot.
type forgetful struct {
	machine
	ids int64
}

// Apply implements Machine.
func (m *forgetful) Apply(r *kv.Request) kv.Reply {
	if r.Op != kv.OpNextID {
		return m.machine.Apply(r)
	}
	m.ids++
	return kv.Reply{Value: m.ids}
}
