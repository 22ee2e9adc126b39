package docker

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/faultline-dev/faultline/nemesis/linux/disk"
)

// layers are those over the volumes of a run's nodes.
type layers = disk.Helper

func startLayers(ctx context.Context, dir string, mounts []disk.Mount, command *exec.Cmd) (*layers, error) {
	return disk.Start(ctx, dir, mounts, command)
}

func endLayers(dir string) error { return disk.End(dir) }

// tryLayer finds out whether this process may mount one.
func tryLayer() error { return disk.Try() }

func serveLayers(ctx context.Context, dir string) error { return disk.Serve(ctx, dir) }

// layered says whether a process sees a layer at a path: the engine may live on another
// machine, or in a place from where it does not see what is mounted here.
func layered(pid int, path string) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(filepath.Join(fmt.Sprintf("/proc/%d/root", pid), path), &st); err != nil {
		return false, err
	}
	return st.Type == unix.FUSE_SUPER_MAGIC, nil
}
