package weaker

import (
	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/model"
)

// For returns the checkers of registers for a model weaker than linearizability: the one
// that judges, and the measure of staleness.
func For(m model.Model) []checkers.Checker {
	all := []checkers.Checker{Staleness()}
	switch m {
	case model.Sequential:
		all = append(all, Sequential())
	case model.Coherent:
		all = append(all, Coherence())
	case model.NoLostWrite, model.Eventual:
		all = append(all, Eventual(m))
	}
	for _, g := range guarantees {
		if g.model == m {
			all = append(all, session(g.is, m))
		}
	}
	return all
}
