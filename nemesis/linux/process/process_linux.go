package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Process is one process.
type Process struct {
	PID  int
	Name string // its command line
	fd   int
}

// Open takes hold of a process.
func Open(pid int) (*Process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, asGone(fmt.Errorf("reach pid %d: %w", pid, err))
	}
	return &Process{PID: pid, Name: strings.Join(arguments(pid), " "), fd: fd}, nil
}

// Close lets go of it.
func (p *Process) Close() error { return unix.Close(p.fd) }

func asGone(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("%w (%w)", ErrGone, err)
	}
	return err
}

// arguments are the words of a process's command line, or its name if it has none.
func arguments(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if line := strings.TrimRight(string(b), "\x00"); err == nil && line != "" {
		return strings.Split(line, "\x00")
	}
	return []string{shortName(pid)}
}

func shortName(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(b))
}

// matches says whether a process is called so: by its name, its program's, or an argument
// (by which alone a Java or Python program is known), with or without directories. * and ?
// stand for any characters.
func (p *Process) matches(pattern string) bool {
	for _, word := range append(arguments(p.PID), shortName(p.PID)) {
		for _, name := range []string{word, filepath.Base(word)} {
			if ok, _ := filepath.Match(pattern, name); ok {
				return true
			}
		}
	}
	return false
}

func (p *Process) signal(s unix.Signal) error {
	if err := unix.PidfdSendSignal(p.fd, s, nil, 0); err != nil {
		return asGone(fmt.Errorf("send %s to pid %d: %w", unix.SignalName(s), p.PID, err))
	}
	return nil
}

const (
	limit     = 10 * time.Second // for the kernel to do what a signal says
	lookEvery = time.Millisecond
)

// Kill kills it as kill -9 does, and returns once it is gone.
func (p *Process) Kill() error {
	if err := p.signal(unix.SIGKILL); err != nil {
		return err
	}
	return p.Wait(limit)
}

// Wait waits until it is gone.
func (p *Process) Wait(limit time.Duration) error {
	end := time.Now().Add(limit)
	for {
		poll := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, int(max(0, time.Until(end)).Milliseconds()))
		switch {
		case n > 0:
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("wait for the end of pid %d: %w", p.PID, err)
		case time.Now().After(end):
			return fmt.Errorf("pid %d is still there after %s", p.PID, limit)
		}
	}
}

// Stop stops it by SIGSTOP, and returns once all its threads are.
func (p *Process) Stop() error {
	if err := p.signal(unix.SIGSTOP); err != nil {
		return err
	}
	return p.until("stopped", allStopped)
}

// Continue lets it go on, and returns once none of its threads is stopped.
func (p *Process) Continue() error {
	if err := p.signal(unix.SIGCONT); err != nil {
		return err
	}
	return p.until("running", func(states string) bool { return !strings.Contains(states, "T") })
}

// until waits until the states of all threads, a letter each, are as wanted.
func (p *Process) until(what string, as func(states string) bool) error {
	for end := time.Now().Add(limit); ; time.Sleep(lookEvery) {
		states := threadStates(p.PID)
		if strings.Trim(states, ended) == "" {
			return fmt.Errorf("%w: pid %d", ErrGone, p.PID)
		}
		if as(states) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the threads of pid %d are %s and not %s after %s", p.PID, states, what, limit)
		}
	}
}

// Stopped says whether all threads of a process are.
func Stopped(pid int) bool { return allStopped(threadStates(pid)) }

// ended are the states of threads that have, whether or not anybody has asked about it.
const ended = "ZX"

// allStopped is for states of threads of which some may have ended, but not all: a process
// that awaits its parent's call is not stopped, and no signal makes it go on.
func allStopped(states string) bool {
	return strings.ContainsAny(states, "Tt") && strings.Trim(states, "Tt"+ended) == ""
}

// threadStates are those of a process's threads, as /proc shows them.
func threadStates(pid int) string {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	var states strings.Builder
	for _, path := range threads {
		b, err := os.ReadFile(path)
		if after := bytes.LastIndexByte(b, ')'); err == nil && after >= 0 && after+2 < len(b) {
			states.WriteByte(b[after+2])
		}
	}
	return states.String()
}
