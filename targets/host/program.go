package host

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

// Program returns a build of this very program that needs nothing of the machine it runs
// on: its own file where that is so already, else what the go tool makes of the same
// package. A test binary is a program like any other.
func Program(ctx context.Context) ([]byte, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program's file: %w", err)
	}
	if runtime.GOOS == "linux" {
		static, err := isStatic(path)
		if err != nil {
			return nil, fmt.Errorf("look into this program's file: %w", err)
		}
		if static {
			return os.ReadFile(path)
		}
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Path == "" {
		return nil, errors.New("this program is not static and does not say what it was built from; build it with CGO_ENABLED=0")
	}
	return build(ctx, info)
}

// build makes a static program from the package that this one was made from.
func build(ctx context.Context, info *debug.BuildInfo) ([]byte, error) {
	dir, err := os.MkdirTemp("", "faultline-program-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "program")
	args := buildArgs(info, testing.Testing(), out)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS="+goflags(os.Getenv("GOFLAGS")))
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("this program is not static, and go %s, which would make it so, failed (%w): %s; "+
			"run it from within its module, or build it with CGO_ENABLED=0",
			strings.Join(args, " "), err, strings.TrimSpace(string(said)))
	}
	return os.ReadFile(out)
}

// buildArgs is the go tool's command line. The result must not depend on where and when
// it was made, so that an unchanged program is an unchanged image.
func buildArgs(info *debug.BuildInfo, test bool, out string) []string {
	args := []string{"build"}
	pkg := info.Path
	if test {
		args, pkg = []string{"test", "-c"}, strings.TrimSuffix(pkg, ".test")
	}
	args = append(args, "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out)
	for _, s := range info.Settings {
		if s.Key == "-tags" && s.Value != "" {
			args = append(args, "-tags", s.Value)
		}
	}
	return append(args, pkg)
}

// goflags are the user's without the race detector, which needs cgo.
func goflags(flags string) string {
	var kept []string
	for _, f := range strings.Fields(flags) {
		if name, _, _ := strings.Cut(strings.TrimLeft(f, "-"), "="); name != "race" {
			kept = append(kept, f)
		}
	}
	return strings.Join(kept, " ")
}

// isStatic says whether an executable runs without a dynamic linker.
func isStatic(path string) (bool, error) {
	f, err := elf.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return false, nil
		}
	}
	return true, nil
}
