//go:build linux && (amd64 || arm64)

package clock

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// trialOffset is what the clock of the program of a trial is set to, trialError how much
// the program's word may differ from it.
const (
	trialOffset = time.Hour
	trialError  = time.Minute
)

// Try finds out whether this machine lets us skew a clock: it starts a program that calls
// Probe, makes its clock wrong and asks the program itself. It measures what that takes.
func Try(ctx context.Context, program string, args ...string) (Trial, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return Trial{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return Trial{}, err
	}
	if err := cmd.Start(); err != nil {
		return Trial{}, fmt.Errorf("start a program to try it on: %w", err)
	}
	defer func() {
		in.Close()
		_ = cmd.Wait() // it may have ended already, and what it says no longer matters
	}()
	said := bufio.NewReader(out)
	ahead := func() (time.Duration, error) {
		if _, err := io.WriteString(in, "\n"); err != nil {
			return 0, err
		}
		line, err := said.ReadString('\n')
		if err != nil {
			return 0, err
		}
		ns, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		return time.Duration(ns - time.Now().UnixNano()), err
	}
	if _, err := ahead(); err != nil { // it runs
		return Trial{}, fmt.Errorf("ask a program for the time: %w", err)
	}
	began := time.Now()
	p, err := Install(cmd.Process.Pid)
	if err != nil {
		return Trial{}, err
	}
	defer p.Close()
	t := Trial{Install: time.Since(began), Stopped: p.Stopped, Direct: p.Direct}
	began = time.Now()
	if err := p.Set(Setting{Offset: trialOffset}); err != nil {
		return t, err
	}
	t.Bump = time.Since(began)
	off, err := ahead()
	if err != nil {
		return t, fmt.Errorf("ask a program for the time: %w", err)
	}
	if (off - trialOffset).Abs() > trialError {
		return t, fmt.Errorf("a program whose clock was set ahead by %v reads %v", trialOffset, off.Round(time.Second))
	}
	return t, nil
}
