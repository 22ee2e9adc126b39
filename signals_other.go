//go:build !unix

package faultline

import "os"

// terminations are the signals that end a run in good order.
var terminations = []os.Signal{os.Interrupt}
