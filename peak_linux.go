package faultline

import (
	"bytes"
	"os"
	"strconv"
)

// resetPeak has the kernel forget this process's peak of memory and returns what it has now.
func resetPeak() int64 {
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // a kernel that refuses leaves the peak of the whole process
	return status("VmRSS:")
}

// peak is the most memory that this process had since resetPeak, in bytes.
func peak() int64 { return status("VmHWM:") }

// status reads a size from what the kernel says of this process; 0 if it does not say.
func status(field string) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(text, []byte("\n"+field))
	words := bytes.Fields(rest)
	if len(words) == 0 {
		return 0
	}
	n, err := strconv.ParseInt(string(words[0]), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}
