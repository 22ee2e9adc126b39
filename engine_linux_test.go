package faultline_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
)

// built is the program as a user has it, static, where anybody may run it.
func built(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "faultline-built-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "faultline")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/faultline")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// engine is a Docker engine of the test's own, which it may stop. It lives in a network
// namespace of its own, since an engine changes firewall, routes and bridges where it is,
// and starts without images.
type engine struct {
	t      *testing.T
	dir    string
	home   *exec.Cmd // a process whose network namespace it is
	cmd    *exec.Cmd
	client *client.Client
}

func newEngine(t *testing.T) *engine {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: an engine takes seconds to start")
	}
	if os.Geteuid() != 0 {
		t.Skip("a Docker engine of the test's own takes root")
	}
	if _, err := exec.LookPath("dockerd"); err != nil {
		t.Skipf("no Docker engine to start: %v", err)
	}
	dir, err := os.MkdirTemp("", "fl-engine-") // a short path: sockets are made in it
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, dir: dir, home: exec.Command("sleep", "infinity")}
	e.home.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := e.home.Start(); err != nil {
		t.Skipf("cannot make a network namespace here: %v", err)
	}
	if e.client, err = client.New(client.WithHost(e.host())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.stop()
		_ = e.home.Process.Kill()
		_ = e.home.Wait()
		e.client.Close()
		os.RemoveAll(dir)
	})
	e.start()
	return e
}

func (e *engine) host() string { return "unix://" + filepath.Join(e.dir, "socket") }

func (e *engine) start() {
	e.t.Helper()
	in := func(name string) string { return filepath.Join(e.dir, name) }
	log, err := os.OpenFile(in("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		e.t.Fatal(err)
	}
	defer log.Close()
	if err := os.WriteFile(in("config"), []byte("{}"), 0o644); err != nil {
		e.t.Fatal(err)
	}
	e.cmd = e.inside("dockerd", "--host", e.host(), "--config-file", in("config"),
		"--data-root", in("data"), "--exec-root", in("exec"), "--pidfile", in("pid"),
		"--containerd-namespace", "faultline-test", "--containerd-plugins-namespace", "faultline-test-plugins",
		"--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")
	e.cmd.Stdout, e.cmd.Stderr = log, log
	if err := e.cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if _, err := e.client.Ping(context.Background(), client.PingOptions{}); err == nil {
			return
		}
		if time.Now().After(end) {
			said, _ := os.ReadFile(in("log"))
			e.t.Fatalf("the engine does not start: %s", said)
		}
	}
}

func (e *engine) stop() {
	if e.cmd == nil {
		return
	}
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	_ = e.cmd.Wait()
	e.cmd = nil
}

// inside is a command within the engine's network, from where its containers are reached.
func (e *engine) inside(program string, args ...string) *exec.Cmd {
	enter := []string{"--target", strconv.Itoa(e.home.Process.Pid), "--net", program}
	cmd := exec.Command("nsenter", append(enter, args...)...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+e.host())
	return cmd
}

// left is what carries our labels.
func (e *engine) left() []string {
	e.t.Helper()
	var names []string
	labelled := client.Filters{}.Add("label", "faultline.run")
	containers, err := e.client.ContainerList(e.t.Context(), client.ContainerListOptions{All: true, Filters: labelled})
	if err != nil {
		e.t.Fatal(err)
	}
	for _, c := range containers.Items {
		names = append(names, c.Names...)
	}
	networks, err := e.client.NetworkList(e.t.Context(), client.NetworkListOptions{Filters: labelled})
	if err != nil {
		e.t.Fatal(err)
	}
	for _, n := range networks.Items {
		names = append(names, n.Name)
	}
	return names
}

// TestEngineRestarted restarts the engine under a run. Its nodes' deaths are no finding: the
// run fails, says why, keeps its history, and leaves nothing.
func TestEngineRestarted(t *testing.T) {
	e := newEngine(t)
	store := t.TempDir()
	cmd := e.inside(built(t), "run", "--target", "raft", "--on", "docker", "--workload", "register",
		"--nodes", "1", "--nemesis", "kill", "--interval", "2s", "--time", "300s", "--store", store)
	var said bytes.Buffer
	cmd.Stdout = &said
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	go io.Copy(io.Discard, progress)
	histories := func() []string {
		files, _ := filepath.Glob(filepath.Join(store, "*", "*", "history.flh"))
		return files
	}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if files := histories(); len(files) > 0 {
			if info, err := os.Stat(files[0]); err == nil && info.Size() > 20_000 {
				break
			}
		}
		if time.Now().After(end) {
			t.Fatalf("the run does not get under way: %s", said.String())
		}
	}
	e.stop()
	e.start()
	if code := exitCode(t, cmd.Wait()); code != 255 || !strings.Contains(said.String(), "the harness failed: the Docker engine went away during the run") {
		t.Errorf("exit code %d: %s", code, said.String())
	}
	if strings.Contains(said.String(), "node-died") {
		t.Errorf("the engine's going is blamed on the system: %s", said.String())
	}
	code, stdout, stderr := command("export", histories()[0], "--format", "jsonl")
	if code != 0 || strings.Count(stdout, "\n") < 100 {
		t.Errorf("of the history %d lines are left, exit code %d: %s", strings.Count(stdout, "\n"), code, stderr)
	}
	if left := e.left(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestNoPermission asks for containers as somebody who may not talk to the engine.
func TestNoPermission(t *testing.T) {
	e := newEngine(t)
	if err := os.Chmod(e.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(built(t), "run", "--target", "raft", "--on", "docker", "--workload", "register", "--time", "1s", "--store", os.TempDir())
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+e.host())
	cmd.Dir = os.TempDir()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	code := exitCode(t, cmd.Run())
	line := strings.TrimSpace(err.String())
	if code != 255 || out.Len() > 0 || strings.Contains(line, "\n") || !strings.Contains(line, "permission denied") || !strings.Contains(line, "as root") {
		t.Errorf("exit code %d: %q %q", code, line, out.String())
	}
}
