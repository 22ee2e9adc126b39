package clock

// amd64 writes the code for that processor.
var amd64 = &machine{
	functions: []string{"__vdso_clock_gettime", "__vdso_gettimeofday", "__vdso_time"},
	syscall:   []byte{0x0f, 0x05},
	reach:     1 << 31,
	entry:     x86Entry,
	follow: func(b []byte, at uint64) (uint64, bool) {
		if len(b) < 5 || b[0] != 0xe9 {
			return 0, false
		}
		return at + 5 + uint64(int64(int32(le.Uint32(b[1:])))), true
	},
	prologue: x86Prologue,
	code:     x86Code,
}

// x86Entry is jmp rel32.
func x86Entry(at, target uint64) []byte {
	return le.AppendUint32([]byte{0xe9}, uint32(target-(at+5)))
}

// x86Prologue knows the few instructions that compilers put at the front of a function and
// that do not depend on where they are. It refuses anything else.
func x86Prologue(b []byte, need int) (n int, ok bool) {
	for n < need {
		if len(b) < n+8 {
			return 0, false
		}
		c := b[n:]
		rexW, register := c[0]&0xf8 == 0x48, func(i int) bool { return c[i] >= 0xc0 }
		switch {
		case c[0] == 0xf3 && c[1] == 0x0f && c[2] == 0x1e && c[3] == 0xfa: // endbr64
			n += 4
		case c[0]&0xf8 == 0x50: // push
			n++
		case c[0] == 0x41 && c[1]&0xf8 == 0x50: // push r8 to r15
			n += 2
		case rexW && (c[1] == 0x89 || c[1] == 0x8b || c[1] == 0x63) && register(2): // mov, movsxd
			n += 3
		case (c[0] == 0x89 || c[0] == 0x8b || c[0] == 0x31) && register(1): // mov, xor
			n += 2
		case c[0] == 0x48 && c[1] == 0x83 && register(2): // and, sub, ... with a byte
			n += 4
		case c[0] == 0x83 && register(1): // cmp, ... with a byte
			n += 3
		case c[0]&0xf8 == 0xb8: // mov with four bytes
			n += 5
		default:
			return 0, false
		}
	}
	return n, true
}

// x86 assembles. Jumps go forwards by up to 127 bytes, calls to what is known already or
// comes later.
type x86 struct {
	b       []byte
	labels  map[string]int
	pending []x86Jump
}

type x86Jump struct {
	at, size int
	to       string
}

func (a *x86) emit(b ...byte)    { a.b = append(a.b, b...) }
func (a *x86) label(name string) { a.labels[name] = len(a.b) }
func (a *x86) jump(op byte, to string) {
	a.emit(op, 0)
	a.pending = append(a.pending, x86Jump{len(a.b) - 1, 1, to})
}
func (a *x86) call(to string) {
	a.emit(0xe8, 0, 0, 0, 0)
	a.pending = append(a.pending, x86Jump{len(a.b) - 4, 4, to})
}
func (a *x86) resolve() {
	for _, j := range a.pending {
		d := a.labels[j.to] - (j.at + j.size)
		if j.size == 1 {
			a.b[j.at] = byte(d)
		} else {
			le.PutUint32(a.b[j.at:], uint32(d))
		}
	}
}

const (
	x86JNC = 0x73
	x86JZ  = 0x74
	x86JNZ = 0x75
	x86JA  = 0x77
)

func x86Code(at uint64, prologue []byte, resume uint64) ([]byte, []int) {
	a := &x86{labels: map[string]int{}}

	a.label("clock_gettime")       // (edi clock, rsi *timespec)
	a.emit(0x48, 0x83, 0xec, 0x18) // sub  rsp, 24
	a.emit(0x48, 0x89, 0x34, 0x24) // mov  [rsp], rsi
	a.emit(0x89, 0x7c, 0x24, 0x08) // mov  [rsp+8], edi
	a.call("original")             //
	a.emit(0x48, 0x8b, 0x34, 0x24) // mov  rsi, [rsp]
	a.emit(0x8b, 0x7c, 0x24, 0x08) // mov  edi, [rsp+8]
	a.emit(0x48, 0x83, 0xc4, 0x18) // add  rsp, 24
	a.emit(0x85, 0xc0)             // test eax, eax
	a.jump(x86JNZ, "return")       // it failed
	a.emit(0x83, 0xff, 0x1f)       // cmp  edi, 31
	a.jump(x86JA, "return")        // no clock of ours
	a.emit(0xba)                   // mov  edx, skewed
	a.b = le.AppendUint32(a.b, skewed)
	a.emit(0x0f, 0xa3, 0xfa) // bt   edx, edi
	a.jump(x86JNC, "return") // a monotonic one, say
	a.emit(0x4c, 0x8d, 0x05) // lea  r8, [rip + to the header]
	a.b = le.AppendUint32(a.b, uint32(-(codeAt + len(a.b) + 4)))
	a.emit(0x41, 0x0f, 0xb6, 0x48, indexAt)    // movzx ecx, byte [r8+index]
	a.emit(0x48, 0x8d, 0x0c, 0x49)             // lea  rcx, [rcx+rcx*2]
	a.emit(0x4d, 0x8d, 0x44, 0xc8, settingsAt) // lea  r8, [r8+rcx*8+settings]
	a.emit(0x48, 0x69, 0x0e)                   // imul rcx, [rsi], 1e9
	a.b = le.AppendUint32(a.b, uint32(second))
	a.emit(0x48, 0x03, 0x4e, 0x08)       // add  rcx, [rsi+8]    true time
	a.emit(0x48, 0x89, 0xc8)             // mov  rax, rcx
	a.emit(0x49, 0x2b, 0x40, 0x08)       // sub  rax, [r8+8]     elapsed
	a.emit(0x49, 0xf7, 0x68, 0x10)       // imul qword [r8+16]   times drift
	a.emit(0x48, 0x0f, 0xac, 0xd0, 0x20) // shrd rax, rdx, 32
	a.emit(0x48, 0x01, 0xc1)             // add  rcx, rax
	a.emit(0x49, 0x03, 0x08)             // add  rcx, [r8]       offset
	a.emit(0x48, 0x89, 0xc8)             // mov  rax, rcx
	a.emit(0x48, 0xc1, 0xe8, 0x09)       // shr  rax, 9
	a.emit(0x48, 0xba)                   // mov  rdx, reciprocal
	a.b = le.AppendUint64(a.b, reciprocal)
	a.emit(0x48, 0xf7, 0xe2)       // mul  rdx
	a.emit(0x48, 0xc1, 0xea, 0x0b) // shr  rdx, 11         seconds
	a.emit(0x48, 0x89, 0x16)       // mov  [rsi], rdx
	a.emit(0x48, 0x69, 0xd2)       // imul rdx, rdx, 1e9
	a.b = le.AppendUint32(a.b, uint32(second))
	a.emit(0x48, 0x29, 0xd1)       // sub  rcx, rdx        nanoseconds
	a.emit(0x48, 0x89, 0x4e, 0x08) // mov  [rsi+8], rcx
	a.emit(0x31, 0xc0)             // xor  eax, eax
	a.label("return")
	a.emit(0xc3) // ret

	a.label("original")
	if prologue != nil {
		a.emit(prologue...)
		a.emit(x86Entry(at+uint64(len(a.b)), resume)...)
	} else {
		a.emit(0xb8, 0xe4, 0, 0, 0) // mov  eax, clock_gettime
		a.emit(0x0f, 0x05)          // syscall
		a.emit(0xc3)                // ret
	}

	a.label("gettimeofday")              // (rdi *timeval, rsi *timezone)
	a.emit(0x48, 0x83, 0xec, 0x28)       // sub  rsp, 40
	a.emit(0x48, 0x89, 0x7c, 0x24, 0x10) // mov  [rsp+16], rdi
	a.emit(0x48, 0x89, 0x74, 0x24, 0x18) // mov  [rsp+24], rsi
	a.emit(0x31, 0xff)                   // xor  edi, edi       REALTIME
	a.emit(0x48, 0x89, 0xe6)             // mov  rsi, rsp
	a.call("clock_gettime")              //
	a.emit(0x48, 0x8b, 0x7c, 0x24, 0x10) // mov  rdi, [rsp+16]
	a.emit(0x85, 0xc0)                   // test eax, eax
	a.jump(x86JNZ, "done")               //
	a.emit(0x48, 0x85, 0xff)             // test rdi, rdi
	a.jump(x86JZ, "timezone")            //
	a.emit(0x48, 0x8b, 0x04, 0x24)       // mov  rax, [rsp]
	a.emit(0x48, 0x89, 0x07)             // mov  [rdi], rax
	a.emit(0x8b, 0x44, 0x24, 0x08)       // mov  eax, [rsp+8]
	a.emit(0x31, 0xd2)                   // xor  edx, edx
	a.emit(0xb9, 0xe8, 0x03, 0x00, 0x00) // mov  ecx, 1000
	a.emit(0xf7, 0xf1)                   // div  ecx
	a.emit(0x48, 0x89, 0x47, 0x08)       // mov  [rdi+8], rax
	a.label("timezone")                  //
	a.emit(0x48, 0x8b, 0x74, 0x24, 0x18) // mov  rsi, [rsp+24]
	a.emit(0x31, 0xc0)                   // xor  eax, eax
	a.emit(0x48, 0x85, 0xf6)             // test rsi, rsi
	a.jump(x86JZ, "done")                //
	a.emit(0x31, 0xff)                   // xor  edi, edi
	a.emit(0xb8, 0x60, 0x00, 0x00, 0x00) // mov  eax, gettimeofday
	a.emit(0x0f, 0x05)                   // syscall             for the zone alone
	a.label("done")                      //
	a.emit(0x48, 0x83, 0xc4, 0x28)       // add  rsp, 40
	a.emit(0xc3)                         // ret

	a.label("time")                      // (rdi *time_t)
	a.emit(0x48, 0x83, 0xec, 0x18)       // sub  rsp, 24
	a.emit(0x48, 0x89, 0x7c, 0x24, 0x10) // mov  [rsp+16], rdi
	a.emit(0xbf, 0x05, 0x00, 0x00, 0x00) // mov  edi, REALTIME_COARSE
	a.emit(0x48, 0x89, 0xe6)             // mov  rsi, rsp
	a.call("clock_gettime")              //
	a.emit(0x48, 0x8b, 0x7c, 0x24, 0x10) // mov  rdi, [rsp+16]
	a.emit(0x48, 0x8b, 0x04, 0x24)       // mov  rax, [rsp]
	a.emit(0x48, 0x83, 0xc4, 0x18)       // add  rsp, 24
	a.emit(0x48, 0x85, 0xff)             // test rdi, rdi
	a.jump(x86JZ, "told")                //
	a.emit(0x48, 0x89, 0x07)             // mov  [rdi], rax
	a.label("told")                      //
	a.emit(0xc3)                         // ret

	a.resolve()
	return a.b, []int{a.labels["clock_gettime"], a.labels["gettimeofday"], a.labels["time"]}
}
