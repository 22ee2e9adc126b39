// Package process kills, stops and continues running processes, from outside: a pid in, a
// fault out. It knows nothing of containers or clusters.
//
// The one idea: a signal is sent through a descriptor of the process (pidfd), so that it can
// never reach another one that has got the same number meanwhile, and each function returns
// only when the kernel shows what it wanted: the process is gone, or its threads are
// stopped, or run.
//
// Start with Group, the processes of a container.
package process

import "errors"

// ErrGone means that there is no such process any more.
var ErrGone = errors.New("the process has ended")
