package process

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/faultline-dev/faultline/nemesis/linux"
)

// Group is the processes of a container, by its first one: those in the same control group
// and the groups within it, of version 1 or 2. Where that cannot be seen (a container sees
// its own alone) they are those in the first one's PID namespace, unless it is our own.
type Group struct {
	first   *Process
	members *linux.Members
}

// Of is the group of a container's first process. The control group's name has the
// container's identity in it.
func Of(pid int, id string) (*Group, error) {
	first, err := Open(pid)
	if err != nil {
		return nil, err
	}
	return &Group{first: first, members: linux.MembersOf(pid, id)}, nil
}

// Close lets go of it.
func (g *Group) Close() error { return g.first.Close() }

// Find are the processes whose name matches the pattern, all of them if it is empty, the
// oldest first. The caller closes them.
func (g *Group) Find(pattern string) ([]*Process, error) {
	if _, err := filepath.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	pids, err := g.members.List()
	if err != nil {
		return nil, err
	}
	var found []*Process
	for _, pid := range pids {
		p, err := Open(pid)
		if errors.Is(err, ErrGone) {
			continue
		}
		if err != nil {
			return nil, errors.Join(err, CloseAll(found))
		}
		if pattern != "" && !p.matches(pattern) {
			if err := p.Close(); err != nil {
				return nil, errors.Join(err, CloseAll(found))
			}
			continue
		}
		found = append(found, p)
	}
	return found, nil
}

// CloseAll lets go of processes.
func CloseAll(all []*Process) error {
	var errs []error
	for _, p := range all {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}
