package disk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Helper is the other end of a helper process.
type Helper struct {
	dir string

	mu   sync.Mutex
	conn net.Conn
	from *bufio.Reader
}

const (
	startLimit = 20 * time.Second // of a helper, until it answers
	startEvery = 10 * time.Millisecond
	orderLimit = 30 * time.Second
	endLimit   = 5 * time.Second // until it is killed
)

// Start starts a helper in a directory of its own, for these mounts. The command must end
// up in Serve with that directory; it outlives this process. On failure nothing is left but
// the directory.
func Start(ctx context.Context, dir string, mounts []Mount, command *exec.Cmd) (h *Helper, err error) {
	list, err := json.Marshal(mounts)
	if err != nil {
		return nil, err
	}
	for _, m := range mounts {
		for _, sub := range []string{dataDir, trashDir, pointDir} {
			if err := os.MkdirAll(filepath.Join(m.Under, sub), 0o755); err != nil {
				return nil, err
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, mountsFile), list, 0o600); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, logFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command.Stdin, command.Stdout, command.Stderr, command.Dir = nil, log, log, dir
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no Ctrl-C of ours reaches it
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start the disks' helper: %w", err)
	}
	ended := make(chan struct{})
	go func() { _ = command.Wait(); close(ended) }()
	defer func() {
		if err != nil {
			err = errors.Join(err, End(dir))
		}
	}()
	if err := os.WriteFile(filepath.Join(dir, pidFile), []byte(strconv.Itoa(command.Process.Pid)), 0o600); err != nil {
		_ = command.Process.Kill()
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		if conn, err := dial(dir); err == nil {
			return &Helper{dir: dir, conn: conn, from: bufio.NewReader(conn)}, nil
		}
		select {
		case <-ended:
			said, _ := os.ReadFile(filepath.Join(dir, logFile))
			return nil, fmt.Errorf("the disks' helper ended at once: %s", bytes.TrimSpace(said))
		case <-ctx.Done():
			return nil, fmt.Errorf("the disks' helper does not answer: %w", ctx.Err())
		case <-time.After(startEvery):
		}
	}
}

// dial reaches a helper. A socket's path may be no longer than a hundred bytes or so, so it
// is reached through the directory's descriptor.
func dial(dir string) (net.Conn, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return net.DialTimeout("unix", fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), controlFile), orderLimit)
}

func (h *Helper) tell(o order) (reply, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	line, err := json.Marshal(o)
	if err != nil {
		return reply{}, err
	}
	_ = h.conn.SetDeadline(time.Now().Add(orderLimit))
	if _, err := h.conn.Write(append(line, '\n')); err != nil {
		return reply{}, fmt.Errorf("the disks' helper is not there any more: %w", err)
	}
	answer, err := h.from.ReadBytes('\n')
	if err != nil {
		return reply{}, fmt.Errorf("the disks' helper does not answer: %w", err)
	}
	var r reply
	if err := json.Unmarshal(answer, &r); err != nil {
		return r, err
	}
	if r.Err != "" {
		return r, errors.New(r.Err)
	}
	return r, nil
}

// Make makes a mount's trouble this one.
func (h *Helper) Make(mount string, t Trouble) (Counts, error) {
	r, err := h.tell(order{Mount: mount, Do: doTrouble, Trouble: t})
	return r.Counts, err
}

// Counts tells what a mount's layer has done.
func (h *Helper) Counts(mount string) (Counts, error) {
	r, err := h.tell(order{Mount: mount, Do: doCounts})
	return r.Counts, err
}

// PowerFails takes back what was not synced: all of it, or, if torn, the end of the last
// write to each file. Nobody may have a file open through the mount.
func (h *Helper) PowerFails(mount string, torn bool, seed uint64) (Loss, error) {
	r, err := h.tell(order{Mount: mount, Do: doFail, Torn: torn, Seed: seed})
	return r.Loss, err
}

// Flip turns over one bit of a file that matches the pattern, and says which.
func (h *Helper) Flip(mount, pattern string, seed uint64) (string, error) {
	r, err := h.tell(order{Mount: mount, Do: doFlip, Pattern: pattern, Seed: seed})
	return r.Text, err
}

// Truncate cuts off the end of a file that matches the pattern, and says how much.
func (h *Helper) Truncate(mount, pattern string, seed uint64) (string, error) {
	r, err := h.tell(order{Mount: mount, Do: doCut, Pattern: pattern, Seed: seed})
	return r.Text, err
}

// Close ends the helper and unmounts its layers. The directory stays.
func (h *Helper) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Join(h.conn.Close(), End(h.dir))
}

// End ends the helper of a directory, if there is one, and unmounts its layers, whoever
// started them and whether or not it still does what it is told.
func End(dir string) error {
	if conn, err := dial(dir); err == nil {
		h := &Helper{dir: dir, conn: conn, from: bufio.NewReader(conn)}
		_, _ = h.tell(order{Do: doEnd})
		_ = conn.Close()
	}
	var errs []error
	list, err := os.ReadFile(filepath.Join(dir, mountsFile))
	if err == nil {
		var mounts []Mount
		errs = append(errs, json.Unmarshal(list, &mounts))
		for _, m := range mounts {
			errs = append(errs, unmount(m.Point()))
		}
	}
	return errors.Join(append(errs, endProcess(dir))...)
}

// endProcess waits for the end of a helper, which it was told of, and kills it else. A
// process of that number that does not live in the directory is somebody else's.
func endProcess(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, pidFile))
	if err != nil {
		return nil // it was never started
	}
	pid, err := strconv.Atoi(string(b))
	if err != nil || pid <= 1 {
		return fmt.Errorf("%s/%s: %q is no process number", dir, pidFile, b)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reach the disks' helper: %w", err)
	}
	defer unix.Close(fd)
	if lives, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); lives != dir {
		return nil
	}
	for range 2 {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(poll, int(endLimit.Milliseconds())); n > 0 && err == nil {
			return nil
		}
		if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); errors.Is(err, unix.ESRCH) {
			return nil
		}
	}
	return fmt.Errorf("the disks' helper, pid %d, does not end", pid)
}
