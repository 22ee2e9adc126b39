package faultline_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/faultline-dev/faultline"
	"github.com/faultline-dev/faultline/harness/store"
	"github.com/faultline-dev/faultline/targets/all"
)

// command runs the program in this process.
func command(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = faultline.Run(args, &out, &err, all.Targets, memory)
	return code, out.String(), err.String()
}

// program prepares the program as a process of its own.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit == nil {
		return 0
	}
	return exit.ExitCode()
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestBadInput: each slip gets one line that says what is wrong and, where it can, what
// was meant; and exit code 254.
func TestBadInput(t *testing.T) {
	run := func(more ...string) []string {
		return append([]string{"run", "--store", t.TempDir(), "--target", "raft", "--workload", "register", "--time", "1s"}, more...)
	}
	cases := []struct {
		name string
		args []string
		want string
	}{
		{"no command", []string{"rum"}, `unknown command "rum"`},
		{"unknown flag", run("--nemeses", "kill"), "unknown flag: --nemeses"},
		{"no target", []string{"run", "--workload", "register"}, "say --target NAME"},
		{"unknown target", run("--target", "raff"), `did you mean "raft"?`},
		{"unknown version", run("--target", "raft@3"), "takes no version"},
		{"no workload", []string{"run", "--target", "raft"}, "say --workload NAME"},
		{"unknown workload", run("--workload", "registre"), `did you mean "register"?`},
		{"unknown nemesis", run("--nemesis", "partitoin"), `did you mean "partition"?`},
		{"a nemesis twice", run("--nemesis", "kill,kill"), "names kill twice"},
		{"unknown kind of fault", run("--nemesis", "partition", "--set", "partition=halve"), `did you mean "halves"?`},
		{"unknown option", run("--set", "raeds=local"), `did you mean "reads"?`},
		{"unknown value", run("--set", "reads=locl"), `did you mean "local"?`},
		{"values that do not go together", run("--target", "dynamo", "--set", "r=4"), "only n=3 replicas"},
		{"option without value", run("--set", "reads"), "name=value"},
		{"unknown bug", run("--set", "bug=stale-reads"), `did you mean "stale-read"?`},
		{"unknown model", run("--model", "linearisable"), `did you mean "linearizable"?`},
		{"unknown world", run("--on", "moon"), "moon"},
		{"no nodes", run("--nodes", "0"), "--nodes 0: a cluster has 1 to 99 nodes"},
		{"fewer nodes", run("--nodes", "-3"), "-3"},
		{"removals of a store that has none", []string{"run", "--target", "dynamo", "--workload", "bag"}, "only with --set mode=siblings"},
		{"too many nodes", run("--nodes", "1000000"), "1000000"},
		{"no clients", run("--concurrency", "0"), "concurrency"},
		{"odd concurrency", run("--concurrency", "2m"), "2m"},
		{"negative rate", run("--rate", "-1"), "rate"},
		{"negative time", run("--time", "-1s"), "time"},
		{"odd duration", run("--time", "1parsec"), "parsec"},
		{"negative seed", run("--seed", "-1"), "seed"},
		{"no runs", run("--runs", "0"), "--runs 0"},
		{"odd clients", run("--clients", "pined"), `did you mean "pinned"?`},
		{"store is a file", run("--store", write(t, "store", "")), "not a directory"},
		{"junit is nowhere", run("--junit", "/nonexistent/dir/junit.xml"), "--junit"},
		{"image in simulation", run("--image", "x"), "--on docker"},
		{"partition of one", run("--nodes", "1", "--nemesis", "partition"), "at least 2 nodes"},
		{"memory of what", []string{"run", "--target", "raft", "--workload", "register", "--memory", "512m", "--on", "sim"}, "in containers"},
		{"memory", []string{"run", "--target", "raft", "--workload", "register", "--memory", "much", "--on", "docker"}, "512m"},
		{"processors", []string{"run", "--target", "raft", "--workload", "register", "--cpus", "-1", "--on", "docker"}, "processors"},
		{"attach to what", []string{"run", "--target", "etcd", "--workload", "register", "--attach", "etcd"}, "compose:PROJECT"},
		{"attach and simulate", []string{"run", "--target", "raft", "--workload", "register", "--attach", "compose:x", "--on", "sim"}, "--on docker"},
		{"attach so many", []string{"run", "--target", "etcd", "--workload", "register", "--attach", "compose:x", "--nodes", "3"}, "--nodes"},
		{"no such run", []string{"check", "/nonexistent"}, "nonexistent"},
		{"not a history", []string{"check", write(t, "x.flh", "this is no history")}, "x.flh"},
		{"empty history", []string{"check", write(t, "x.flh", "")}, "x.flh"},
		{"malformed edn", []string{"check", write(t, "x.edn", "{:type :invoke, :process 0, :f :read, :value [1 2")}, "x.edn:1"},
		{"malformed jsonl", []string{"check", write(t, "x.jsonl", "{\"type\":\"invoke\"")}, "x.jsonl:1"},
		{"unknown format", []string{"check", write(t, "x.txt", "")}, "--format"},
		{"unknown export", []string{"export", write(t, "x.edn", ""), "--format", "xml"}, "xml"},
		{"show without run", []string{"show"}, "run directory"},
		{"report of nothing", []string{"report", t.TempDir()}, "not a run directory"},
		{"unknown list", []string{"list", "target"}, `did you mean "targets"?`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := command(c.args...)
			if code != 254 {
				t.Errorf("exit code %d, want 254", code)
			}
			line := strings.TrimSuffix(stderr, "\n")
			if !strings.HasPrefix(line, "faultline: ") || strings.Contains(line, "\n") || !strings.Contains(line, c.want) {
				t.Errorf("said %q, want one line with %q", stderr, c.want)
			}
			if stdout != "" {
				t.Errorf("standard output: %q", stdout)
			}
		})
	}
}

// TestEnvironmentTwins: every flag can be given as a variable.
func TestEnvironmentTwins(t *testing.T) {
	t.Setenv("FAULTLINE_TARGET", "raff")
	if code, _, stderr := command("run"); code != 254 || !strings.Contains(stderr, `"raft"`) {
		t.Errorf("%d: %s", code, stderr)
	}
	t.Setenv("FAULTLINE_NODES", "many")
	if code, _, stderr := command("run"); code != 254 || !strings.Contains(stderr, `FAULTLINE_NODES="many"`) {
		t.Errorf("%d: %s", code, stderr)
	}
}

// TestRunVerdicts: the exit code tells the verdict, standard output the result.
func TestRunVerdicts(t *testing.T) {
	cases := []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"raft keeps its promise", []string{"--target", "raft", "--nemesis", "partition,kill,clock", "--time", "20s"}, 0, []string{"VALID", "leader: ", "bit"}},
		{"dynamo is not linearizable", []string{"--target", "dynamo", "--nemesis", "partition,kill,clock", "--time", "20s"}, 1, []string{"INVALID", "nonlinearizable: on key", "seed:      1", "reproduce: faultline run --target dynamo", "report.html"}},
		{"a planted bug", []string{"--target", "raft", "--nemesis", "partition", "--set", "bug=stale-read", "--time", "20s"}, 1, []string{"finding"}},
		{"nothing bit", []string{"--target", "raft", "--nemesis", "kill", "--time", "20s", "--interval", "1h"}, 2, []string{"UNKNOWN", "nemesis kill was asked for"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := command(append([]string{"run", "--workload", "register", "--seed", "1", "--store", t.TempDir()}, c.args...)...)
			if code != c.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, c.code, stdout, stderr)
			}
			for _, want := range c.says {
				if !strings.Contains(stdout, want) {
					t.Errorf("standard output lacks %q:\n%s", want, stdout)
				}
			}
		})
	}
}

// TestRunDirectory: what a run leaves can be shown, checked, reported on and exported.
func TestRunDirectory(t *testing.T) {
	root := t.TempDir()
	junit := filepath.Join(root, "junit.xml")
	code, stdout, stderr := command("run", "--target", "dynamo", "--workload", "register", "--nemesis", "partition,clock",
		"--time", "10s", "--seed", "1", "--store", root, "--json", "--junit", junit)
	if code != 1 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var res store.Results
	if err := json.Unmarshal([]byte(stdout), &res); err != nil || res.Schema != store.Schema || len(res.Checkers) == 0 {
		t.Errorf("--json: %v in %.200s", err, stdout)
	}
	if text, err := os.ReadFile(junit); err != nil || !strings.Contains(string(text), "<failure") {
		t.Errorf("junit: %v\n%s", err, text)
	}
	dir := filepath.Join(root, "latest")
	for _, file := range []string{"test.yaml", "history.flh", "results.json", "report.html", "harness.log"} {
		if stat, err := os.Stat(filepath.Join(dir, file)); err != nil || stat.Size() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
	if code, stdout, _ := command("show", dir); code != 0 || !strings.Contains(stdout, "the operations that prove it") {
		t.Errorf("show: %d\n%s", code, stdout)
	}
	if code, stdout, stderr := command("check", dir); code != 1 || !strings.Contains(stdout, "nonlinearizable") {
		t.Errorf("check: %d\n%s%s", code, stdout, stderr)
	}
	if code, _, stderr := command("report", dir); code != 0 {
		t.Errorf("report: %d %s", code, stderr)
	}
	for _, format := range []string{"edn", "jsonl"} {
		file := filepath.Join(root, "export."+format)
		if code, _, stderr := command("export", dir, "--format", format, "--output", file); code != 0 {
			t.Errorf("export: %d %s", code, stderr)
		}
		if code, stdout, stderr := command("check", file, "--workload", "register"); code != 1 || !strings.Contains(stdout, "nonlinearizable: on key") {
			t.Errorf("check of the exported %s: %d\n%s%s", format, code, stdout, stderr)
		}
	}
}

// TestKilledHarness: a kill -9 in the middle of a run loses at most its last second, and
// check finishes the job.
func TestKilledHarness(t *testing.T) {
	root := t.TempDir()
	cmd := program(t, "run", "--target", "memory", "--workload", "register", "--nodes", "1", "--rate", "2000", "--time", "1m", "--store", root)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	_ = cmd.Wait()
	dir, err := filepath.EvalSymlinks(filepath.Join(root, "latest"))
	if err != nil {
		t.Fatal(err)
	}
	run, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	h, _, err := run.History()
	if err != nil {
		t.Fatal(err)
	}
	if h.Len() == 0 {
		t.Fatal("nothing was left")
	}
	stat, err := os.Stat(filepath.Join(dir, "test.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	lasted := killed.Sub(stat.ModTime())
	if missing := lasted - time.Duration(h.At(h.Len()-1).Time); missing > time.Second {
		t.Errorf("%s of %s are missing", missing, lasted)
	}
	code, stdout, stderr := command("check", dir)
	if code != 0 || !strings.Contains(stdout, "VALID") {
		t.Errorf("check: %d\n%s%s", code, stdout, stderr)
	}
}

// TestInterrupt: one Ctrl-C ends the main phase and judges what there is.
func TestInterrupt(t *testing.T) {
	root := t.TempDir()
	cmd := program(t, "run", "--target", "memory", "--workload", "register", "--nodes", "1", "--rate", "2000", "--time", "1m", "--store", root)
	var out bytes.Buffer
	cmd.Stdout = &out
	interrupt(t, cmd)
	if code := exitCode(t, cmd.Wait()); code != 0 || !strings.Contains(out.String(), "VALID") {
		t.Errorf("exit code %d\n%s", code, out.String())
	}
}

// interrupt starts a command and, when it is under way, presses Ctrl-C.
func interrupt(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Skipf("no interrupts on this system: %v", err)
	}
}

// TestInterruptElsewhere: one Ctrl-C ends what has nothing to heal or to judge.
func TestInterruptElsewhere(t *testing.T) {
	cmd := program(t, "bench", "check", "--differential", "1000000")
	var out bytes.Buffer
	cmd.Stderr = &out
	interrupt(t, cmd)
	end := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer end.Stop()
	if code := exitCode(t, cmd.Wait()); code != 255 || out.String() != "faultline: interrupted\n" {
		t.Errorf("exit code %d\n%s", code, out.String())
	}
}

// TestPlantedBugsAreFound is a small sweep of faultline bench detect: each planted bug is
// found, the same seeds without it are valid, as are the correct systems under all nemeses, and
// the weak ones show their weakness.
func TestPlantedBugsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the sweep takes a minute")
	}
	code, stdout, stderr := command("bench", "detect", "--blocks", "1", "--shared", "2", "--quiet", "2", "--correct", "2", "--weak", "10", "--json")
	if code != 0 {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	var found struct {
		Runs int
		Bugs []struct {
			Bug    string
			Blocks int
			Found  int
		}
		Correct, Weak []any
	}
	if err := json.Unmarshal([]byte(stdout), &found); err != nil {
		t.Fatal(err)
	}
	bugs, rows := 0, 0
	for _, target := range all.Targets {
		if target.Reference != nil {
			bugs += len(target.Bugs)
			rows += len(target.Rows)
		}
	}
	if len(found.Bugs) != bugs || len(found.Correct)+len(found.Weak) != rows || found.Runs < 4*bugs+2*len(found.Correct) {
		t.Errorf("%d runs for %d of %d bugs and %d of %d rows", found.Runs, len(found.Bugs), bugs, len(found.Correct)+len(found.Weak), rows)
	}
}

// A sweep says what is wrong with what it is asked for.
func TestDetectIsAskedForNonsense(t *testing.T) {
	for want, args := range map[string][]string{
		`unknown bug or target "stale-reed" (did you mean "stale-read"?)`: {"--only", "stale-reed"},
		"numbers of blocks, seeds and runs are 0 to 10000000":             {"--blocks", "-1"},
		"--time is positive": {"--time", "0s"},
	} {
		if code, _, stderr := command(append([]string{"bench", "detect"}, args...)...); code != 254 || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
}
