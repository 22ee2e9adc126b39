package disk

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// weather is the trouble that a disk is in, and the gate that its requests pass.
type weather struct {
	mu      sync.Mutex
	trouble Trouble
	changed chan struct{} // closed when the trouble becomes another

	writes, syncs, delayed, stalled, refused atomic.Int64
}

func (w *weather) now() (Trouble, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.trouble, w.changed
}

func (w *weather) set(t Trouble) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trouble = t
	if w.changed != nil {
		close(w.changed)
	}
	w.changed = make(chan struct{})
}

// grow takes n bytes of a full disk's room; false if it has no more.
func (w *weather) grow(n int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.trouble.Full {
		return true
	}
	if n > w.trouble.Room || n == 0 && w.trouble.Room == 0 {
		w.refused.Add(1)
		return false
	}
	w.trouble.Room -= n
	return true
}

// shrink gives room back.
func (w *weather) shrink(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.trouble.Full {
		w.trouble.Room += n
	}
}

// lookEvery is how soon a request that waits notices that its process is being killed.
const lookEvery = 10 * time.Millisecond

// pass lets a request through when the trouble allows it. A process that is being killed
// cannot end before its requests have, so they fail; any other signal must not make them,
// for a disk's requests know no interruption.
func (w *weather) pass(ctx context.Context, sync bool) syscall.Errno {
	t, changed := w.now()
	if t == (Trouble{}) {
		return 0
	}
	if t.Delay > 0 {
		w.delayed.Add(1)
		if over, errno := wait(ctx, time.After(t.Delay), changed); errno != 0 || over {
			return errno
		}
	}
	for counted := false; t.Stall || t.Hold && sync; t, changed = w.now() {
		if !counted {
			w.stalled.Add(1)
			counted = true
		}
		if _, errno := wait(ctx, nil, changed); errno != 0 {
			return errno
		}
	}
	return 0
}

// wait waits for one of the two, and says if it was the first.
func wait(ctx context.Context, done <-chan time.Time, changed <-chan struct{}) (bool, syscall.Errno) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-done:
			return true, 0
		case <-changed:
			return false, 0
		case <-look.C:
			if c, ok := fuse.FromContext(ctx); ok && dying(int(c.Pid)) {
				return false, syscall.EINTR
			}
		}
	}
}

const (
	exiting = 0x4 // PF_EXITING, in the flags of /proc/PID/stat
	killed  = 1 << (syscall.SIGKILL - 1)
)

// dying says whether a thread is being killed or has gone. One that we cannot know of, such
// as the kernel's own, is taken for dying, so that it never waits.
func dying(tid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", tid))
	if err != nil || tid == 0 {
		return true
	}
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // state, ppid, pgrp, session, tty, tpgid, flags
	if len(f) < 7 {
		return true
	}
	if flags, _ := strconv.ParseUint(f[6], 10, 64); flags&exiting != 0 || f[0] == "Z" || f[0] == "X" {
		return true
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return true
	}
	for line := range bytes.Lines(status) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if string(name) == "SigPnd" || string(name) == "ShdPnd" {
			if set, _ := strconv.ParseUint(string(bytes.TrimSpace(value)), 16, 64); set&killed != 0 {
				return true
			}
		}
	}
	return false
}
