// Package nodes looks for nodes that died by themselves, or wrote that they were about to.
//
// A node that a nemesis killed was meant to die; one that exited or panicked on its own
// is an anomaly whatever the operations say. Start with Deaths.
package nodes

import (
	"context"
	"fmt"
	"strings"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// Deaths returns the checker.
func Deaths() checkers.Checker { return deaths{} }

type deaths struct{}

func (deaths) Name() string { return "nodes" }

// Anomalies told one by one; a node in a crash loop dies thousands of times.
const told = 20

func (d deaths) Check(_ context.Context, h *history.History, _ checkers.Budget) checkers.Result {
	result := checkers.Result{Checker: d.Name()}
	died, meant := 0, 0
	for _, e := range h.Telemetry() {
		switch {
		case e.Kind == history.EventUnrecovered:
			result.Anomalies = append(result.Anomalies, checkers.Anomaly{
				Name: "unrecovered",
				Sentence: fmt.Sprintf("node %s did not answer within %s after all faults had been healed: %s",
					e.Node, checkers.Span(e.N), e.Text),
			})
		case e.Kind == history.EventPanic:
			result.Anomalies = append(result.Anomalies, checkers.Anomaly{
				Name:     "node-panicked",
				Sentence: fmt.Sprintf("node %s wrote to its log at %s: %s", e.Node, checkers.At(e.Time), e.Text),
			})
		case e.Kind != history.EventNodeDown:
		case !ByItself(e):
			meant++
		default:
			if died++; died <= told {
				result.Anomalies = append(result.Anomalies, checkers.Anomaly{
					Name:     "node-died",
					Sentence: fmt.Sprintf("node %s died by itself at %s: %s", e.Node, checkers.At(e.Time), e.Text),
				})
			}
		}
	}
	if len(result.Anomalies) > 0 {
		result.Valid = checkers.Invalid
	}
	result.Figures = []checkers.Figure{
		{Name: "nodes died by themselves", Value: float64(died)},
		{Name: "nodes killed or stopped", Value: float64(meant), Note: "by a nemesis or at the end"},
	}
	return result
}

// signs are the words by which the end of a node says that nobody had asked for it.
var signs = []string{"by itself", "panic", "fatal", "out of memory"}

// ByItself reports whether a node-down event tells of a node that nobody had ended.
func ByItself(e history.Event) bool {
	text := strings.ToLower(e.Text)
	for _, sign := range signs {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}
