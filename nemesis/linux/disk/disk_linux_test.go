package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain lets the tests start this program as a helper, and as a process that uses a disk.
func TestMain(m *testing.M) {
	if dir := os.Getenv("FAULTLINE_TEST_HELPER"); dir != "" {
		if err := Serve(context.Background(), dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if path := os.Getenv("FAULTLINE_TEST_APPENDER"); path != "" {
		appendForEver(path)
	}
	os.Exit(m.Run())
}

// appendForEver is a process that says how far it got: after each append, and each sync.
func appendForEver(path string) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	for i := 0; err == nil; i++ {
		if _, err = fmt.Fprintf(f, "%09d\n", i); err == nil {
			fmt.Printf("wrote %d\n", i)
			err = f.Sync()
		}
		if err == nil {
			fmt.Printf("synced %d\n", i)
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// over starts a helper with one mount, and returns where it is.
func over(t *testing.T) (*Helper, Mount) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: it mounts file systems")
	}
	if err := Try(); errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	m := Mount{Name: "n1", Under: filepath.Join(dir, "n1")}
	h, err := Start(t.Context(), dir, []Mount{m}, self("FAULTLINE_TEST_HELPER", dir))
	must(t, err)
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if mounts, _ := os.ReadFile("/proc/self/mountinfo"); bytes.Contains(mounts, []byte(dir)) {
			t.Error("it is still mounted")
		}
	})
	return h, m
}

func self(name, value string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), name+"="+value)
	return cmd
}

// put writes through the layer, and syncs if asked to.
func put(t *testing.T, path, text string, flags int, sync bool) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flags, 0o600)
	must(t, err)
	defer f.Close()
	_, err = f.WriteString(text)
	must(t, err)
	if sync {
		must(t, f.Sync())
	}
}

func get(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "(none)"
	}
	must(t, err)
	return string(b)
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %.80q, want %.80q", got, want)
	}
}

func TestUnsyncedIsLostAndSyncedKept(t *testing.T) {
	h, m := over(t)
	at := func(name string) string { return filepath.Join(m.Point(), name) }

	put(t, at("log"), "one ", os.O_APPEND, true)
	put(t, at("table"), "0123456789", 0, true)
	must(t, os.Mkdir(at("dir"), 0o755))
	put(t, at("dir/old"), "old", 0, true)
	put(t, at("dir/doomed"), "doomed", 0, true)

	put(t, at("log"), "two", os.O_APPEND, false)       // an append
	put(t, at("table"), "abc", 0, false)               // in place
	must(t, os.Truncate(at("table"), 5))               // a size
	put(t, at("new"), "new", 0, false)                 // a file
	put(t, at("dir/fresh"), "fresh", 0, false)         //
	must(t, os.Rename(at("dir/fresh"), at("dir/old"))) // over another
	must(t, os.Remove(at("dir/doomed")))
	must(t, os.Mkdir(at("empty"), 0o755))
	expect(t, get(t, at("log")), "one two")
	expect(t, get(t, at("table")), "abc34")
	expect(t, get(t, at("dir/old")), "fresh")

	lost, err := h.PowerFails(m.Name, false, 1)
	must(t, err)
	if lost.Writes != 4 || lost.Entries != 5 {
		t.Errorf("lost %s", lost)
	}
	for range 2 { // as this mount has it, and as the next one would
		expect(t, get(t, at("log")), "one ")
		expect(t, get(t, at("table")), "0123456789")
		expect(t, get(t, at("dir/old")), "old")
		expect(t, get(t, at("dir/doomed")), "doomed")
		for _, name := range []string{"new", "dir/fresh", "empty"} {
			expect(t, get(t, at(name)), "(none)")
		}
		at = func(name string) string { return filepath.Join(m.Data(), name) }
	}
	if lost, err = h.PowerFails(m.Name, false, 1); err != nil || lost.Any() {
		t.Errorf("the second failure took %s: %v", lost, err)
	}
}

// A sync keeps the changes to directories that came before it, as a journal does, and no
// other file's content.
func TestASyncKeepsEarlierNames(t *testing.T) {
	h, m := over(t)
	at := func(name string) string { return filepath.Join(m.Point(), name) }
	put(t, at("unsynced"), "content", 0, false)
	put(t, at("synced"), "content", 0, true)
	must(t, os.Rename(at("synced"), at("renamed")))
	d, err := os.Open(m.Point())
	must(t, err)
	must(t, d.Sync())
	must(t, d.Close())
	must(t, os.Rename(at("renamed"), at("renamed-again")))
	_, err = h.PowerFails(m.Name, false, 1)
	must(t, err)
	expect(t, get(t, at("unsynced")), "")
	expect(t, get(t, at("renamed")), "content")
	expect(t, get(t, at("renamed-again")), "(none)")
	trash, err := os.ReadDir(filepath.Join(m.Under, trashDir))
	must(t, err)
	if len(trash) > 0 {
		t.Errorf("what was removed for good is still there: %v", trash)
	}
}

func TestOSyncWritesAreKept(t *testing.T) {
	h, m := over(t)
	path := filepath.Join(m.Point(), "file")
	put(t, path, "kept", syscall.O_DSYNC, false)
	_, err := h.PowerFails(m.Name, false, 1)
	must(t, err)
	expect(t, get(t, path), "kept")
}

// What a process maps and what it writes are the same pages.
func TestMappedFilesAgreeWithWrites(t *testing.T) {
	_, m := over(t)
	f, err := os.OpenFile(filepath.Join(m.Point(), "file"), os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err)
	defer f.Close()
	must(t, f.Truncate(8192))
	read, err := unix.Mmap(int(f.Fd()), 0, 8192, unix.PROT_READ, unix.MAP_SHARED)
	must(t, err)
	defer unix.Munmap(read)
	_, err = f.WriteAt([]byte("written"), 5000)
	must(t, err)
	expect(t, string(read[5000:5007]), "written")
	both, err := unix.Mmap(int(f.Fd()), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	must(t, err)
	copy(both[6000:], "mapped")
	must(t, unix.Msync(both, unix.MS_SYNC))
	must(t, unix.Munmap(both))
	b := make([]byte, 6)
	_, err = f.ReadAt(b, 6000)
	must(t, err)
	expect(t, string(b), "mapped")
}

func TestTornWrites(t *testing.T) {
	h, m := over(t)
	path, small := filepath.Join(m.Point(), "file"), filepath.Join(m.Point(), "small")
	before, during := strings.Repeat("-", 2*sector), strings.Repeat("+", 10*sector)
	sizes := map[int]bool{}
	for seed := range uint64(20) {
		put(t, path, before, os.O_TRUNC, true)
		put(t, small, "was", os.O_TRUNC, true)
		put(t, path, "earlier unsynced write", os.O_APPEND, false)
		put(t, path, during, os.O_APPEND, false)
		put(t, small, "is ", 0, false)
		lost, err := h.PowerFails(m.Name, true, seed)
		must(t, err)
		if lost.Torn != 1 || lost.Writes != 1 {
			t.Fatalf("lost %s", lost)
		}
		expect(t, get(t, small), "was") // a sector is whole or not at all
		got := get(t, path)
		if !strings.HasPrefix(before+"earlier unsynced write"+during, got) || len(got)%sector != 0 {
			t.Fatalf("%d bytes are left: %.80q", len(got), got)
		}
		sizes[len(got)] = true
	}
	if len(sizes) < 3 {
		t.Errorf("always torn at the same places: %v", sizes)
	}
	put(t, path, before+before, os.O_TRUNC, true)
	put(t, path, during, 0, false) // over what was there, and beyond
	_, err := h.PowerFails(m.Name, true, 7)
	must(t, err)
	got := get(t, path)
	if kept := strings.Count(got, "+"); kept == 0 || kept == len(during) || got[:kept] != during[:kept] || kept < len(before+before) && len(got) != len(before+before) {
		t.Errorf("%d of %d bytes are new: %q", kept, len(got), got)
	}
}

func TestFullDisk(t *testing.T) {
	h, m := over(t)
	path := filepath.Join(m.Point(), "file")
	put(t, path, "0123456789", 0, true)
	_, err := h.Make(m.Name, Trouble{Full: true, Room: 100})
	must(t, err)
	put(t, path, strings.Repeat("x", 100), os.O_APPEND, false)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	defer f.Close()
	if _, err := f.WriteString("y"); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a write to a full disk: %v", err)
	}
	if err := os.WriteFile(filepath.Join(m.Point(), "other"), nil, 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a new file on a full disk: %v", err)
	}
	put(t, path, "in place", 0, false)
	var st unix.Statfs_t
	must(t, unix.Statfs(m.Point(), &st))
	if st.Bavail != 0 {
		t.Errorf("%d blocks are said to be free", st.Bavail)
	}
	counts, err := h.Make(m.Name, Trouble{})
	must(t, err)
	if counts.Refused != 2 {
		t.Errorf("%d requests refused, not 2", counts.Refused)
	}
	_, err = f.WriteString("y")
	must(t, err)
	expect(t, get(t, path), "in place89"+strings.Repeat("x", 100)+"y")
}

func TestSlowDisk(t *testing.T) {
	h, m := over(t)
	path := filepath.Join(m.Point(), "file")
	const delay = 60 * time.Millisecond
	put(t, path, "x", 0, true)
	_, err := h.Make(m.Name, Trouble{Delay: delay})
	must(t, err)
	start := time.Now()
	put(t, path, "y", 0, true) // a write and a sync
	if took := time.Since(start); took < 2*delay {
		t.Errorf("a write and a sync took %s", took)
	}
	counts, err := h.Make(m.Name, Trouble{})
	must(t, err)
	if counts.Delayed < 2 {
		t.Errorf("%d requests delayed", counts.Delayed)
	}
}

func TestStallBlocksAndThenCompletes(t *testing.T) {
	h, m := over(t)
	path := filepath.Join(m.Point(), "file")
	put(t, path, "x", 0, true)
	_, err := h.Make(m.Name, Trouble{Stall: true})
	must(t, err)
	done := make(chan error, 1)
	go func() { done <- os.WriteFile(path, []byte("y"), 0o600) }()
	for stalled := int64(0); stalled == 0; {
		c, err := h.Counts(m.Name)
		must(t, err)
		stalled = c.Stalled
	}
	select {
	case err := <-done:
		t.Fatalf("a write to a stalled disk ended: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	expect(t, get(t, filepath.Join(m.Data(), "file")), "x")
	_, err = h.Make(m.Name, Trouble{})
	must(t, err)
	must(t, <-done)
	expect(t, get(t, path), "y")
}

// A process that is killed while its disk stalls ends; what it had not been told to be
// synced may be gone, what it had must not.
func TestPowerFailureAmidSyncs(t *testing.T) {
	h, m := over(t)
	path := filepath.Join(m.Point(), "file")
	p := self("FAULTLINE_TEST_APPENDER", path)
	var said bytes.Buffer
	p.Stdout = &said
	must(t, p.Start())
	for writes := int64(0); writes < 50; {
		c, err := h.Counts(m.Name)
		must(t, err)
		writes = c.Writes
	}
	before, err := h.Make(m.Name, Trouble{Hold: true})
	must(t, err)
	for stalled := before.Stalled; stalled == before.Stalled; {
		c, err := h.Counts(m.Name)
		must(t, err)
		stalled = c.Stalled
	}
	must(t, p.Process.Kill())
	_ = p.Wait()
	lost, err := h.PowerFails(m.Name, false, 1)
	must(t, err)
	if lost.Writes != 1 {
		t.Errorf("lost %s, not the one write whose sync was held", lost)
	}
	if strings.Contains(said.String(), "exit") || strings.Contains(said.String(), "interrupted") {
		t.Errorf("the process saw a failure: %s", said.String()[said.Len()-100:])
	}
	synced := strings.Count(said.String(), "synced")
	if got := strings.Count(get(t, path), "\n"); got != synced {
		t.Errorf("%d lines are left of %d that were synced", got, synced)
	}
	_, err = h.Make(m.Name, Trouble{})
	must(t, err)
}

func TestFlipChangesOneBit(t *testing.T) {
	h, m := over(t)
	path := filepath.Join(m.Point(), "data.db")
	before := strings.Repeat("abcdefgh", 1000)
	put(t, path, before, 0, true)
	put(t, filepath.Join(m.Point(), "log"), before, 0, true)
	f, err := os.Open(path) // whose pages are in memory
	must(t, err)
	defer f.Close()
	expect(t, get(t, path), before)
	what, err := h.Flip(m.Name, "*.db", 3)
	must(t, err)
	after := make([]byte, len(before))
	_, err = f.ReadAt(after, 0)
	must(t, err)
	changed := 0
	for i := range before {
		changed += bits.OnesCount8(before[i] ^ after[i])
	}
	if changed != 1 {
		t.Errorf("%d bits changed (%s)", changed, what)
	}
	expect(t, get(t, filepath.Join(m.Point(), "log")), before)
	if _, err := h.Flip(m.Name, "*.none", 3); err == nil || !strings.Contains(err.Error(), "no file") {
		t.Errorf("a pattern that matches nothing: %v", err)
	}
}

func TestTruncate(t *testing.T) {
	h, m := over(t)
	path := filepath.Join(m.Point(), "wal")
	before := strings.Repeat("abcdefgh", 1000)
	put(t, path, before, 0, true)
	what, err := h.Truncate(m.Name, "w*", 3)
	must(t, err)
	if got := get(t, path); len(got) == len(before) || !strings.HasPrefix(before, got) {
		t.Errorf("%d bytes are left (%s)", len(got), what)
	}
}

// A helper that was killed leaves a dead mount, which End removes.
func TestEndOfADeadHelper(t *testing.T) {
	h, m := over(t)
	pid := get(t, filepath.Join(h.dir, pidFile))
	var n int
	_, err := fmt.Sscan(pid, &n)
	must(t, err)
	must(t, unix.Kill(n, unix.SIGKILL))
	for err == nil { // until the kernel knows
		_, err = os.Stat(m.Point())
	}
	must(t, End(h.dir))
	must(t, End(h.dir)) // any number of times
	if _, err := os.Stat(m.Point()); err != nil {
		t.Error(err)
	}
	if _, err := h.Counts(m.Name); err == nil {
		t.Error("a dead helper answers")
	}
}

// What cannot be mounted is said, and leaves no helper.
func TestStartFails(t *testing.T) {
	dir := t.TempDir()
	_, err := Start(t.Context(), dir, []Mount{{Name: "n1", Under: filepath.Join(dir, "n1")}}, exec.Command("sh", "-c", "echo no luck >&2; exit 1"))
	if err == nil || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("a helper that ends at once: %v", err)
	}
}
