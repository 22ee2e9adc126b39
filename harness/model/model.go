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
)

// All lists the models, strongest first.
var All = []Model{Linearizable, Sequential, Eventual}

var implied = map[Model][]Model{
	Linearizable: {Sequential, Eventual},
	Sequential:   {Eventual},
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
