package clock

// arm64 writes the code for that processor. Where the kernel guards the vDSO (BTI), only a
// landing pad may be entered through a register: each of our functions begins with one, so
// does the entry that callers come in by, and the original is resumed by a direct branch,
// which needs none.
var arm64 = &machine{
	functions: []string{"__kernel_clock_gettime", "__kernel_gettimeofday"},
	syscall:   words(armSvc),
	reach:     1 << 27,
	entry: func(at, target uint64) []byte {
		return words(armBti, armB|uint32(target-(at+4))>>2&0x03ffffff)
	},
	follow: func(b []byte, at uint64) (uint64, bool) {
		if len(b) < 8 || le.Uint32(b) != armBti || le.Uint32(b[4:])&0xfc000000 != armB {
			return 0, false
		}
		return at + 4 + uint64(int64(int32(le.Uint32(b[4:])<<6))>>4), true
	},
	prologue: armPrologue,
	code:     armCode,
}

const (
	armBti  = 0xd503245f // bti c
	armRet  = 0xd65f03c0
	armSvc  = 0xd4000001 // svc #0
	armB    = 0x14000000
	armBl   = 0x94000000
	armBhi  = 0x54000008
	armCbz  = 0xb4000000 // of 64 bits
	armCbnz = 0x35000000 // of 32 bits
	armTbz0 = 0x36000000 // of bit 0
	armAdr  = 0x10000000
)

func words(ws ...uint32) []byte {
	var b []byte
	for _, w := range ws {
		b = le.AppendUint32(b, w)
	}
	return b
}

// armPrologue refuses instructions whose meaning depends on where they are, and ends.
func armPrologue(b []byte, need int) (n int, ok bool) {
	for ; n < need; n += 4 {
		if len(b) < n+4 {
			return 0, false
		}
		w := le.Uint32(b[n:])
		switch {
		case w&0x1f000000 == 0x10000000, // adr, adrp
			w&0x3b000000 == 0x18000000, // ldr of a literal
			w&0x7c000000 == 0x14000000, // b, bl
			w&0xfe000000 == 0x54000000, // b.cond
			w&0x7e000000 == 0x34000000, // cbz, cbnz
			w&0x7e000000 == 0x36000000, // tbz, tbnz
			w&0xfe000000 == 0xd6000000: // br, blr, ret
			return 0, false
		}
	}
	return n, true
}

// arm assembles: a branch is to a label, which may come later.
type arm struct {
	b       []byte
	labels  map[string]int
	pending []armBranch
}

type armBranch struct {
	at int
	to string
}

func (a *arm) emit(ws ...uint32) { a.b = append(a.b, words(ws...)...) }
func (a *arm) label(name string) { a.labels[name] = len(a.b) }
func (a *arm) branch(w uint32, to string) {
	a.pending = append(a.pending, armBranch{len(a.b), to})
	a.emit(w)
}
func (a *arm) resolve() {
	for _, p := range a.pending {
		w, d := le.Uint32(a.b[p.at:]), uint32(a.labels[p.to]-p.at)>>2
		switch {
		case w&0x7c000000 == 0x14000000:
			w |= d & 0x03ffffff
		case w&0x7e000000 == 0x36000000:
			w |= d & 0x3fff << 5
		default:
			w |= d & 0x7ffff << 5
		}
		le.PutUint32(a.b[p.at:], w)
	}
}

func armCode(at uint64, prologue []byte, resume uint64) ([]byte, []int) {
	a := &arm{labels: map[string]int{}}

	a.label("clock_gettime") // (w0 clock, x1 *timespec)
	a.emit(armBti,
		0xa9bd7bfd, // stp  x29, x30, [sp, #-48]!
		0x910003fd, // mov  x29, sp
		0xa90107e0) // stp  x0, x1, [sp, #16]
	a.branch(armBl, "original")
	a.emit(
		0xa94107e2, // ldp  x2, x1, [sp, #16]
		0xa8c37bfd) // ldp  x29, x30, [sp], #48
	a.branch(armCbnz, "return") // it failed
	a.emit(0x71007c5f)          // cmp  w2, #31
	a.branch(armBhi, "return")  // no clock of ours
	a.emit(
		0x52800000|skewed<<5|5, // mov  w5, #skewed
		0x1ac224a5)             // lsr  w5, w5, w2
	a.branch(armTbz0|5, "return") // a monotonic one, say
	header := uint32(-(codeAt + len(a.b)))
	a.emit(
		armAdr|header&3<<29|header>>2&0x7ffff<<5|3, // adr  x3, header
		0x39400064|indexAt<<10,                     // ldrb w4, [x3, #index]
		0x8b040484,                                 // add  x4, x4, x4, lsl #1
		0x8b040c63,                                 // add  x3, x3, x4, lsl #3
		0x91000063|settingsAt<<10,                  // add  x3, x3, #settings
		0xa9401865,                                 // ldp  x5, x6, [x3]         offset, since
		0xf9400867,                                 // ldr  x7, [x3, #16]        drift
		0xa9402428,                                 // ldp  x8, x9, [x1]
		0x5299400a,                                 // mov  w10, #0xca00
		0x72a7734a,                                 // movk w10, #0x3b9a, lsl #16
		0x9b0a2508,                                 // madd x8, x8, x10, x9      true time
		0xcb060109,                                 // sub  x9, x8, x6           elapsed
		0x9b077d2b,                                 // mul  x11, x9, x7          times drift
		0x9b477d2c,                                 // smulh x12, x9, x7
		0x93cb818b,                                 // extr x11, x12, x11, #32
		0x8b0b0108,                                 // add  x8, x8, x11
		0x8b050108,                                 // add  x8, x8, x5
		0xd349fd09,                                 // lsr  x9, x8, #9
		0xd2800000|reciprocal&0xffff<<5|11,         // mov  x11, reciprocal
		0xf2a00000|reciprocal>>16&0xffff<<5|11, // movk
		0xf2c00000|reciprocal>>32&0xffff<<5|11, // movk
		0xf2e00000|reciprocal>>48&0xffff<<5|11, // movk
		0x9bcb7d29, // umulh x9, x9, x11
		0xd34bfd29, // lsr  x9, x9, #11          seconds
		0x9b0aa128, // msub x8, x9, x10, x8      nanoseconds
		0xa9002029) // stp  x9, x8, [x1]
	a.label("return")
	a.emit(armRet)

	a.label("original")
	if prologue != nil {
		a.b = append(a.b, prologue...)
		a.emit(armB | uint32(resume-(at+uint64(len(a.b))))>>2&0x03ffffff)
	} else {
		a.emit(
			0xd2800e28, // mov  x8, clock_gettime
			armSvc, armRet)
	}

	a.label("gettimeofday") // (x0 *timeval, x1 *timezone)
	a.emit(armBti,
		0xa9bc7bfd, // stp  x29, x30, [sp, #-64]!
		0x910003fd, // mov  x29, sp
		0xa90207e0, // stp  x0, x1, [sp, #32]
		0x52800000, // mov  w0, #0              REALTIME
		0x910043e1) // add  x1, sp, #16
	a.branch(armBl, "clock_gettime")
	a.emit(0xa9420fe2) // ldp  x2, x3, [sp, #32]
	a.branch(armCbnz, "done")
	a.branch(armCbz|2, "timezone")
	a.emit(
		0xa94117e4, // ldp  x4, x5, [sp, #16]
		0x52807d06, // mov  w6, #1000
		0x9ac608a5, // udiv x5, x5, x6
		0xa9001444) // stp  x4, x5, [x2]
	a.label("timezone")
	a.branch(armCbz|3, "done")
	a.emit(
		0xd2800000, // mov  x0, #0
		0xaa0303e1, // mov  x1, x3
		0xd2801528, // mov  x8, gettimeofday
		armSvc)     //                          for the zone alone
	a.label("done")
	a.emit(
		0xa8c47bfd, // ldp  x29, x30, [sp], #64
		armRet)

	a.resolve()
	return a.b, []int{a.labels["clock_gettime"], a.labels["gettimeofday"]}
}
