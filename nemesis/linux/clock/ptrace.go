//go:build linux && (amd64 || arm64)

package clock

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stopped is a process all of whose threads stand still. Its methods must run on the thread
// that stopped it, until its deadline.
type stopped struct {
	pid      int
	threads  []int
	deadline time.Time
	held     []heldSignal
}

// heldSignal came while a thread ran under our control; it is sent again at the end.
type heldSignal struct {
	thread int
	signal unix.Signal
}

// whileStopped does something while every thread of a process stands still. It happens on
// a thread of its own that ends with it: the kernel then lets go of whatever it held still,
// if something went wrong half-way.
func whileStopped(pid int, limit time.Duration, do func(*stopped) error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlock it
		s := &stopped{pid: pid, deadline: time.Now().Add(limit)}
		err := s.stop()
		if err == nil {
			err = do(s)
		}
		done <- errors.Join(err, s.letGo())
	}()
	return <-done
}

// stop seizes threads until a list of them that was made with all known ones standing still
// has no new one: nobody is left then who could start another.
func (s *stopped) stop() error {
	known := map[int]bool{}
	for {
		all, err := tasks(s.pid)
		if err != nil {
			return ErrGone
		}
		var fresh []int
		for _, tid := range all {
			if known[tid] || dead(s.pid, tid) {
				continue
			}
			// Seizing sends no signal, and a process that is stopped remains so.
			if err := ptrace(unix.PTRACE_SEIZE, tid, 0, unix.PTRACE_O_TRACESYSGOOD); err != nil {
				if errors.Is(err, unix.ESRCH) || dead(s.pid, tid) { // it was about to end
					continue
				}
				return s.refused(tid, err)
			}
			known[tid] = true
			if err := unix.PtraceInterrupt(tid); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("interrupt thread %d: %w", tid, err)
			}
			fresh = append(fresh, tid)
		}
		if len(fresh) == 0 {
			break
		}
		for _, tid := range fresh {
			stands, err := s.awaitStop(tid)
			if err != nil {
				return err
			}
			if stands {
				s.threads = append(s.threads, tid)
			}
		}
	}
	if len(s.threads) == 0 {
		return ErrGone
	}
	return nil
}

// refused says why a thread may not be seized.
func (s *stopped) refused(tid int, err error) error {
	if tracer := tracerOf(s.pid); tracer != "" && tracer != "0" {
		return fmt.Errorf("stop thread %d: process %s traces it already (a debugger, or strace)", tid, tracer)
	}
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("stop thread %d: %w: it takes root or the capability SYS_PTRACE%s", tid, err, yama())
	}
	return fmt.Errorf("stop thread %d: %w", tid, err)
}

func tracerOf(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(b)) {
		if tracer, ok := strings.CutPrefix(line, "TracerPid:"); ok {
			return strings.TrimSpace(tracer)
		}
	}
	return ""
}

// yama explains what a security module forbids.
func yama() string {
	b, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	if scope := strings.TrimSpace(string(b)); err == nil && scope != "0" {
		return ", and kernel.yama.ptrace_scope is " + scope + " (3 forbids it to everyone)"
	}
	return ""
}

func tasks(pid int) ([]int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil, err
	}
	var tids []int
	for _, e := range entries {
		if tid, err := strconv.Atoi(e.Name()); err == nil {
			tids = append(tids, tid)
		}
	}
	return tids, nil
}

// dead says whether a thread has ended, if not quite.
func dead(pid, tid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/stat", pid, tid))
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(b[max(0, strings.LastIndexByte(string(b), ')')):]), " ")
	return state == "" || strings.ContainsRune("ZXx", rune(state[0]))
}

func ptrace(request, tid int, addr, data uintptr) error {
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), addr, data, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// signalMask reads or sets the signals that a thread keeps waiting.
func signalMask(request, tid int, mask *uint64) error {
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), unsafe.Sizeof(*mask), uintptr(unsafe.Pointer(mask)), 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// wait waits for the next thing that happens to a thread.
func (s *stopped) wait(tid int) (unix.WaitStatus, error) {
	const briskly = 100
	for i := 0; ; i++ {
		var status unix.WaitStatus
		got, err := unix.Wait4(tid, &status, unix.WALL|unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ECHILD):
			return 0, ErrGone
		case err != nil:
			return 0, fmt.Errorf("wait for thread %d: %w", tid, err)
		case got != 0 && (status.Exited() || status.Signaled()):
			return 0, ErrGone
		case got != 0:
			return status, nil
		case time.Now().After(s.deadline):
			return 0, fmt.Errorf("thread %d: %w (a frozen container, or a wait that nothing interrupts)", tid, ErrStuck)
		}
		if i > briskly {
			time.Sleep(100 * time.Microsecond)
		} else {
			runtime.Gosched()
		}
	}
}

func event(status unix.WaitStatus) int { return int(uint32(status) >> 16) }

// awaitStop waits until a thread that was interrupted stands still; false if it has ended.
// Signals that come first are delivered.
func (s *stopped) awaitStop(tid int) (bool, error) {
	for {
		status, err := s.wait(tid)
		switch {
		case errors.Is(err, ErrGone):
			return false, nil
		case err != nil:
			return false, err
		case event(status) == unix.PTRACE_EVENT_STOP:
			return true, nil
		}
		if err := unix.PtraceCont(tid, int(status.StopSignal())); err != nil && !errors.Is(err, unix.ESRCH) {
			return false, fmt.Errorf("continue thread %d: %w", tid, err)
		}
	}
}

func (s *stopped) letGo() error {
	for _, h := range s.held {
		_ = unix.Tgkill(s.pid, h.thread, h.signal) // a thread that has ended needs none
	}
	var errs []error
	for _, tid := range s.threads {
		if err := unix.PtraceDetach(tid); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("let go of thread %d: %w", tid, err))
		}
	}
	return errors.Join(errs...)
}

// resume lets a thread run until a stop that is the wanted one.
func (s *stopped) resume(tid, request int, wanted func(unix.WaitStatus) bool) error {
	for {
		if err := ptrace(request, tid, 0, 0); err != nil {
			return fmt.Errorf("resume thread %d: %w", tid, err)
		}
		status, err := s.wait(tid)
		if err != nil {
			return err
		}
		switch signal := status.StopSignal(); {
		case wanted(status):
			return nil
		case event(status) == unix.PTRACE_EVENT_STOP: // nothing ran yet
		case slices.Contains([]syscall.Signal{unix.SIGSEGV, unix.SIGBUS, unix.SIGILL, unix.SIGFPE, unix.SIGSYS}, signal):
			return fmt.Errorf("thread %d raised %v under control", tid, signal)
		default:
			s.held = append(s.held, heldSignal{tid, signal})
		}
	}
}

// farthest is how many steps get a thread out of an entry, whose instructions are few.
const farthest = 64

// stepOut steps every thread that is inside bytes about to be overwritten behind them: it
// would go on in the middle of an instruction else. One at their first byte may stay.
func (s *stopped) stepOut(entries []patch) error {
	for _, tid := range s.threads {
		for n := 0; ; n++ {
			inside, err := within(tid, entries)
			if err != nil {
				return err
			}
			if !inside {
				break
			}
			if n == farthest {
				return fmt.Errorf("thread %d does not leave the code to be changed", tid)
			}
			if err := s.step(tid); err != nil {
				return err
			}
		}
	}
	return nil
}

func within(tid int, entries []patch) (bool, error) {
	var r registers
	if err := getRegisters(tid, &r); err != nil {
		return false, fmt.Errorf("read the registers of thread %d: %w", tid, err)
	}
	return slices.ContainsFunc(entries, func(p patch) bool {
		return programCounter(&r) > p.at && programCounter(&r) < p.at+uint64(len(p.bytes))
	}), nil
}

func (s *stopped) step(tid int) error {
	return s.resume(tid, unix.PTRACE_SINGLESTEP, func(w unix.WaitStatus) bool {
		return w.StopSignal() == unix.SIGTRAP && event(w) == 0
	})
}

// quiet is the thread to make a system call on. One that computes is best: what another
// sleeps in would begin anew.
func (s *stopped) quiet() int {
	for _, tid := range s.threads {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", s.pid, tid))
		if err == nil && strings.HasPrefix(string(b), "-1 ") {
			return tid
		}
	}
	return s.threads[0]
}

// call makes one system call in the process, by an instruction that it has.
func (s *stopped) call(instruction, number uint64, args [6]uint64) (uint64, error) {
	tid := s.quiet()
	var saved, after registers
	if err := getRegisters(tid, &saved); err != nil {
		return 0, fmt.Errorf("read the registers of thread %d: %w", tid, err)
	}
	during := saved
	callSystem(&during, instruction, number, args)
	// A signal's handler must not run on these registers.
	mask, all := uint64(0), ^uint64(0)
	if err := signalMask(unix.PTRACE_GETSIGMASK, tid, &mask); err != nil {
		return 0, fmt.Errorf("read the signal mask of thread %d: %w", tid, err)
	}
	restore := func() error {
		return errors.Join(setRegisters(tid, &saved), signalMask(unix.PTRACE_SETSIGMASK, tid, &mask))
	}
	err := signalMask(unix.PTRACE_SETSIGMASK, tid, &all)
	if err == nil {
		err = setRegisters(tid, &during)
	}
	atCall := func(w unix.WaitStatus) bool { return w.StopSignal() == unix.SIGTRAP|0x80 }
	for range 2 { // into the call, and out of it
		if err == nil {
			err = s.resume(tid, unix.PTRACE_SYSCALL, atCall)
		}
	}
	if err == nil {
		err = getRegisters(tid, &after)
	}
	// The saved registers are put back in a stop like the one they were read in, behind
	// which the kernel looks at a call to be restarted.
	if err == nil {
		if err = unix.PtraceInterrupt(tid); err == nil {
			err = s.resume(tid, unix.PTRACE_CONT, func(w unix.WaitStatus) bool { return event(w) == unix.PTRACE_EVENT_STOP })
		}
	}
	if err := errors.Join(err, restore()); err != nil {
		return 0, fmt.Errorf("make a system call on thread %d: %w", tid, err)
	}
	if got := int64(result(&after)); got < 0 && got > -4096 {
		return 0, unix.Errno(-got)
	}
	return result(&after), nil
}
