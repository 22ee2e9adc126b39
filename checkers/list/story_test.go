package list

import (
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/stories"
)

// TestStories runs the histories in testdata.
func TestStories(t *testing.T) {
	stories.Run(t, func(d *datadriven.TestData) checkers.Checker {
		if d.Cmd == "sequential" {
			return Sequential()
		}
		return Checker()
	})
}
