package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Group is the processes of a container, by its first one: those in the same control group
// and the groups within it, of version 1 or 2. Where that cannot be seen (a container sees
// its own alone) they are those in the first one's PID namespace, unless it is our own.
type Group struct {
	first *Process
	dirs  []string // of the control group, in the hierarchies that are mounted
}

// mostGroups bounds how many groups within a container's are looked at.
const mostGroups = 256

// Of is the group of a container's first process. The control group's name has the
// container's identity in it; if that is "", the narrowest of its groups is taken.
func Of(pid int, id string) (*Group, error) {
	first, err := Open(pid)
	if err != nil {
		return nil, err
	}
	g := &Group{first: first}
	own, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	mounts, mountsErr := os.ReadFile("/proc/self/mountinfo")
	if err := errors.Join(err, mountsErr); err != nil {
		return nil, errors.Join(err, first.Close())
	}
	size := map[string]int{}
	for _, dir := range groupDirs(string(own), string(mounts), id) {
		if pids, err := listed(dir); err == nil && slices.Contains(pids, pid) {
			g.dirs, size[dir] = append(g.dirs, dir), len(pids)
		}
	}
	slices.SortStableFunc(g.dirs, func(a, b string) int { return size[a] - size[b] })
	return g, nil
}

// Close lets go of it.
func (g *Group) Close() error { return g.first.Close() }

// groupDirs are where a process's control groups are seen, from its /proc/PID/cgroup and our
// mounts, up to the element of their paths that has the container's identity in it. The
// root of a hierarchy is left out: everybody is in it.
func groupDirs(cgroup, mountinfo, id string) []string {
	var dirs []string
	for line := range strings.Lines(cgroup) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		at := strings.Index(path, id)
		if !ok || path == "/" || strings.Contains(path, "/..") || at < 0 {
			continue
		}
		if end := strings.IndexByte(path[at:], '/'); id != "" && end >= 0 {
			path = path[:at+end]
		}
		for mount := range strings.Lines(mountinfo) {
			before, after, _ := strings.Cut(strings.TrimSpace(mount), " - ")
			f, kind := strings.Fields(before), strings.Fields(after)
			if len(f) < 5 || len(kind) < 3 {
				continue
			}
			v2 := controllers == "" && kind[0] == "cgroup2"
			v1 := controllers != "" && kind[0] == "cgroup" && slices.Contains(strings.Split(kind[2], ","), strings.Split(controllers, ",")[0])
			if !v1 && !v2 {
				continue
			}
			if below, err := filepath.Rel(f[3], path); err == nil && below != "." && !strings.HasPrefix(below, "..") {
				dirs = append(dirs, filepath.Join(f[4], below))
			}
		}
	}
	return dirs
}

// listed are the processes in a control group and the groups within it.
func listed(dir string) ([]int, error) {
	var pids []int
	groups := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == dir:
			return err
		case err != nil || !d.IsDir(): // one within it may have gone meanwhile
			return nil
		}
		if groups++; groups > mostGroups {
			return fs.SkipAll
		}
		b, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		if err != nil {
			return nil
		}
		for field := range strings.FieldsSeq(string(b)) {
			if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	slices.Sort(pids)
	return slices.Compact(pids), err
}

// pids are the group's processes now; none once the first has ended.
func (g *Group) pids() ([]int, error) {
	if err := g.first.signal(0); err != nil {
		if errors.Is(err, ErrGone) {
			return nil, nil
		}
		return nil, err
	}
	for _, dir := range g.dirs {
		if pids, err := listed(dir); err == nil {
			return pids, nil
		}
	}
	ours, _ := os.Readlink("/proc/self/ns/pid")
	theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", g.first.PID))
	if err != nil || theirs == ours {
		return []int{g.first.PID}, nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if ns, err := os.Readlink("/proc/" + e.Name() + "/ns/pid"); err == nil && ns == theirs {
				pids = append(pids, pid)
			}
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// Find are the processes whose name matches the pattern, all of them if it is empty, the
// oldest first. The caller closes them.
func (g *Group) Find(pattern string) ([]*Process, error) {
	if _, err := filepath.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	pids, err := g.pids()
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
