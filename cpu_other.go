//go:build !unix

package faultline

import "time"

var processStart = time.Now()

// cpuTime falls back to elapsed time, an upper bound on one core.
func cpuTime() time.Duration { return time.Since(processStart) }
