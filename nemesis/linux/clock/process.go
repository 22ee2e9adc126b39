//go:build linux && (amd64 || arm64)

package clock

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a process whose wall clock can be set. It holds the process's memory open,
// which is bound to its address space: after an exec or its end every call is ErrGone, and
// another process that gets the same pid is never touched. It is meant for one caller at a
// time.
type Process struct {
	PID     int
	Adopted bool          // it had been patched before
	Direct  bool          // true time comes from the original code, not from a system call
	Stopped time.Duration // how long the installation held it still

	memory  *os.File
	vdso    *vdso
	blob    uint64 // address of the header; 0: not patched
	entries []patch
	armed   int // index of the first of two settings that Flip chooses from
}

// patch is bytes to be written.
type patch struct {
	at    uint64
	bytes []byte
}

// tuning is for tests: what an installation shall do though it need not.
type tuning struct {
	limit      time.Duration
	inject     bool                          // map a page, though there is room
	viaSystem  bool                          // ask the kernel for the true time
	stayInside bool                          // step no thread out of what is overwritten
	before     func(*stopped, []patch) error // is called before that
}

// stopLimit is how long a process may take to stand still, which takes most of them far
// less than a millisecond.
const stopLimit = 2 * time.Second

// Install patches a process, with its clock right for now. One that is patched already is
// adopted as it is: by a parent before it was forked, or by a harness that has died.
func Install(pid int) (*Process, error) { return install(pid, tuning{limit: stopLimit}) }

// Adopt takes over a process that is patched already; the error is nil and the process too
// if it is not.
func Adopt(pid int) (*Process, error) {
	p, err := open(pid)
	if err != nil {
		return nil, err
	}
	if err := p.adopt(); err != nil || p.blob == 0 {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func open(pid int) (*Process, error) {
	fail := func(what string, err error) (*Process, error) {
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
			return nil, fmt.Errorf("process %d: %w", pid, ErrGone)
		case errors.Is(err, fs.ErrPermission):
			return nil, fmt.Errorf("process %d: %s: %w: it takes root or the capability SYS_PTRACE", pid, what, err)
		}
		return nil, fmt.Errorf("process %d: %s: %w", pid, what, err)
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return fail("open its memory", err)
	}
	p := &Process{PID: pid, memory: memory}
	maps, err := mappings(pid)
	if err == nil && len(maps) == 0 {
		err = ErrGone // nothing is mapped into one that has ended
	}
	if err == nil {
		p.vdso, err = findVDSO(maps, p.read)
	}
	if err != nil {
		memory.Close()
		return fail("look at its memory", err)
	}
	return p, nil
}

// Close lets the process go with its clock as it is.
func (p *Process) Close() error { return p.memory.Close() }

func (p *Process) read(b []byte, at uint64) error {
	n, err := unix.Pread(int(p.memory.Fd()), b, int64(at))
	if err == nil && n != len(b) {
		return ErrGone
	}
	return err
}

// write gets at pages that the process itself may not write, whose copy becomes its own,
// and makes processors see new code.
func (p *Process) write(b []byte, at uint64) error {
	n, err := unix.Pwrite(int(p.memory.Fd()), b, int64(at))
	switch {
	case err == nil && n == len(b):
		return nil
	case err == nil:
		return ErrGone
	case errors.Is(err, unix.EIO), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("write its memory: %w: the kernel must be booted without proc_mem.force_override=never or =ptrace", err)
	}
	return fmt.Errorf("write its memory: %w", err)
}

// adopt finds what has been installed.
func (p *Process) adopt() error {
	f, ok := p.vdso.symbols[native.functions[0]]
	if !ok {
		return fmt.Errorf("process %d: %w: the vDSO has no %s", p.PID, ErrUnsupported, native.functions[0])
	}
	target, ok := native.follow(p.vdso.image[f.addr-p.vdso.start:], f.addr)
	if !ok {
		return nil
	}
	header := make([]byte, codeAt)
	if p.read(header, target-codeAt) != nil {
		return nil
	}
	if _, ok := isBlob(header); !ok {
		return nil
	}
	p.blob, p.Adopted = target-codeAt, true
	for _, name := range native.functions {
		s, ok := p.vdso.symbols[name]
		if !ok {
			continue
		}
		b := p.vdso.image[s.addr-p.vdso.start:]
		if _, ok := native.follow(b, s.addr); ok {
			p.entries = append(p.entries, patch{s.addr, bytes.Clone(b[:len(native.entry(0, 0))])})
		}
	}
	return nil
}

func install(pid int, t tuning) (*Process, error) {
	p, err := open(pid)
	if err != nil {
		return nil, err
	}
	if err = p.adopt(); err == nil && p.blob == 0 {
		err = whileStopped(pid, t.limit, func(s *stopped) error {
			began := time.Now()
			err := p.patch(s, t)
			p.Stopped = time.Since(began)
			return err
		})
		if err == nil {
			_, err = p.Offset() // what was written is there
		}
	}
	if err != nil {
		if _, statErr := os.Stat(fmt.Sprintf("/proc/%d", pid)); statErr != nil {
			err = ErrGone
		}
		return nil, errors.Join(fmt.Errorf("process %d: %w", pid, err), p.Close())
	}
	return p, nil
}

// patch writes the code into a process that stands still.
func (p *Process) patch(s *stopped, t tuning) error {
	// It may have become another program since it was looked at.
	maps, err := mappings(p.PID)
	if err != nil {
		return ErrGone
	}
	now, err := findVDSO(maps, p.read)
	if err != nil || now.start != p.vdso.start || !bytes.Equal(now.image, p.vdso.image) {
		return ErrGone
	}
	code := func(at uint64) ([]byte, []int) { return p.compile(at, t.viaSystem) }
	sized, _ := code(now.start)
	at := now.room(codeAt + len(sized))
	if at == 0 || t.inject {
		if at, err = p.inject(s, maps); err != nil {
			return err
		}
	}
	compiled, offsets := code(at + codeAt)
	entries, err := p.redirect(at+codeAt, offsets)
	if err != nil {
		return err
	}
	if err := p.write(newBlob(compiled), at); err != nil {
		return err
	}
	if t.before != nil {
		if err := t.before(s, entries); err != nil {
			return err
		}
	}
	if !t.stayInside {
		if err := s.stepOut(entries); err != nil {
			return err
		}
	}
	// That of clock_gettime comes last: it is what tells a patched process from another, if
	// we should die half-way.
	for _, e := range slices.Backward(entries) {
		if err := p.write(e.bytes, e.at); err != nil {
			return err
		}
	}
	p.blob, p.entries = at, entries
	return nil
}

// compile makes the code, which asks the original where its beginning can be moved.
func (p *Process) compile(at uint64, viaSystem bool) ([]byte, []int) {
	f := p.vdso.symbols[native.functions[0]]
	body := p.vdso.image[f.addr-p.vdso.start:]
	body = body[:min(f.size, uint64(len(body)))]
	if n, ok := native.prologue(body, len(native.entry(0, 0))); ok && !viaSystem {
		p.Direct = true
		return native.code(at, body[:n], f.addr+uint64(n))
	}
	p.Direct = false
	return native.code(at, nil, 0)
}

// redirect makes the entries that jump to the code.
func (p *Process) redirect(code uint64, offsets []int) ([]patch, error) {
	var entries []patch
	for i, name := range native.functions {
		f, ok := p.vdso.symbols[name]
		if !ok {
			continue // then nobody calls it
		}
		e := patch{f.addr, native.entry(f.addr, code+uint64(offsets[i]))}
		if uint64(len(e.bytes)) > f.size {
			return nil, fmt.Errorf("%w: %s has only %d bytes", ErrUnsupported, name, f.size)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// inject maps a page near the vDSO, where that has no room.
func (p *Process) inject(s *stopped, maps []mapping) (uint64, error) {
	at := gap(maps, p.vdso.start, native.reach)
	if at == 0 {
		return 0, fmt.Errorf("%w: no free page is near the vDSO", ErrUnsupported)
	}
	i := bytes.Index(p.vdso.image, native.syscall)
	for native == arm64 && i >= 0 && i%4 != 0 {
		next := bytes.Index(p.vdso.image[i+1:], native.syscall)
		if next < 0 {
			i = next
			break
		}
		i += 1 + next
	}
	if i < 0 {
		return 0, fmt.Errorf("%w: the vDSO makes no system call", ErrUnsupported)
	}
	got, err := s.call(p.vdso.start+uint64(i), unix.SYS_MMAP, [6]uint64{
		at, 4096, unix.PROT_READ | unix.PROT_EXEC, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_FIXED_NOREPLACE, ^uint64(0),
	})
	if err == nil && got != at {
		err = fmt.Errorf("it lies at %#x, not %#x", got, at)
	}
	if err != nil {
		return 0, fmt.Errorf("map a page: %w", err)
	}
	return at, nil
}

// header reads what is beside the code.
func (p *Process) header() ([]byte, error) {
	b := make([]byte, codeAt)
	if err := p.read(b, p.blob); err != nil {
		return nil, fmt.Errorf("process %d: %w", p.PID, ErrGone)
	}
	if _, ok := isBlob(b); !ok || b[indexAt] >= settings {
		return nil, fmt.Errorf("process %d: %w", p.PID, ErrGone)
	}
	return b, nil
}

// put writes settings behind the one in force, and returns the index of the first.
func (p *Process) put(ss ...Setting) (int, error) {
	h, err := p.header()
	if err != nil {
		return 0, err
	}
	first := int(h[indexAt]) + 1
	for i, s := range ss {
		at := p.blob + settingsAt + uint64((first+i)%settings)*settingLen
		if err := p.write(s.encode(), at); err != nil {
			return 0, fmt.Errorf("process %d: %w", p.PID, err)
		}
	}
	return first % settings, nil
}

func (p *Process) choose(index int) error {
	if err := p.write([]byte{byte(index)}, p.blob+indexAt); err != nil {
		return fmt.Errorf("process %d: %w", p.PID, err)
	}
	return nil
}

// Set makes the clock wrong from now on, without stopping the process.
func (p *Process) Set(s Setting) error {
	i, err := p.put(s)
	if err != nil {
		return err
	}
	return p.choose(i)
}

// Arm prepares two settings for Flip, the first of which comes into force.
func (p *Process) Arm(first, second Setting) error {
	i, err := p.put(first, second)
	if err != nil {
		return err
	}
	p.armed = i
	return p.choose(i)
}

// Flip brings one of the two settings into force that Arm has prepared.
func (p *Process) Flip(second bool) error {
	i := p.armed
	if second {
		i++
	}
	return p.choose(i % settings)
}

// Offset is how far the clock is ahead as the process reads it now: the entries and the
// code are read back from its memory and compared with what was written, the setting in
// force is evaluated as the code does.
func (p *Process) Offset() (time.Duration, error) {
	h, err := p.header()
	if err != nil {
		return 0, err
	}
	length, _ := isBlob(h)
	code := make([]byte, length)
	if err := p.read(code, p.blob+codeAt); err != nil {
		return 0, fmt.Errorf("process %d: %w", p.PID, ErrGone)
	}
	if crc32.ChecksumIEEE(code) != le.Uint32(h[sumAt:]) {
		return 0, fmt.Errorf("process %d: the code that makes its clock wrong was damaged", p.PID)
	}
	for _, e := range p.entries {
		b := make([]byte, len(e.bytes))
		if err := p.read(b, e.at); err != nil {
			return 0, fmt.Errorf("process %d: %w", p.PID, ErrGone)
		}
		if !bytes.Equal(b, e.bytes) {
			return 0, fmt.Errorf("process %d: the entry at %#x was changed by someone else", p.PID, e.at)
		}
	}
	return ahead(h[settingsAt+int(h[indexAt])*settingLen:], time.Now().UnixNano()), nil
}
