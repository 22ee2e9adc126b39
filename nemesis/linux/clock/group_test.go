//go:build linux && (amd64 || arm64)

package clock

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// box is a control group of a test, as a container has one.
type box struct {
	t      testing.TB
	id     string
	dir    string
	freeze func(frozen bool)
}

func newBox(t testing.TB) *box {
	t.Helper()
	needRoot(t)
	b := &box{t: t, id: fmt.Sprintf("faultline-test-%d-%d", os.Getpid(), time.Now().UnixNano())}
	point, file, words := "/sys/fs/cgroup/freezer", "freezer.state", []string{"THAWED", "FROZEN"}
	if _, err := os.Stat(point); err != nil { // version 2
		point, file, words = "/sys/fs/cgroup", "cgroup.freeze", []string{"0", "1"}
	}
	b.dir = filepath.Join(point, b.id)
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		t.Skipf("control groups cannot be made here: %v", err)
	}
	b.freeze = func(frozen bool) {
		t.Helper()
		word := words[0]
		if frozen {
			word = words[1]
		}
		must(t, os.WriteFile(filepath.Join(b.dir, file), []byte(word), 0o644))
		if frozen { // it takes a moment
			time.Sleep(100 * time.Millisecond)
		}
	}
	t.Cleanup(func() {
		b.freeze(false)
		for range 100 {
			procs, _ := os.ReadFile(filepath.Join(b.dir, "cgroup.procs"))
			for field := range strings.FieldsSeq(string(procs)) {
				if pid, err := strconv.Atoi(field); err == nil {
					_ = unix.Kill(pid, unix.SIGKILL)
				}
			}
			if os.Remove(b.dir) == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%s is left", b.dir)
	})
	return b
}

func (b *box) add(p *program) *program {
	b.t.Helper()
	must(b.t, os.WriteFile(filepath.Join(b.dir, "cgroup.procs"), []byte(strconv.Itoa(p.pid())), 0o644))
	return p
}

func (b *box) group(p *program) *Group {
	b.t.Helper()
	g := NewGroup()
	must(b.t, g.Began(p.pid(), b.id))
	b.t.Cleanup(g.Ended)
	return g
}

// until waits for what happens soon.
func until(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("within ten seconds: not %s", what)
		}
	}
}

func expectReading(t testing.TB, g *Group, pid, more int, offset time.Duration) {
	t.Helper()
	r, err := g.Read()
	if err != nil || r.PID != pid || r.More != more || r.Offset != offset || r.Differ != 0 {
		t.Errorf("read %v (%v), not pid %d and %d more at %v", r, err, pid, more, offset)
	}
}

// TestGroupForks has processes fork under a skew, and be reset with the others.
func TestGroupForks(t *testing.T) {
	b := newBox(t)
	p := b.add(start(t, "", compileC(t), "fork"))
	g := b.group(p)
	p.expectWall(0, cWall...)
	expectReading(t, g, p.pid(), 0, 0)
	must(t, g.Skew(time.Hour, 1))
	p.expectWall(time.Hour, cWall...) // a second child
	p.expectWall(time.Hour, cWall...) // a third
	expectReading(t, g, p.pid(), 3, time.Hour)
	must(t, g.Skew(-2*time.Hour, 1))
	p.expectWall(-2*time.Hour, cWall...)
	expectReading(t, g, p.pid(), 4, -2*time.Hour)
	must(t, g.Skew(0, 1))
	p.expectWall(0, cWall...)
	expectReading(t, g, p.pid(), 5, 0)
}

// TestGroupExecs has a process become another program under a skew.
func TestGroupExecs(t *testing.T) {
	b := newBox(t)
	p := b.add(start(t, "", compileC(t), "exec"))
	g := b.group(p)
	must(t, g.Skew(time.Hour, 1))
	p.expectWall(time.Hour, cWall...)
	p.ask() // a new program, which may have been faster than we
	until(t, "patched again", func() bool {
		r, err := g.Read()
		must(t, err)
		return r.Offset == time.Hour
	})
	p.expectWall(time.Hour, cWall...)
}

// TestGroupRestart brings a container back under a skew that goes on.
func TestGroupRestart(t *testing.T) {
	b := newBox(t)
	program := compileC(t)
	g := NewGroup()
	defer g.Ended()
	must(t, g.Skew(time.Hour, 1))
	if r, err := g.Read(); r.PID != 0 || err != nil {
		t.Errorf("nothing runs, but it reads %v, %v", r, err)
	}
	for range 2 {
		p := b.add(start(t, "", program))
		must(t, g.Began(p.pid(), b.id))
		p.expectWall(time.Hour, cWall...)
		g.Ended()
		must(t, p.cmd.Process.Kill())
		_ = p.cmd.Wait()
	}
	must(t, g.Skew(0, 1))
	p := b.add(start(t, "", program))
	must(t, g.Began(p.pid(), b.id))
	p.expectWall(0, cWall...)
	if g.Reached() {
		t.Error("a process was patched that nobody wanted skewed")
	}
}

// TestGroupLeftBehind is what follows the death of a harness under a skew.
func TestGroupLeftBehind(t *testing.T) {
	b := newBox(t)
	p := b.add(start(t, "", compileC(t), "fork"))
	first := b.group(p)
	must(t, first.Skew(time.Hour, 1))
	p.expectWall(time.Hour, cWall...)
	first.Ended()
	second := b.group(p)
	expectReading(t, second, p.pid(), 1, time.Hour)
	must(t, second.Skew(0, 1))
	p.expectWall(0, cWall...)
	expectReading(t, second, p.pid(), 2, 0)
}

// TestGroupStrobes sees both times, none other, and an end of it.
func TestGroupStrobes(t *testing.T) {
	b := newBox(t)
	p := b.add(start(t, "", compileC(t)))
	g := b.group(p)
	must(t, g.Strobe(time.Hour, 3*time.Millisecond))
	seen := map[time.Duration]int{}
	for range 300 {
		got := p.ask()
		seen[since(got["wall"], got["raw"]).Round(time.Minute)]++
		time.Sleep(time.Millisecond)
	}
	t.Logf("seen: %v", seen)
	if seen[0] == 0 || seen[time.Hour] == 0 || seen[0]+seen[time.Hour] != 300 {
		t.Errorf("of 300 readings: %v", seen)
	}
	if r, err := g.Read(); r.Offset != time.Hour || err != nil {
		t.Errorf("read %v, %v", r, err)
	}
	must(t, g.Skew(0, 1))
	for range 20 {
		p.expectWall(0, cWall...)
	}
}

// TestGroupFrozen cannot patch what is frozen, says so in time, and does it when it thaws;
// what is patched already can be set even so.
func TestGroupFrozen(t *testing.T) {
	b := newBox(t)
	p := b.add(start(t, "", compileC(t)))
	g := b.group(p)
	b.freeze(true)
	if err := g.Skew(time.Hour, 1); !errors.Is(err, ErrStuck) {
		t.Fatalf("skewed a frozen process: %v", err)
	}
	if g.Reached() {
		t.Error("it was reached after all")
	}
	b.freeze(false)
	until(t, "patched after the thaw", g.Reached)
	p.expectWall(time.Hour, cWall...)
	b.freeze(true)
	must(t, g.Skew(-time.Hour, 1))
	expectReading(t, g, p.pid(), 0, -time.Hour)
	b.freeze(false)
	p.expectWall(-time.Hour, cWall...)
}

// TestGroupStopped patches a process that a signal has stopped, which stays stopped.
func TestGroupStopped(t *testing.T) {
	b := newBox(t)
	p := b.add(start(t, "", compileC(t)))
	g := b.group(p)
	must(t, p.cmd.Process.Signal(unix.SIGSTOP))
	state := func() string {
		s, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid()))
		must(t, err)
		return strings.Fields(string(s[strings.LastIndexByte(string(s), ')'):]))[1]
	}
	until(t, "stopped", func() bool { return state() == "T" })
	must(t, g.Skew(time.Hour, 1))
	// A tracer that lets go wakes the process in the kernel, to stop once more by itself.
	until(t, "stopped again", func() bool { return state() == "T" })
	for range 50 {
		time.Sleep(time.Millisecond)
		if s := state(); s != "T" {
			t.Fatalf("the process is no longer stopped, but %s", s)
		}
	}
	must(t, p.cmd.Process.Signal(unix.SIGCONT))
	p.expectWall(time.Hour, cWall...)
}

// TestGroupRefuses what no clock can be.
func TestGroupRefuses(t *testing.T) {
	g := NewGroup()
	if g.Skew(100*365*24*time.Hour, 1) == nil || g.Skew(0, -1) == nil || g.Strobe(time.Hour, 0) == nil {
		t.Error("it is taken")
	}
}

// TestRedis asks a real server for the time, whose monotonic clock goes on as it was.
func TestRedis(t *testing.T) {
	b := newBox(t)
	server, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("there is no redis-server")
	}
	socket := filepath.Join(t.TempDir(), "redis")
	cmd := exec.Command(server, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", t.TempDir())
	must(t, cmd.Start())
	p := &program{t: t, cmd: cmd}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	b.add(p)
	var conn net.Conn
	until(t, "connected to redis", func() bool {
		conn, err = net.Dial("unix", socket)
		return err == nil
	})
	defer conn.Close()
	said := bufio.NewReader(conn)
	expect := func(offset time.Duration) {
		t.Helper()
		_, err := fmt.Fprint(conn, "TIME\r\n")
		must(t, err)
		var lines []string
		for range 5 {
			line, err := said.ReadString('\n')
			must(t, err)
			lines = append(lines, strings.TrimSpace(line))
		}
		seconds, err := strconv.ParseInt(lines[2], 10, 64)
		must(t, err)
		if d := time.Duration(seconds-time.Now().Unix())*time.Second - offset; d.Abs() > near {
			t.Errorf("TIME is %v, which is not ahead by %v", lines, offset)
		}
	}
	expect(0)
	g := b.group(p)
	must(t, g.Skew(time.Hour, 1))
	expect(time.Hour)
	must(t, g.Skew(-time.Hour, 1))
	expect(-time.Hour)
	must(t, g.Skew(0, 1))
	expect(0)
}

// TestOtherNamespace goes by the PID namespace where control groups tell nothing.
func TestOtherNamespace(t *testing.T) {
	needRoot(t)
	p := &program{t: t, cmd: exec.Command(compileC(t), "fork")}
	p.cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	var err error
	p.in, err = p.cmd.StdinPipe()
	must(t, err)
	out, err := p.cmd.StdoutPipe()
	must(t, err)
	p.said = bufio.NewReader(out)
	must(t, p.cmd.Start())
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	p.expectWall(0, cWall...)
	g := NewGroup()
	must(t, g.Began(p.pid(), "no-such-identity"))
	defer g.Ended()
	must(t, g.Skew(time.Hour, 1))
	expectReading(t, g, p.pid(), 1, time.Hour)
	p.expectWall(time.Hour, cWall...)
}
