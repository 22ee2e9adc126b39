//go:build linux && (amd64 || arm64)

package clock

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain lets tests start this program as one whose clock is made wrong: a Go program
// under load.
func TestMain(m *testing.M) {
	switch os.Getenv("CLOCK_TEST_PROGRAM") {
	case "busy":
		for range 4 {
			go func() {
				for {
					_ = time.Now()
				}
			}()
		}
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			fmt.Printf("wall=%d mono=%d\n", time.Now().UnixNano(), monotonic())
		}
		os.Exit(0)
	case "probe":
		if err := Probe(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return t.Nano()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("stopping other processes takes root")
	}
}

// program is a running program that answers each line with one.
type program struct {
	t    testing.TB
	cmd  *exec.Cmd
	in   io.WriteCloser
	said *bufio.Reader
}

func start(t testing.TB, env string, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(args[0], args[1:]...)}
	if env != "" {
		p.cmd.Env = append(os.Environ(), env)
	}
	p.cmd.Stderr = os.Stderr
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
	return p
}

func (p *program) pid() int { return p.cmd.Process.Pid }

// line is what it says next.
func (p *program) line() string {
	p.t.Helper()
	s, err := p.said.ReadString('\n')
	if err != nil {
		p.t.Fatalf("the program says %q and no more: %v", s, err)
	}
	return strings.TrimSpace(s)
}

// ask gets an answer of the form key=number key=number.
func (p *program) ask() map[string]int64 {
	p.t.Helper()
	_, err := io.WriteString(p.in, "\n")
	must(p.t, err)
	return numbers(p.t, p.line())
}

func numbers(t testing.TB, line string) map[string]int64 {
	t.Helper()
	m := map[string]int64{}
	for f := range strings.FieldsSeq(line) {
		key, value, _ := strings.Cut(f, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		must(t, err)
		m[key] = n
	}
	return m
}

// near is how far readings made one after the other may be apart on a busy machine; all
// offsets of these tests are far larger.
const near = 20 * time.Second

func since(reading, truth int64) time.Duration { return time.Duration(reading - truth) }

// expectWall says that a program's wall clock, by every key, is ahead of true time by an
// offset, and its monotonic clock right.
func (p *program) expectWall(offset time.Duration, keys ...string) {
	p.t.Helper()
	before, monoBefore := time.Now().UnixNano(), monotonic()
	got := p.ask()
	after, monoAfter := time.Now().UnixNano(), monotonic()
	for _, key := range keys {
		// time(2) and the coarse clock lag behind by up to a second and a tick.
		low, high := before+int64(offset)-int64(2*time.Second), after+int64(offset)+int64(time.Millisecond)
		if got[key] < low || got[key] > high {
			p.t.Errorf("%s is ahead by %v, not by %v", key, since(got[key], before), offset)
		}
	}
	if mono, ok := got["mono"]; ok && (mono < monoBefore || mono > monoAfter) {
		p.t.Errorf("the monotonic clock reads %d, not between %d and %d", mono, monoBefore, monoAfter)
	}
}

func compileC(t testing.TB, flags ...string) string {
	t.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("there is no gcc to make programs with")
	}
	program := filepath.Join(t.TempDir(), "clock")
	out, err := exec.Command(gcc, append([]string{"-O2", "-pthread", "-o", program, "testdata/clock.c"}, flags...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	return program
}

func compileJava(t testing.TB) string {
	t.Helper()
	javac, err := exec.LookPath("javac")
	if err != nil {
		t.Skip("there is no javac to make programs with")
	}
	dir := t.TempDir()
	if out, err := exec.Command(javac, "-d", dir, "testdata/Clock.java").CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	return dir
}

var cWall = []string{"wall", "coarse", "day", "time", "stored"}

// TestPrograms has programs of several languages say what time it is.
func TestPrograms(t *testing.T) {
	needRoot(t)
	for _, c := range []struct {
		name   string
		tuning tuning
		start  func(t *testing.T) *program
		wall   []string
	}{
		{"C, dynamic", tuning{}, func(t *testing.T) *program { return start(t, "", compileC(t)) }, cWall},
		{"C, static", tuning{}, func(t *testing.T) *program { return start(t, "", compileC(t, "-static")) }, cWall},
		{"C, busy", tuning{}, func(t *testing.T) *program { return start(t, "", compileC(t), "spin") }, cWall},
		{"C, by system calls", tuning{viaSystem: true}, func(t *testing.T) *program { return start(t, "", compileC(t)) }, cWall},
		{"C, in a mapped page", tuning{inject: true}, func(t *testing.T) *program { return start(t, "", compileC(t)) }, cWall},
		{"C, busy, in a mapped page", tuning{inject: true}, func(t *testing.T) *program { return start(t, "", compileC(t), "spin") }, cWall},
		{"Go, busy", tuning{}, func(t *testing.T) *program { return start(t, "CLOCK_TEST_PROGRAM=busy", os.Args[0]) }, []string{"wall"}},
		{"Java", tuning{}, func(t *testing.T) *program { return start(t, "", "java", "-cp", compileJava(t), "Clock") }, []string{"wall", "day"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, other := c.start(t), start(t, "CLOCK_TEST_PROGRAM=probe", os.Args[0])
			p.expectWall(0, c.wall...)
			c.tuning.limit = stopLimit
			target, err := install(p.pid(), c.tuning)
			must(t, err)
			defer target.Close()
			if target.Direct == c.tuning.viaSystem {
				t.Errorf("true time comes from the original: %v", target.Direct)
			}
			t.Logf("stood still for %v", target.Stopped)
			p.expectWall(0, c.wall...)
			for _, offset := range []time.Duration{2 * time.Hour, -3*time.Hour - 123456789, 40 * 365 * 24 * time.Hour, 0, time.Hour} {
				must(t, target.Set(Setting{Offset: offset}))
				p.expectWall(offset, c.wall...)
				if got, err := target.Offset(); err != nil || got != offset {
					t.Errorf("read back: %v, %v", got, err)
				}
				// The host and its other programs know nothing of it.
				hostBefore := time.Now()
				_, err := io.WriteString(other.in, "\n")
				must(t, err)
				ns, err := strconv.ParseInt(other.line(), 10, 64)
				must(t, err)
				if d := since(ns, hostBefore.UnixNano()); d.Abs() > near {
					t.Errorf("another program's clock is ahead by %v", d)
				}
			}
			if len(c.wall) == len(cWall) { // of the rest that a C program tells
				got := p.ask()
				if got["zone"] == -1 || got["bad"] != -1 || since(got["raw"], time.Now().UnixNano()).Abs() > near {
					t.Errorf("the time zone, a clock that there is not or the kernel's time: %v", got)
				}
				if d := since(got["tai"], got["raw"]); (d - time.Hour).Abs() > time.Minute {
					t.Errorf("TAI is ahead by %v", d)
				}
			}
		})
	}
}

// TestDrift measures a clock that runs at the wrong rate, by the kernel's own reading in
// the same program.
func TestDrift(t *testing.T) {
	needRoot(t)
	p := start(t, "", compileC(t))
	target, err := Install(p.pid())
	must(t, err)
	defer target.Close()
	for _, drift := range []float64{0.5, -0.25, 100, -0.999} {
		began := time.Now().Add(-1000 * time.Second)
		must(t, target.Set(Setting{Offset: time.Minute, Drift: drift, Since: began}))
		got := p.ask()
		elapsed := time.Duration(got["raw"] - began.UnixNano())
		want := time.Minute + time.Duration(float64(elapsed)*drift)
		if d := since(got["wall"], got["raw"]); (d - want).Abs() > near {
			t.Errorf("at %+g: after %v it is ahead by %v, not %v", drift, elapsed, d, want)
		}
		read, err := target.Offset()
		must(t, err)
		if (read - want).Abs() > time.Duration(float64(near)*(1+math.Abs(drift))) {
			t.Errorf("at %+g: read back as %v, not %v", drift, read, want)
		}
	}
}

// TestEntered brings a thread into the bytes to be overwritten first. It has to be stepped
// out of them: the control, which is not, dies of what it finds there.
func TestEntered(t *testing.T) {
	needRoot(t)
	clock := compileC(t)
	enter := func(s *stopped, entries []patch) error {
		for _, tid := range s.threads {
			for range 50000 {
				if in, err := within(tid, entries[:1]); in || err != nil {
					return err
				}
				if err := s.step(tid); err != nil {
					return err
				}
			}
		}
		return errors.New("no thread came to clock_gettime")
	}
	for _, control := range []bool{false, true} {
		p := start(t, "", clock, "spin")
		p.ask()
		// The main thread waits for input; the first one that spins is brought in.
		target, err := install(p.pid(), tuning{limit: stopLimit, stayInside: control, before: func(s *stopped, entries []patch) error {
			all := s.threads
			defer func() { s.threads = all }()
			s.threads = all[1:2]
			return enter(s, entries)
		}})
		if control && errors.Is(err, ErrGone) {
			t.Logf("the control, while it was being patched: %v", err)
			continue
		}
		must(t, err)
		defer target.Close()
		if !control {
			must(t, target.Set(Setting{Offset: time.Hour}))
			p.expectWall(time.Hour, cWall...)
			continue
		}
		died := make(chan error, 1)
		go func() { died <- p.cmd.Wait() }()
		select {
		case err := <-died:
			t.Logf("the control: %v", err)
		case <-time.After(10 * time.Second):
			t.Error("a thread inside the overwritten bytes goes on as if nothing were: the test shows nothing")
		}
	}
}

// TestStress patches a program again and again that reads the time in many threads under
// many signals: every reading must be the one or the other.
func TestStress(t *testing.T) {
	needRoot(t)
	p := start(t, "", compileC(t), "stress", "4")
	if got := p.line(); got != "ready" {
		t.Fatalf("it says %q", got)
	}
	target, err := Install(p.pid())
	must(t, err)
	defer target.Close()
	original := target.vdso.image[target.entries[0].at-target.vdso.start:][:len(target.entries[0].bytes)]
	redirected := target.entries[0]
	cycles := 0
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); cycles++ {
		must(t, target.Set(Setting{Offset: time.Hour * time.Duration(cycles%2)}))
		// What takes a stop: the entry as it was, and redirected again.
		for _, e := range []patch{{redirected.at, original}, redirected} {
			must(t, whileStopped(p.pid(), stopLimit, func(s *stopped) error {
				if err := s.stepOut([]patch{e}); err != nil {
					return err
				}
				return target.write(e.bytes, e.at)
			}))
		}
	}
	got := numbers(t, p.line())
	t.Logf("%d cycles: %v", cycles, got)
	if got["bad"] != 0 || got["ahead"] == 0 || got["ahead"] == got["readings"] || cycles < 10 {
		t.Errorf("after %d cycles: %v", cycles, got)
	}
}

// TestAdopt is what follows the death of a harness: another finds its patch.
func TestAdopt(t *testing.T) {
	needRoot(t)
	p := start(t, "", compileC(t))
	p.ask() // until it answers, the process may not have its memory yet
	if found, err := Adopt(p.pid()); found != nil || err != nil {
		t.Fatalf("adopted what nobody patched: %v, %v", found, err)
	}
	first, err := Install(p.pid())
	must(t, err)
	must(t, first.Set(Setting{Offset: time.Hour}))
	must(t, first.Close())
	for _, take := range []func(int) (*Process, error){Adopt, Install} {
		second, err := take(p.pid())
		must(t, err)
		if off, err := second.Offset(); !second.Adopted || off != time.Hour || err != nil {
			t.Fatalf("adopted %v, reads %v, %v", second.Adopted, off, err)
		}
		p.expectWall(time.Hour, cWall...)
		must(t, second.Close())
	}
	last, err := Install(p.pid())
	must(t, err)
	defer last.Close()
	must(t, last.Set(Setting{}))
	p.expectWall(0, cWall...)
}

// TestGone has calls find that the process has become another program, or none.
func TestGone(t *testing.T) {
	needRoot(t)
	p := start(t, "", compileC(t), "exec")
	target, err := Install(p.pid())
	must(t, err)
	defer target.Close()
	must(t, target.Set(Setting{Offset: time.Hour}))
	p.expectWall(time.Hour, cWall...)
	p.expectWall(0, cWall...) // it has become itself anew
	if err := target.Set(Setting{Offset: time.Hour}); !errors.Is(err, ErrGone) {
		t.Errorf("set the clock of a program that is no more: %v", err)
	}
	again, err := Install(p.pid())
	must(t, err)
	defer again.Close()
	must(t, again.Set(Setting{Offset: time.Hour}))
	must(t, p.cmd.Process.Kill())
	_ = p.cmd.Wait()
	if _, err := again.Offset(); !errors.Is(err, ErrGone) {
		t.Errorf("read the clock of a process that has ended: %v", err)
	}
	if _, err := Install(p.pid()); !errors.Is(err, ErrGone) {
		t.Errorf("patch a process that has ended: %v", err)
	}
}

// TestTraced names the debugger that is in the way.
func TestTraced(t *testing.T) {
	needRoot(t)
	p := start(t, "", compileC(t))
	must(t, whileStopped(p.pid(), stopLimit, func(*stopped) error {
		_, err := Install(p.pid())
		if err == nil || !strings.Contains(err.Error(), "traces it already") {
			t.Errorf("patched a process that is traced: %v", err)
		}
		return nil
	}))
	p.expectWall(0, cWall...)
}

// TestTry is the doctor's trial.
func TestTry(t *testing.T) {
	needRoot(t)
	t.Setenv("CLOCK_TEST_PROGRAM", "probe")
	got, err := Try(t.Context(), os.Args[0])
	must(t, err)
	if got.Install <= 0 || got.Bump <= 0 || got.Stopped <= 0 {
		t.Errorf("%+v", got)
	}
	t.Logf("%+v", got)
	if _, err := Try(t.Context(), "/bin/false"); err == nil {
		t.Error("a program that says nothing passes")
	}
}

func BenchmarkInstall(b *testing.B) {
	needRoot(b)
	clock := compileC(b)
	for b.Loop() {
		b.StopTimer()
		p := start(b, "", clock, "spin")
		p.ask()
		b.StartTimer()
		target, err := Install(p.pid())
		must(b, err)
		b.StopTimer()
		must(b, target.Close())
		must(b, p.cmd.Process.Kill())
		b.StartTimer()
	}
}

func BenchmarkBump(b *testing.B) {
	needRoot(b)
	p := start(b, "", compileC(b))
	target, err := Install(p.pid())
	must(b, err)
	defer target.Close()
	for b.Loop() {
		must(b, target.Set(Setting{Offset: time.Second}))
	}
}
