package clock

import (
	"bytes"
	"math/bits"
	"strings"
	"testing"
	"time"

	"golang.org/x/arch/arm64/arm64asm"
	"golang.org/x/arch/x86/x86asm"
	"pgregory.net/rapid"
)

// armText disassembles; what is no instruction says so.
func armText(code []byte) []string {
	var lines []string
	for i := 0; i+4 <= len(code); i += 4 {
		inst, err := arm64asm.Decode(code[i:])
		if err != nil {
			lines = append(lines, "? "+err.Error())
			continue
		}
		lines = append(lines, arm64asm.GNUSyntax(inst))
	}
	return lines
}

// armPrologueOfAKernel is how clock_gettime began in a kernel.
var armPrologueOfAKernel = words(
	0xd503245f, // bti c
	0xa9be7bfd) // stp x29, x30, [sp, #-32]!

// TestArmCode reads the code as the processor does. (hint #0x22 is bti c.)
func TestArmCode(t *testing.T) {
	const at, resume = 0x10000, 0x8008
	code, offsets := armCode(at, armPrologueOfAKernel, resume)
	got := strings.Join(armText(code), "\n")
	want := strings.TrimSpace(`
hint #0x22
stp x29, x30, [sp,#-48]!
mov x29, sp
stp x0, x1, [sp,#16]
bl .+0x90
ldp x2, x1, [sp,#16]
ldp x29, x30, [sp],#48
cbnz w0, .+0x80
cmp w2, #0x1f
b.hi .+0x78
mov w5, #0x921
lsr w5, w5, w2
tbz w5, #0, .+0x6c
adr x3, .+0xfffffffffffffefc
ldrb w4, [x3,#8]
add x4, x4, x4, lsl #1
add x3, x3, x4, lsl #3
add x3, x3, #0x10
ldp x5, x6, [x3]
ldr x7, [x3,#16]
ldp x8, x9, [x1]
mov w10, #0xca00
movk w10, #0x3b9a, lsl #16
madd x8, x8, x10, x9
sub x9, x8, x6
mul x11, x9, x7
smulh x12, x9, x7
extr x11, x12, x11, #32
add x8, x8, x11
add x8, x8, x5
lsr x9, x8, #9
mov x11, #0x5a53
movk x11, #0xa09b, lsl #16
movk x11, #0xb82f, lsl #32
movk x11, #0x44, lsl #48
umulh x9, x9, x11
lsr x9, x9, #11
msub x8, x9, x10, x8
stp x9, x8, [x1]
ret
hint #0x22
stp x29, x30, [sp,#-32]!
b .+0xffffffffffff7f60
hint #0x22
stp x29, x30, [sp,#-64]!
mov x29, sp
stp x0, x1, [sp,#32]
mov w0, #0x0
add x1, sp, #0x10
bl .+0xffffffffffffff3c
ldp x2, x3, [sp,#32]
cbnz w0, .+0x2c
cbz x2, .+0x14
ldp x4, x5, [sp,#16]
mov w6, #0x3e8
udiv x5, x5, x6
stp x4, x5, [x2]
cbz x3, .+0x14
mov x0, #0x0
mov x1, x3
mov x8, #0xa9
svc #0x0
ldp x29, x30, [sp],#64
ret
`)
	if got != want {
		t.Errorf("the code is\n%s\nand not\n%s", got, want)
	}
	if len(offsets) != len(arm64.functions) || offsets[0] != 0 {
		t.Errorf("offsets %v", offsets)
	}
}

// TestArmOriginal follows the code into the original.
func TestArmOriginal(t *testing.T) {
	const at, resume = 0x10000, 0x8008
	code, _ := armCode(at, armPrologueOfAKernel, resume)
	i := bytes.Index(code[8:], armPrologueOfAKernel) + 8
	bl := le.Uint32(code[16:])
	if to := 16 + int(bl&0x03ffffff)*4; to != i {
		t.Errorf("the original is called at %d, but lies at %d", to, i)
	}
	jump := i + len(armPrologueOfAKernel)
	inst, err := arm64asm.Decode(code[jump:])
	if err != nil || inst.Op != arm64asm.B {
		t.Fatalf("%v, %v", inst, err)
	}
	if to := at + int64(jump) + int64(inst.Args[0].(arm64asm.PCRel)); to != resume {
		t.Errorf("the original goes on at %#x, not %#x", to, resume)
	}
	bySystem, _ := armCode(at, nil, 0)
	if got := strings.Join(armText(bySystem), "\n"); !strings.Contains(got, "mov x8, #0x71\nsvc #0x0\nret") {
		t.Errorf("by system calls:\n%s", got)
	}
	for _, line := range append(armText(code), armText(bySystem)...) {
		if strings.HasPrefix(line, "?") {
			t.Errorf("%s", line)
		}
	}
}

// TestX86Code walks the code, instruction by instruction: all of them are known, and jumps
// lead to where one begins.
func TestX86Code(t *testing.T) {
	const at, resume = 0x10000, 0x8005
	for _, prologue := range [][]byte{{0x55, 0x48, 0x89, 0xe5, 0x41, 0x56}, nil} {
		code, offsets := x86Code(at, prologue, resume)
		begins := map[int]bool{resume - at: true}
		var targets []int
		for i := 0; i < len(code); {
			inst, err := x86asm.Decode(code[i:], 64)
			if err != nil {
				t.Fatalf("at %d: %v", i, err)
			}
			begins[i] = true
			i += inst.Len
			if to, ok := inst.Args[0].(x86asm.Rel); ok {
				targets = append(targets, i+int(to))
			}
		}
		for _, to := range append(targets, offsets...) {
			if !begins[to] {
				t.Errorf("no instruction begins at %d", to)
			}
		}
	}
}

// TestEntries leads every entry to its target and back.
func TestEntries(t *testing.T) {
	for name, m := range map[string]*machine{"amd64": amd64, "arm64": arm64} {
		rapid.Check(t, func(t *rapid.T) {
			at := uint64(1<<40) + 16*uint64(rapid.IntRange(0, 1<<20).Draw(t, "at"))
			reach := int64(m.reach/4 - 64)
			target := at + uint64(4*rapid.Int64Range(-reach, reach).Draw(t, "to"))
			if got, ok := m.follow(m.entry(at, target), at); !ok || got != target {
				t.Fatalf("%s: leads to %#x, %v, not %#x", name, got, ok, target)
			}
		})
	}
}

// TestPrologues takes whole instructions, and none that mean something else elsewhere.
func TestPrologues(t *testing.T) {
	pad := make([]byte, 16)
	for _, c := range []struct {
		m    *machine
		name string
		b    []byte
		n    int
	}{
		{amd64, "push rbp; mov rbp, rsp; push r14", []byte{0x55, 0x48, 0x89, 0xe5, 0x41, 0x56}, 6},
		{amd64, "endbr64; push rbp", []byte{0xf3, 0x0f, 0x1e, 0xfa, 0x55}, 5},
		{amd64, "cmp edi, 15; ja", []byte{0x83, 0xff, 0x0f, 0x77, 0x10}, 0},
		{amd64, "jmp", []byte{0xe9, 1, 2, 3, 4}, 0},
		{amd64, "lea rax, [rip+n]", []byte{0x48, 0x8d, 0x05, 1, 2, 3, 4}, 0},
		{amd64, "mov rax, [rdi]", []byte{0x48, 0x8b, 0x07, 0x55, 0x55}, 0},
		{arm64, "bti c; stp", armPrologueOfAKernel, 8},
		{arm64, "adrp", words(armBti, 0x90000000), 0},
		{arm64, "cbz", words(armCbz, armBti), 0},
		{arm64, "b.hi", words(armBti, armBhi), 0},
		{arm64, "ldr of a literal", words(armBti, 0x58000050), 0},
	} {
		n, ok := c.m.prologue(append(bytes.Clone(c.b), pad...), len(c.m.entry(0, 0)))
		if ok != (c.n > 0) || ok && n != c.n {
			t.Errorf("%s: %d bytes, %v", c.name, n, ok)
		}
	}
	if _, ok := amd64.prologue([]byte{0x55}, 5); ok {
		t.Error("a prologue that ends too early passes")
	}
}

// TestReciprocal divides as the code does.
func TestReciprocal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64().Draw(t, "n")
		high, _ := bits.Mul64(n>>9, reciprocal)
		if high>>11 != n/1e9 {
			t.Fatalf("%d / 1e9 is %d, not %d", n, n/1e9, high>>11)
		}
	})
}

// TestSize holds the code to the room that kernels leave.
func TestSize(t *testing.T) {
	x, _ := x86Code(0, make([]byte, 8), 0)
	a, _ := armCode(0, make([]byte, 8), 0)
	for name, length := range map[string]int{"amd64": codeAt + len(x), "arm64": codeAt + len(a)} {
		t.Logf("%s: %d bytes", name, length)
		if length > 640 {
			t.Errorf("%s: %d bytes", name, length)
		}
	}
}

// TestAhead evaluates settings as the code does.
func TestAhead(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		s    Setting
		want time.Duration
	}{
		{Setting{}, 0},
		{Setting{Offset: -time.Hour}, -time.Hour},
		{Setting{Drift: 0.5, Since: now.Add(-time.Minute)}, 30 * time.Second},
		{Setting{Offset: time.Second, Drift: -0.25, Since: now.Add(-time.Minute)}, -14 * time.Second},
	} {
		if got := ahead(c.s.encode(), now.UnixNano()); (got - c.want).Abs() > time.Microsecond {
			t.Errorf("%+v: %v, not %v", c.s, got, c.want)
		}
	}
}
