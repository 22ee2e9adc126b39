package process

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain lets the tests start this program as a process that counts.
func TestMain(m *testing.M) {
	if os.Getenv("FAULTLINE_TEST_COUNTER") != "" {
		for i := 0; ; i++ {
			if _, err := fmt.Println(i); err != nil {
				os.Exit(0)
			}
		}
	}
	os.Exit(m.Run())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// counter starts a process that counts for as long as somebody reads.
func counter(t *testing.T) (*Process, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "FAULTLINE_TEST_COUNTER=1")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	p, err := Open(cmd.Process.Pid)
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	return p, bufio.NewReader(out)
}

func TestAStoppedProcessMakesNoProgress(t *testing.T) {
	p, out := counter(t)
	_, err := out.ReadString('\n')
	must(t, err)
	must(t, p.Stop())
	if states := threadStates(p.PID); strings.Trim(states, "T") != "" {
		t.Errorf("its threads are %s", states)
	}
	more := make(chan string)
	go func() { // what it had written before lies in the pipe, and no more comes
		for {
			line, err := out.ReadString('\n')
			if err != nil {
				close(more)
				return
			}
			more <- line
		}
	}()
	for quiet := false; !quiet; {
		select {
		case <-more:
		case <-time.After(200 * time.Millisecond):
			quiet = true
		}
	}
	must(t, p.Continue())
	for range 3 {
		if _, ok := <-more; !ok {
			t.Fatal("it ended")
		}
	}
	must(t, p.Kill())
	for range more {
	}
}

func TestAKilledProcessIsGone(t *testing.T) {
	p, _ := counter(t)
	must(t, p.Kill())
	for _, again := range []func() error{p.Stop, p.Continue} { // it is a zombie: nobody has waited for it
		if err := again(); !errors.Is(err, ErrGone) {
			t.Errorf("a zombie: %v", err)
		}
	}
	if Stopped(p.PID) {
		t.Error("a zombie counts as stopped")
	}
	if states := threadStates(p.PID); strings.Trim(states, "ZX") != "" {
		t.Errorf("its threads are %s", states)
	}
	if _, err := Open(1 << 22); err == nil {
		t.Error("a process that never was")
	}
}

func TestAStoppedProcessCanBeKilled(t *testing.T) {
	p, _ := counter(t)
	must(t, p.Stop())
	must(t, p.Kill())
}

// One process of several in a control group is found by its name.
func TestFindInAGroup(t *testing.T) {
	dir := ownGroup(t)
	script := exec.Command("sh", "-c", `echo $$ > "$0"; sleep 1001 & sleep 1002 & wait`, filepath.Join(dir, "cgroup.procs"))
	must(t, script.Start())
	var g *Group
	var found []*Process
	t.Cleanup(func() {
		for _, p := range found {
			if err := p.Kill(); err != nil && !errors.Is(err, ErrGone) {
				t.Error(err)
			}
		}
		if g != nil {
			must(t, errors.Join(CloseAll(found), g.Close()))
		}
		_, _ = script.Process.Kill(), script.Wait()
	})
	// Until the script has moved it is in our group, which has sleepers of its own.
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if pids, err := os.ReadFile(filepath.Join(dir, "cgroup.procs")); err == nil && strings.Count(string(pids), "\n") == 3 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("its processes are not found")
		}
	}
	var err error
	g, err = Of(script.Process.Pid, filepath.Base(dir))
	must(t, err)
	// What was forked is a shell until it becomes what it is to be.
	for end := time.Now().Add(10 * time.Second); len(found) < 2; {
		if time.Now().After(end) {
			t.Fatal("its processes do not sleep")
		}
		must(t, CloseAll(found))
		found, err = g.Find("sleep")
		must(t, err)
	}
	all, err := g.Find("")
	must(t, err)
	defer CloseAll(all)
	if len(all) != 3 || len(found) != 2 {
		t.Fatalf("%d processes, %d of them asleep", len(all), len(found))
	}
	one, err := g.Find("1002")
	must(t, err)
	if len(one) != 1 || one[0].Name != "sleep 1002" {
		t.Fatalf("found %v", one)
	}
	must(t, one[0].Kill())
	must(t, CloseAll(one))
	if left, err := g.Find("100?"); err != nil || len(left) != 1 || left[0].Name != "sleep 1001" {
		t.Errorf("%v are left: %v", left, err)
	}
	if _, err := g.Find("["); err == nil {
		t.Error("a pattern that is none")
	}
}

// ownGroup makes a control group, of whatever version there is.
func ownGroup(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making a control group takes root")
	}
	for _, base := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		dir := filepath.Join(base, "faultline-test-"+strconv.Itoa(os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() {
			for range 100 { // what was killed may still be leaving
				if os.Remove(dir) == nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Errorf("%s is left", dir)
		})
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			return dir
		}
	}
	t.Skip("no control group can be made here")
	return ""
}
