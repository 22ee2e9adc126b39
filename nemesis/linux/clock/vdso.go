//go:build linux && (amd64 || arm64)

package clock

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// mapping is a line of /proc/PID/maps.
type mapping struct {
	start, end uint64
	name       string
}

func mappings(pid int) ([]mapping, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	var all []mapping
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("/proc/%d/maps has a line that is none: %w", pid, err)
		}
		m := mapping{start: start, end: end}
		if len(f) > 5 {
			m.name = f[5]
		}
		all = append(all, m)
	}
	return all, nil
}

// symbol is a function of the vDSO, at the address where it runs.
type symbol struct{ addr, size uint64 }

// vdso is what the kernel has mapped into a process.
type vdso struct {
	start, end uint64
	image      []byte
	unused     uint64 // address behind the last byte of the image, aligned
	symbols    map[string]symbol
}

// farFromSane bounds what is taken for a vDSO: some pages.
const farFromSane = 1 << 20

// findVDSO reads the vDSO as it lies in the process's memory.
func findVDSO(maps []mapping, read func(b []byte, at uint64) error) (*vdso, error) {
	for _, m := range maps {
		if m.name != "[vdso]" || m.end-m.start > farFromSane {
			continue
		}
		v := &vdso{start: m.start, end: m.end, image: make([]byte, m.end-m.start), symbols: map[string]symbol{}}
		if err := read(v.image, v.start); err != nil {
			return nil, fmt.Errorf("read the vDSO: %w", err)
		}
		if err := v.parse(); err != nil {
			return nil, err
		}
		return v, nil
	}
	return nil, fmt.Errorf("%w: no [vdso] is mapped", ErrUnsupported)
}

func (v *vdso) parse() error {
	f, err := elf.NewFile(bytes.NewReader(v.image))
	if err != nil {
		return fmt.Errorf("%w: the vDSO is no ELF image: %v", ErrUnsupported, err)
	}
	if f.Machine != elfMachine || f.Class != elf.ELFCLASS64 {
		return fmt.Errorf("%w: the vDSO is for %v, %v", ErrUnsupported, f.Machine, f.Class)
	}
	// The table of sections comes last in the file, but nothing promises that.
	order := f.ByteOrder
	last := order.Uint64(v.image[0x28:]) + uint64(order.Uint16(v.image[0x3a:]))*uint64(order.Uint16(v.image[0x3c:]))
	bias := uint64(0) // of addresses against places in the file
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			bias = p.Vaddr - p.Off
		}
		last = max(last, p.Off+p.Filesz)
	}
	for _, s := range f.Sections {
		if s.Type != elf.SHT_NOBITS {
			last = max(last, s.Offset+s.FileSize)
		}
	}
	v.unused = v.start + (last+63)&^63
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("%w: the vDSO has no symbols: %v", ErrUnsupported, err)
	}
	for _, s := range symbols {
		if at := s.Value - bias; elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Value != 0 && at+s.Size <= uint64(len(v.image)) {
			v.symbols[s.Name] = symbol{addr: v.start + at, size: s.Size}
		}
	}
	return nil
}

// room is where a piece of that length fits behind the image; 0 if it does not, or if the
// bytes there are in use after all.
func (v *vdso) room(length int) uint64 {
	if v.unused+uint64(length) > v.end {
		return 0
	}
	for _, b := range v.image[v.unused-v.start:] {
		if b != 0 {
			return 0
		}
	}
	return v.unused
}

// gap is an unmapped page as near to an address as there is one, within reach of a jump,
// away from its neighbours and never below a stack, which grows. 0: there is none.
func gap(maps []mapping, near, reach uint64) uint64 {
	const page, apart = 4096, 64 << 10
	best, bestFar := uint64(0), reach-1<<20
	try := func(at uint64) {
		if far := max(at, near) - min(at, near); far < bestFar {
			best, bestFar = at, far
		}
	}
	low := uint64(1 << 20)
	for i := 0; i <= len(maps); i++ {
		high, stack := uint64(userTop), false
		if i < len(maps) {
			high, stack = min(high, maps[i].start), strings.HasPrefix(maps[i].name, "[stack")
		}
		if high > low && high-low >= page+2*apart {
			try(low + apart)
			if !stack {
				try(high - apart - page)
			}
		}
		if i < len(maps) {
			low = max(low, maps[i].end)
		}
	}
	return best
}
