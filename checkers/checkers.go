// Package checkers is what all checkers share: they take a history and return a Result.
//
// The one idea: a checker knows nothing of clusters and never takes a run down. It proves
// what it says by the operations it names, says "unknown" with the reason when its budget
// is spent, and puts every anomaly into a sentence that a person can act on.
package checkers

import (
	"context"
	"fmt"
	"time"

	"github.com/faultline-dev/faultline/harness/history"
)

// Validity is a verdict. The zero value is Valid.
type Validity uint8

// The verdicts, in the order in which one overrules another.
const (
	Valid Validity = iota
	Unknown
	Invalid
)

var validityNames = [...]string{"valid", "unknown", "invalid"}

func (v Validity) String() string {
	if int(v) < len(validityNames) {
		return validityNames[v]
	}
	return fmt.Sprintf("validity(%d)", uint8(v))
}

// MarshalText gives the verdict's word.
func (v Validity) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads the verdict's word.
func (v *Validity) UnmarshalText(b []byte) error {
	for i, name := range validityNames {
		if name == string(b) {
			*v = Validity(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not a verdict: valid, unknown or invalid", b)
}

// Merge returns the graver of two verdicts: invalid > unknown > valid.
func Merge(a, b Validity) Validity { return max(a, b) }

// Checker judges a history.
type Checker interface {
	Name() string
	Check(ctx context.Context, h *history.History, budget Budget) Result
}

// Budget bounds a checker. The zero value means the checker's defaults.
type Budget struct {
	Time    time.Duration // wall-clock time for the whole check
	Memory  int64         // bytes of heap growth
	Workers int           // parallelism; 0 means GOMAXPROCS
}

// Result is what a checker found. It is what results.json holds for each checker.
type Result struct {
	Checker   string    `json:"checker"`
	Valid     Validity  `json:"valid"`
	Reason    string    `json:"reason,omitempty"`  // why unknown
	Measure   string    `json:"measure,omitempty"` // what was measured, in a sentence
	Anomalies []Anomaly `json:"anomalies,omitempty"`
	Figures   []Figure  `json:"figures,omitempty"`
}

// Anomaly is one thing that must not happen and did.
type Anomaly struct {
	Name     string `json:"name"`               // the field's term: nonlinearizable, lost-element, ...
	Sentence string `json:"sentence"`           // for a person
	Key      *int64 `json:"key,omitempty"`      // of a per-key workload
	KeyName  string `json:"key_name,omitempty"` // where keys are no integers, in EDN
	Ops      []int  `json:"ops,omitempty"`      // indices of the events that prove it
	// Detail is the checker's own data for a picture, documented with the checker.
	Detail any `json:"detail,omitempty"`
}

// Figure is one measured number.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"` // s, ms, ops, ops/s, ratio, ...
	Note  string  `json:"note,omitempty"`
}
