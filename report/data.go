package report

import (
	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// Run is all that a report tells of one run, as plain values: nothing here knows where a
// run is kept or what it ran on. The zero value of every field means that there is nothing
// to tell.
type Run struct {
	Title     string // "raft · register · partition, kill"
	Verdict   checkers.Validity
	Summary   string // the verdict in a sentence
	Expected  string // valid, or open
	Finding   bool   // the target broke its own promise
	Promise   string // the sentence of its documentation
	Crash     string // why the harness failed, if it did
	Torn      string // what of the history was cut off
	Seed      string
	Reproduce string // the command that does it again
	Version   string // of the program that made the report

	Config  []Setting
	Omitted []string // operations that the target does not offer
	Nemeses []Nemesis
	Results []checkers.Result
	History *history.History
}

// Setting is one line of the configuration.
type Setting struct{ Name, Value string }

// Nemesis tells whether a nemesis bit.
type Nemesis struct {
	Name                   string
	Injected, Bit, Skipped int
	Evidence               string
}
