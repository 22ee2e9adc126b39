// Package model names the consistency models and says which implies which, so that
// promises, workloads and checkers mean the same thing by the same word.
package model

import (
	"fmt"
	"slices"
	"strings"
)

// Model is a consistency model's name.
type Model string

const (
	Linearizable Model = "linearizable" // Herlihy and Wing, TOPLAS 1990
	Sequential   Model = "sequential"   // Lamport, IEEE ToC 1979
	Coherent     Model = "coherence"    // each key by itself is sequential (Cantin, Lipasti and Smith, TPDS 2005)
	// NoLostWrite is eventual, and no acknowledged write is gone that nothing later overwrote.
	NoLostWrite Model = "no-lost-write"
	Eventual    Model = "eventual" // replicas agree once writes stop (Vogels, CACM 2009)

	// Of what a process sees of its own doings, on each key by itself (Terry and others:
	// Session guarantees for weakly consistent replicated data. PDIS 1994).
	ReadYourWrites    Model = "read-your-writes"    // a process sees what it wrote, or something newer
	MonotonicReads    Model = "monotonic-reads"     // and never something older than it has seen
	MonotonicWrites   Model = "monotonic-writes"    // its writes take effect in the order in which it made them
	WritesFollowReads Model = "writes-follow-reads" // and after those whose values it had read

	// Of logs, by the names that messaging systems have for them: one order of entries that
	// all readers see and from which no acknowledged one is missing.
	ExactlyOnce Model = "exactly-once"  // and in which each entry stands once
	AtLeastOnce Model = "at-least-once" // and in which a retry may have doubled an entry

	// Of locks with leases: each grant's token is greater than those granted before it, but
	// a holder whose lease has run out may not know that yet (Burrows, OSDI 2006: sequencers).
	Fenced Model = "fenced"

	// Of ids: none is given out twice.
	Unique Model = "unique"
)

// All lists the models: those of any data, strongest first, then those of one kind.
var All = []Model{
	Linearizable, Sequential, Coherent, ReadYourWrites, MonotonicReads, MonotonicWrites, WritesFollowReads,
	NoLostWrite, Eventual,
	ExactlyOnce, AtLeastOnce, Fenced, Unique,
}

// implied are the next weaker ones. What is sequential implies what holds of the end by the
// way that systems are: the definition lets a replica lag behind for ever, no system means to.
var implied = map[Model][]Model{
	Linearizable: {Sequential, ExactlyOnce, Fenced, Unique},
	Sequential:   {Coherent, NoLostWrite},
	NoLostWrite:  {Eventual},
	Coherent:     {ReadYourWrites, MonotonicReads, MonotonicWrites, WritesFollowReads},
	ExactlyOnce:  {AtLeastOnce},
}

// Implies reports whether whatever satisfies m satisfies n too.
func (m Model) Implies(n Model) bool {
	return m == n || slices.ContainsFunc(implied[m], func(weaker Model) bool { return weaker.Implies(n) })
}

// Parse returns the model of that name.
func Parse(name string) (Model, error) {
	if slices.Contains(All, Model(name)) {
		return Model(name), nil
	}
	names := make([]string, len(All))
	for i, m := range All {
		names[i] = string(m)
	}
	return "", fmt.Errorf("unknown model %q; there are %s", name, strings.Join(names, ", "))
}
