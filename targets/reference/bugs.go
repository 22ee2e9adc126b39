package reference

import (
	"errors"
	"slices"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// NoBug is the value of the option "bug" that plants none.
const NoBug = "none"

// Bug is the bug that the options choose, "" for none.
func Bug(o cluster.Options, bugs []cluster.Bug) (string, error) {
	name := o["bug"]
	if name == "" || name == NoBug {
		return "", nil
	}
	if !slices.ContainsFunc(bugs, func(b cluster.Bug) bool { return b.Name == name }) {
		return "", errors.New("no such bug: " + name)
	}
	return name, nil
}

// Same is one promise made for several data models.
func Same(p cluster.Promise, data ...string) []cluster.Promise {
	all := make([]cluster.Promise, len(data))
	for i, d := range data {
		all[i], all[i].Data = p, d
	}
	return all
}
