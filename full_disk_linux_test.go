package faultline_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFullDisk runs out of room in the middle of a run: that is the harness's failure and
// said to be, and what was recorded until then is kept.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a disk of a chosen size takes root")
	}
	store := t.TempDir()
	if err := unix.Mount("none", store, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("cannot mount a small disk here as root: %v", err)
	}
	defer unix.Unmount(store, unix.MNT_DETACH)
	code, stdout, stderr := command("run", "--target", "raft", "--workload", "register", "--time", "200s", "--seed", "1", "--store", store)
	if code != 255 || !strings.Contains(stdout, "no space left on device") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	files, err := filepath.Glob(filepath.Join(store, "*", "*", "history.flh"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no history is left: %v", err)
	}
	if code, stdout, stderr := command("export", files[0], "--format", "jsonl"); code != 0 || strings.Count(stdout, "\n") < 1000 {
		t.Errorf("of the history %d lines are left, exit code %d: %s", strings.Count(stdout, "\n"), code, stderr)
	}
}
