package docker

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/faultline-dev/faultline/nemesis/linux/process"
)

// crowd is some of a container's processes.
type crowd struct {
	found []*process.Process
	main  int // the container's first process
}

// withProcesses has do hurt those processes of a container that match a pattern.
func withProcesses(pid int, id, pattern string, do func(crowd) error) (err error) {
	g, err := process.Of(pid, id)
	if errors.Is(err, process.ErrGone) {
		return errNoProcess
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	found, err := g.Find(pattern)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, process.CloseAll(found)) }()
	if len(found) > 0 {
		return do(crowd{found, pid})
	}
	all, err := g.Find("")
	if err != nil {
		return err
	}
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.Name
	}
	return errors.Join(noProcess(pattern, names), process.CloseAll(all))
}

// first says whether the container's first process is among them.
func (c crowd) first() bool {
	for _, p := range c.found {
		if p.PID == c.main {
			return true
		}
	}
	return false
}

// each does something to all of them. One that has ended meanwhile needs nothing.
func (c crowd) each(do func(*process.Process) error) error {
	var errs []error
	for _, p := range c.found {
		if err := do(p); err != nil && !errors.Is(err, process.ErrGone) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (c crowd) kill() error { return c.each((*process.Process).Kill) }
func (c crowd) stop() error { return c.each((*process.Process).Stop) }
func (c crowd) goOn() error { return c.each((*process.Process).Continue) }

// String names them: "pid 12 (redis-server *:6379) and 1 more".
func (c crowd) String() string {
	const longest = 60
	name := c.found[0].Name
	if len(name) > longest {
		name = strings.ToValidUTF8(name[:longest], "") + "..."
	}
	s := fmt.Sprintf("pid %d (%s)", c.found[0].PID, name)
	if more := len(c.found) - 1; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// tryProcess finds out whether processes can be stopped and killed from here: one of our
// own, for a try, and those of root, whose permission it takes.
func tryProcess() (err error) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _, _ = cmd.Process.Kill(), cmd.Wait() }()
	p, err := process.Open(cmd.Process.Pid)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := errors.Join(p.Stop(), p.Continue(), p.Kill()); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("the processes of containers are other users'")
	}
	return nil
}
