package linux

import (
	"slices"
	"testing"
)

// TestGroupDirs reads what kernels say of containers.
func TestGroupDirs(t *testing.T) {
	const id = "0123abcd"
	const v1 = "26 25 0:22 / /sys/fs/cgroup/systemd rw - cgroup systemd rw,name=systemd\n" +
		"30 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct\n" +
		"31 25 0:27 / /sys/fs/cgroup/freezer rw shared:12 - cgroup cgroup rw,freezer\n"
	const v2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	const inside = "1034 1033 0:26 /system.slice/docker-ffff.scope /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
	for _, c := range []struct {
		name, cgroup, mounts string
		want                 []string
	}{
		{"version 1", "9:name=systemd:/docker/" + id + "\n7:freezer:/docker/" + id + "\n1:cpu,cpuacct:/docker/" + id + "\n0::/\n", v1,
			[]string{"/sys/fs/cgroup/systemd/docker/" + id, "/sys/fs/cgroup/freezer/docker/" + id, "/sys/fs/cgroup/cpu,cpuacct/docker/" + id}},
		{"version 2", "0::/system.slice/docker-" + id + ".scope\n", v2, []string{"/sys/fs/cgroup/system.slice/docker-" + id + ".scope"}},
		{"a group within the container's", "0::/system.slice/docker-" + id + ".scope/init.scope\n", v2, []string{"/sys/fs/cgroup/system.slice/docker-" + id + ".scope"}},
		{"seen from another container", "0::/../docker-" + id + ".scope\n", v2 + inside, nil},
		{"below what is mounted", "0::/system.slice/docker-" + id + ".scope\n", inside, nil},
		{"outside of what a container sees", "0::/../../" + id + "\n", v2, nil},
		{"another's", "0::/system.slice/docker-ffff.scope\n", v2, nil},
		{"not mounted", "7:freezer:/docker/" + id + "\n", v2, nil},
		{"nonsense", "x\n::\n", "y\n - \n", nil},
	} {
		if got := groupDirs(c.cgroup, c.mounts, id); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
	}
}
