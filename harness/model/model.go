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
	Eventual     Model = "eventual"     // replicas agree once writes stop (Vogels, CACM 2009)

	// Of logs, by the names that messaging systems have for them: one order of entries that
	// all readers see and from which no acknowledged one is missing.
	ExactlyOnce Model = "exactly-once"  // and in which each entry stands once
	AtLeastOnce Model = "at-least-once" // and in which a retry may have doubled an entry

	// Of locks with leases: each grant's token is greater than those granted before it, but
	// a holder whose lease has run out may not know that yet (Burrows, OSDI 2006: sequencers).
	Fenced Model = "fenced"
)

// All lists the models: those of any data, strongest first, then those of one kind.
var All = []Model{Linearizable, Sequential, Eventual, ExactlyOnce, AtLeastOnce, Fenced}

var implied = map[Model][]Model{
	Linearizable: {Sequential, Eventual, ExactlyOnce, AtLeastOnce, Fenced},
	Sequential:   {Eventual},
	ExactlyOnce:  {AtLeastOnce},
}

// Implies reports whether whatever satisfies m satisfies n too.
func (m Model) Implies(n Model) bool { return m == n || slices.Contains(implied[m], n) }

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
