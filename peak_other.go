//go:build !linux

package faultline

// resetPeak returns what the runtime holds now.
func resetPeak() int64 { return held() }

// peak falls back to what the runtime holds now, which seldom shrinks within a second.
func peak() int64 { return held() }
