//go:build linux

package clock

import (
	"debug/elf"

	"golang.org/x/sys/unix"
)

const (
	elfMachine = elf.EM_AARCH64
	userTop    = 0xfffffffff000
)

var native = arm64

type registers = unix.PtraceRegsArm64

const general = 1 // NT_PRSTATUS, the set of general registers

func getRegisters(tid int, r *registers) error { return unix.PtraceGetRegSetArm64(tid, general, r) }
func setRegisters(tid int, r *registers) error { return unix.PtraceSetRegSetArm64(tid, general, r) }
func programCounter(r *registers) uint64       { return r.Pc }
func result(r *registers) uint64               { return r.Regs[0] }

// callSystem prepares registers for a system call by the instruction at an address.
func callSystem(r *registers, instruction, number uint64, args [6]uint64) {
	r.Pc, r.Regs[8] = instruction, number
	copy(r.Regs[:], args[:])
	r.Pstate &^= 3 << 10 // BTYPE: the instruction need be no landing pad
}
