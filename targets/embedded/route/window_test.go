package route

import (
	"testing"

	"pgregory.net/rapid"
)

// A call counts as fresh once, in whatever order calls arrive.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		seen, high := map[uint64]bool{}, uint64(0)
		for _, n := range rapid.SliceOf(rapid.Uint64Range(1, 4000)).Draw(t, "calls") {
			want := !seen[n] && (n > high || high-n < windowSize)
			if got := w.add(n); got != want {
				t.Fatalf("call %d after %d: fresh %v, want %v", n, high, got, want)
			}
			seen[n], high = true, max(high, n)
		}
	})
}
