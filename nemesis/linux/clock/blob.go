package clock

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"
)

// What is written into a process is one piece: a header, the settings and the code.
//
//	 0  magic
//	 8  index of the setting in force, one byte, so that no reader finds it half written
//	10  length of the code
//	12  CRC-32 of the code
//	16  settings: offset, since (both in nanoseconds), drift (in 2^-32), 8 bytes each
//	..  code
//
// A writer fills a setting that is not in force and then changes the index. A reader that
// was interrupted between the index and the setting would have to sleep for seven changes
// to see a mixture; a strobe changes the index alone.
const (
	magic      = "FLclock1"
	indexAt    = 8
	lengthAt   = 10
	sumAt      = 12
	settingsAt = 16
	settingLen = 24
	settings   = 8
	codeAt     = settingsAt + settings*settingLen
)

var le = binary.LittleEndian

// skewed are the clocks that are wrong, by their bits: REALTIME, REALTIME_COARSE,
// REALTIME_ALARM and TAI.
const skewed = 1<<0 | 1<<5 | 1<<8 | 1<<11

const second = int64(time.Second)

// reciprocal divides by a thousand million: for every n below 2^64, n/1e9 is
// ((n>>9) * reciprocal) >> 64 >> 11.
const reciprocal = 0x44b82fa09b5a53

func (s Setting) encode() []byte {
	b := make([]byte, 0, settingLen)
	b = le.AppendUint64(b, uint64(s.Offset))
	since := int64(0)
	if s.Drift != 0 {
		since = s.Since.UnixNano()
	}
	b = le.AppendUint64(b, uint64(since))
	return le.AppendUint64(b, uint64(int64(math.Round(s.Drift*(1<<32)))))
}

// ahead is what the code adds to the true time now, given an encoded setting.
func ahead(setting []byte, now int64) time.Duration {
	elapsed, drift := now-int64(le.Uint64(setting[8:])), int64(le.Uint64(setting[16:]))
	gained := float64(elapsed) * (float64(drift) / (1 << 32))
	return time.Duration(int64(le.Uint64(setting)) + int64(gained))
}

// newBlob is the piece for some code, with all settings at true time.
func newBlob(code []byte) []byte {
	b := make([]byte, codeAt, codeAt+len(code))
	copy(b, magic)
	le.PutUint16(b[lengthAt:], uint16(len(code)))
	le.PutUint32(b[sumAt:], crc32.ChecksumIEEE(code))
	return append(b, code...)
}

// isBlob says whether bytes of a process begin with a header of ours, and how long the
// code is.
func isBlob(b []byte) (length int, ok bool) {
	if len(b) < codeAt || !bytes.HasPrefix(b, []byte(magic)) {
		return 0, false
	}
	return int(le.Uint16(b[lengthAt:])), true
}

// machine is what differs between processors. All of them are compiled everywhere, so that
// their code can be looked at by tests on any.
type machine struct {
	functions []string // of the vDSO that tell the time; the first is clock_gettime
	syscall   []byte   // the instruction that makes a system call
	reach     uint64   // how far a jump in an entry gets
	entry     func(at, target uint64) []byte
	follow    func(b []byte, at uint64) (target uint64, ok bool)
	// prologue counts the bytes of the whole instructions that an entry of need bytes
	// would overwrite, and reports whether they mean the same elsewhere.
	prologue func(b []byte, need int) (n int, ok bool)
	// code makes the code that lies at an address, codeAt bytes behind its header. It asks
	// the original by the prologue it moves and a jump to resume; without a prologue, by a
	// system call. The offsets are those of the functions, in their order.
	code func(at uint64, prologue []byte, resume uint64) (code []byte, offsets []int)
}
