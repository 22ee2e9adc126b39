// Package clock makes the wall clock of running processes wrong, from outside: a pid in, a
// false time out. It knows nothing of containers or clusters, nothing need be installed
// where it acts, and the host's clock is never touched.
//
// The one idea: programs read the time by calling code that the kernel maps into each of
// them, the vDSO, whatever language they are written in and whether or not they are linked
// statically. A process's copy of that page is its own as soon as one writes to it. So the
// entry of clock_gettime (and of its relatives) is overwritten by a jump to code of ours,
// which asks the original and adds what the data beside it says:
//
//	[vdso] of the process     clock_gettime: jmp --+    the original's first instructions,
//	                          (rest of it) <-------|--+ moved here, jump back behind the jmp
//	                          end of the image     |  |                       |
//	  unused end of its page  header | settings | code: real time + offset + rate x elapsed
//
// To install it takes ptrace and stops the process for less than a millisecond; after that
// the time is changed by one write to the settings, which stops nothing. Monotonic clocks
// stay as they are. What is installed stays for the life of the process: reset means an
// offset of zero.
//
// Limits. A deadline that the kernel itself compares with the wall clock (clock_nanosleep
// with TIMER_ABSTIME, timerfd, pthread_cond_timedwait) ignores the skew, and so does a raw
// system call. Being stopped makes epoll_wait, sigtimedwait and a timed recv return EINTR
// once. A forked child inherits the skew, a process that execs loses it: Group patches both
// within some 20 milliseconds. A frozen process cannot be patched, but an installed offset
// can be set.
//
// Start with Group, the processes of a container; Process is one of them, vdso.go finds the
// place, x86.go and arm.go write the code, ptrace.go stops the process meanwhile.
package clock

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrGone means that the process has ended, or has become another program.
	ErrGone = errors.New("the process has ended")
	// ErrStuck means that a process could not be stopped in time: it is frozen, or sleeps
	// where nothing wakes it.
	ErrStuck = errors.New("the process does not stop")
	// ErrUnsupported means that this system, or this process, has no vDSO that can be used.
	ErrUnsupported = errors.New("skewing clocks is not supported")
)

// Setting is how wrong a clock is: off by Offset at the moment Since, and running at Rate
// from then on. The zero value is the true time.
type Setting struct {
	Offset time.Duration
	Drift  float64   // seconds gained in each second of true time
	Since  time.Time // when the drift began
}

// Reading is the time as processes read it.
type Reading struct {
	PID    int           // one of them, 0: there is none
	More   int           // how many others there are
	Offset time.Duration // how far the first is ahead of true time
	Differ int           // how many of the others differ from it by more than a second
}

// String says it as evidence does: "pid 123 (+2 more) reads +2.000s".
func (r Reading) String() string {
	if r.PID == 0 {
		return "no process"
	}
	s := fmt.Sprintf("pid %d", r.PID)
	if r.More > 0 {
		s += fmt.Sprintf(" (+%d more)", r.More)
	}
	s += fmt.Sprintf(" reads %+.3fs", r.Offset.Seconds())
	if r.Differ > 0 {
		s += fmt.Sprintf(", %d of the others differ", r.Differ)
	}
	return s
}

// Trial is what one installation cost.
type Trial struct {
	Install time.Duration // to install in a process, from outside
	Stopped time.Duration // of which the process stood still
	Bump    time.Duration // to change the offset afterwards
	Direct  bool          // true time comes from the original code, not from a system call
}
