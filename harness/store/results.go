package store

import (
	"github.com/faultline-dev/faultline/checkers"
)

// Schema is the version of results.json, documented in docs/results.md.
const Schema = 1

// Config is test.yaml: everything needed to run the test again.
type Config struct {
	Version     string            `yaml:"faultline" json:"faultline"`
	Target      string            `yaml:"target" json:"target"`
	World       string            `yaml:"on" json:"on"`
	Workload    string            `yaml:"workload" json:"workload"`
	Nemeses     []string          `yaml:"nemesis,omitempty" json:"nemesis,omitempty"`
	Model       string            `yaml:"model" json:"model"`
	Nodes       []string          `yaml:"nodes" json:"nodes"`
	Concurrency int               `yaml:"concurrency" json:"concurrency"`
	Rate        float64           `yaml:"rate,omitempty" json:"rate,omitempty"`
	Time        string            `yaml:"time,omitempty" json:"time,omitempty"`
	Ops         int               `yaml:"ops,omitempty" json:"ops,omitempty"`
	Interval    string            `yaml:"interval,omitempty" json:"interval,omitempty"`
	OpTimeout   string            `yaml:"op-timeout" json:"op-timeout"`
	Seed        uint64            `yaml:"seed" json:"seed"`
	Clients     string            `yaml:"clients" json:"clients"`
	Settings    map[string]string `yaml:"set,omitempty" json:"set,omitempty"`         // as given
	Options     map[string]string `yaml:"options,omitempty" json:"options,omitempty"` // as resolved
	Omitted     []string          `yaml:"omitted,omitempty" json:"omitted,omitempty"` // operations that the target does not offer
	Reproduce   string            `yaml:"reproduce" json:"reproduce"`
}

// Results is results.json.
type Results struct {
	Schema    int               `json:"schema"`
	Valid     checkers.Validity `json:"valid"`
	Summary   string            `json:"summary"`           // the verdict in a sentence
	Expected  string            `json:"expected"`          // valid, or open
	Finding   bool              `json:"finding,omitempty"` // the target broke its own promise
	Promise   string            `json:"promise,omitempty"` // the sentence of its documentation
	Crash     string            `json:"crash,omitempty"`   // why the harness failed, if it did
	Torn      string            `json:"torn,omitempty"`    // what of the history was cut off
	Seed      uint64            `json:"seed"`
	Reproduce string            `json:"reproduce"`
	Config    Config            `json:"config"`
	Counts    Counts            `json:"counts"`
	Nemeses   []NemesisSummary  `json:"nemeses,omitempty"`
	Checkers  []checkers.Result `json:"checkers"`
}

// Counts are the client operations by how they completed.
type Counts struct {
	Invoked int `json:"invoked"`
	OK      int `json:"ok"`
	Fail    int `json:"fail"`
	Info    int `json:"info"`
	Lost    int `json:"lost_clients,omitempty"` // calls that ignored their deadline and were left behind
	Leaders int `json:"leader_changes,omitempty"`
}

// NemesisSummary tells whether a nemesis bit.
type NemesisSummary struct {
	Name     string `json:"name"`
	Injected int    `json:"injected"`
	Bit      int    `json:"bit"`
	Skipped  int    `json:"skipped"`
	Evidence string `json:"evidence,omitempty"`
}

// FirstAnomaly returns the first anomaly of the gravest verdict.
func (r *Results) FirstAnomaly() (checkers.Anomaly, bool) {
	for _, c := range r.Checkers {
		if c.Valid == checkers.Invalid && len(c.Anomalies) > 0 {
			return c.Anomalies[0], true
		}
	}
	return checkers.Anomaly{}, false
}
