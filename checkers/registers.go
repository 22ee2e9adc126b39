package checkers

import (
	"strings"

	"github.com/faultline-dev/faultline/harness/history"
)

// MismatchAbsent is the error of a compare-and-set that failed because it saw that the
// register was absent. Its value is nil like that of one that saw nothing, so the error
// has to tell.
const MismatchAbsent = "mismatch: absent"

// SeenByCAS returns the value that a failed compare-and-set saw, if its completion says so.
func SeenByCAS(done history.Op) (history.Value, bool) {
	if done.Type != history.Fail {
		return history.Nil, false
	}
	return SeenWith(done.Error, done.Value)
}

// SeenWith is SeenByCAS of a failure with an error and a value.
func SeenWith(err string, v history.Value) (history.Value, bool) {
	if !strings.HasPrefix(err, "mismatch") {
		return history.Nil, false
	}
	switch v.Kind {
	case history.KindInt, history.KindText:
		return v, true
	case history.KindNil:
		return history.Nil, err == MismatchAbsent
	default: // the pair that was asked for, repeated
		return history.Nil, false
	}
}

// OldAndNew takes a compare-and-set's argument apart: a pair, or a list of two.
func OldAndNew(v history.Value) (from, to history.Value, ok bool) {
	if v.Kind == history.KindPair {
		return history.Int(v.A), history.Int(v.B), true
	}
	if ns := v.Ints(); len(ns) == 2 {
		return history.Int(ns[0]), history.Int(ns[1]), true
	}
	return history.Nil, history.Nil, false
}
