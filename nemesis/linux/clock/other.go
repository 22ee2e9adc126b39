//go:build !linux || !(amd64 || arm64)

package clock

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

var errOther = fmt.Errorf("%w on %s/%s: it takes Linux on amd64 or arm64", ErrUnsupported, runtime.GOOS, runtime.GOARCH)

// Group is the clock of a container, which this system cannot change.
type Group struct{}

// NewGroup is the clock of a container.
func NewGroup() *Group { return &Group{} }

// Began tells of the container's first process.
func (*Group) Began(int, string) error { return nil }

// Ended tells that the container runs no more.
func (*Group) Ended() {}

// Skew is not supported here.
func (*Group) Skew(offset time.Duration, rate float64) error {
	if offset == 0 && rate == 1 {
		return nil
	}
	return errOther
}

// Strobe is not supported here.
func (*Group) Strobe(time.Duration, time.Duration) error { return errOther }

// Reached says whether any process has been patched.
func (*Group) Reached() bool { return false }

// Read is not supported here.
func (*Group) Read() (Reading, error) { return Reading{}, errOther }

// Try says why clocks cannot be skewed here.
func Try(context.Context, string, ...string) (Trial, error) { return Trial{}, errOther }
