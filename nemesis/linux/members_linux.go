package linux

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

// Members finds the processes of a container: those in its control group and the groups
// within it, of version 1 or 2. Where these cannot be seen (a container sees its own alone)
// they are those in the first process's PID namespace, and if that is our own, the first
// process alone.
type Members struct {
	First     int      // the container's first process
	began     string   // when the first process did, as the kernel counts
	dirs      []string // of the control group, in each hierarchy
	namespace string   // "": do not go by it
}

// mostGroups bounds how many groups within a container's are looked at.
const mostGroups = 256

// MembersOf looks where a container's processes are listed, by its first process and its
// identity, which its control group's name has in it.
func MembersOf(pid int, id string) *Members {
	m := &Members{First: pid, began: startTime(pid)}
	own, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	mounts, mountsErr := os.ReadFile("/proc/self/mountinfo")
	if err == nil && mountsErr == nil && id != "" {
		m.dirs = groupDirs(string(own), string(mounts), id)
		m.dirs = slices.DeleteFunc(m.dirs, func(dir string) bool {
			listed, err := listed(dir)
			return err != nil || !slices.Contains(listed, pid)
		})
	}
	if len(m.dirs) == 0 {
		ours, _ := os.Readlink("/proc/self/ns/pid")
		if theirs, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid)); theirs != ours {
			m.namespace = theirs
		}
	}
	return m
}

// groupDirs are the directories of a container's control group: of each line of
// /proc/PID/cgroup the path up to the element that has the container's identity in it,
// below where that hierarchy is mounted.
func groupDirs(cgroup, mountinfo, id string) []string {
	var dirs []string
	for line := range strings.Lines(cgroup) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		at := strings.Index(path, id)
		if !ok || at < 0 || strings.Contains(path, "/..") { // outside of what we see
			continue
		}
		if end := strings.IndexByte(path[at:], '/'); end >= 0 {
			path = path[:at+end]
		}
		if root, point, ok := hierarchy(mountinfo, controllers); ok {
			if below, err := filepath.Rel(root, path); err == nil && !strings.HasPrefix(below, "..") {
				dirs = append(dirs, filepath.Join(point, below))
			}
		}
	}
	return dirs
}

// hierarchy finds where a hierarchy is mounted, and which of its directories is seen there.
// No controllers mean version 2.
func hierarchy(mountinfo, controllers string) (root, point string, ok bool) {
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(strings.TrimSpace(line), " - ")
		f, kind := strings.Fields(before), strings.Fields(after)
		if len(f) < 5 || len(kind) < 3 {
			continue
		}
		switch {
		case controllers == "" && kind[0] == "cgroup2":
			return f[3], f[4], true
		case controllers != "" && kind[0] == "cgroup" && slices.Contains(strings.Split(kind[2], ","), strings.Split(controllers, ",")[0]):
			return f[3], f[4], true
		}
	}
	return "", "", false
}

// listed are the processes in a control group and the groups within it.
func listed(dir string) ([]int, error) {
	var pids []int
	groups := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == dir:
			return err
		case err != nil: // one within it has gone meanwhile
			return nil
		case !d.IsDir():
			return nil
		}
		if groups++; groups > mostGroups {
			return fs.SkipAll
		}
		b, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		if err != nil && path == dir {
			return err
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

// startTime is when a process began, "" if there is none.
func startTime(pid int) string {
	const field = 22 // of /proc/PID/stat, of which two come before the closing parenthesis
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < field-2 {
		return ""
	}
	return f[field-3]
}

// Alive says whether the first process still runs.
func (m *Members) Alive() bool { return m.began != "" && startTime(m.First) == m.began }

// List are the processes now. There are none once the first one has ended, as a container
// ends with it: its number, and whatever else it was known by, may be another's soon.
func (m *Members) List() ([]int, error) {
	if !m.Alive() {
		return nil, nil
	}
	for _, dir := range m.dirs {
		pids, err := listed(dir)
		if err == nil {
			return pids, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list the processes of %s: %w", dir, err)
		}
	}
	if len(m.dirs) > 0 {
		return nil, nil // it has ended meanwhile
	}
	if m.namespace == "" {
		return []int{m.First}, nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if ns, err := os.Readlink("/proc/" + e.Name() + "/ns/pid"); err == nil && ns == m.namespace {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}
