package host

import (
	"bytes"
	"context"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// A test binary that links the system's libraries is made again without them, and runs.
func TestProgramIsStatic(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	program, err := Program(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if static, err := isStatic(path); !static {
		t.Fatalf("the program is not static: %v", err)
	}
	said, err := exec.Command(path, "-test.list=^TestProgramIsStatic$").CombinedOutput()
	if err != nil || !strings.Contains(string(said), "TestProgramIsStatic") {
		t.Errorf("it is another program: %s, %v", said, err)
	}
}

func TestIsStaticOfOtherFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := isStatic(path); err == nil {
		t.Error("a script is taken for an executable")
	}
	if sh, err := exec.LookPath("sh"); err == nil {
		if f, err := elf.Open(sh); err == nil {
			defer f.Close()
			interp := f.Section(".interp") != nil
			if static, err := isStatic(sh); err != nil || static == interp {
				t.Errorf("%s, whose section .interp exists: %t, is static: %t, %v", sh, interp, static, err)
			}
		}
	}
}

func TestBuildArgs(t *testing.T) {
	tags := []debug.BuildSetting{{Key: "-tags", Value: "a,b"}, {Key: "-race", Value: "true"}}
	for _, c := range []struct {
		info debug.BuildInfo
		test bool
		want string
	}{
		{debug.BuildInfo{Path: "example.com/x/cmd"}, false, "build -trimpath -buildvcs=false -ldflags=-s -w -o out example.com/x/cmd"},
		{debug.BuildInfo{Path: "example.com/x/cmd", Settings: tags}, false, "build -trimpath -buildvcs=false -ldflags=-s -w -o out -tags a,b example.com/x/cmd"},
		{debug.BuildInfo{Path: "example.com/x.test"}, true, "test -c -trimpath -buildvcs=false -ldflags=-s -w -o out example.com/x"},
	} {
		if got := strings.Join(buildArgs(&c.info, c.test, "out"), " "); got != c.want {
			t.Errorf("go %s\ninstead of\ngo %s", got, c.want)
		}
	}
	if got := goflags("-mod=mod -race --race=true -tags=x"); got != "-mod=mod -tags=x" {
		t.Errorf("GOFLAGS became %q", got)
	}
}

// The error says what to do.
func TestProgramOutsideOfItsModule(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := build(t.Context(), &debug.BuildInfo{Path: "example.com/nowhere.test"})
	if err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=0") {
		t.Errorf("%v", err)
	}
}

// A test becomes a node in its call of ServeInTest.
func TestServeInTest(t *testing.T) {
	ServeInTest([]cluster.Target{}) // the child ends here: it knows no such target
	args, env, err := Invocation(WithTest(context.Background(), t.Name()), Args("nothing", nil, "n1", []Peer{{"n1", "127.0.0.1:0"}}, t.TempDir(), "127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	err = cmd.Run()
	if cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(stderr.String(), `unknown reference system "nothing"`) {
		t.Errorf("%v: %s", err, stderr.String())
	}
	if _, _, err := Invocation(context.Background(), nil); err == nil {
		t.Error("a test binary serves nodes without a test")
	}
}
