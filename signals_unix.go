//go:build unix

package faultline

import (
	"os"
	"syscall"
)

// terminations are the signals that end a run in good order.
var terminations = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
