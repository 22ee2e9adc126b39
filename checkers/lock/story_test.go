package lock

import (
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/stories"
)

// TestStories runs the histories in testdata.
func TestStories(t *testing.T) {
	stories.Run(t, func(d *datadriven.TestData) checkers.Checker { return New(Options{Overlaps: d.HasArg("fenced")}) })
}
