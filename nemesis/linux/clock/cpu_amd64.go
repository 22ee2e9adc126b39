//go:build linux

package clock

import (
	"debug/elf"

	"golang.org/x/sys/unix"
)

const (
	elfMachine = elf.EM_X86_64
	userTop    = 0x7ffffffff000
)

var native = amd64

type registers = unix.PtraceRegs

func getRegisters(tid int, r *registers) error { return unix.PtraceGetRegs(tid, r) }
func setRegisters(tid int, r *registers) error { return unix.PtraceSetRegs(tid, r) }
func programCounter(r *registers) uint64       { return r.Rip }
func result(r *registers) uint64               { return r.Rax }

// callSystem prepares registers for a system call by the instruction at an address.
func callSystem(r *registers, instruction, number uint64, args [6]uint64) {
	r.Rip, r.Rax = instruction, number
	r.Orig_rax = ^uint64(0) // the call that was interrupted is not to be restarted now
	r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9 = args[0], args[1], args[2], args[3], args[4], args[5]
}
