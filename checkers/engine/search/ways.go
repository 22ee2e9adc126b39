package search

// Way is one way to search: with all that keeps configurations few, or without some of it.
// Whatever the way, the verdict has to be the same, which differential tests rely on.
type Way struct {
	Name    string
	off     feature
	patient bool
}

// Ways are all that there are, the one that is used first.
var Ways = []Way{
	{"with everything", 0, false},
	{"without packing", packing, false},
	{"without haste", 0, true},
	{"without symmetry", symmetry, true},
	{"without dominance", dominance, true},
	{"without absorption", absorption, true},
	{"without purity", purity, true},
	{"without lookahead", lookahead, true},
	{"without aim", aim, true},
	{"without forgiveness", forgiveness, true},
	{"with forgiveness alone", symmetry | dominance | absorption | purity | lookahead | aim, true},
}

// Options are those of a search that goes this way; the first stretch is how far it goes back
// at first, when something was not counted that has to be: 0 is as far as pays.
func (w Way) Options(stretch int) Options {
	return Options{off: w.off, Patient: w.patient, stretch: stretch}
}
