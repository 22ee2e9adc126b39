package docker

import (
	"context"
	"time"
)

// rest is how long Rest takes.
const rest = 100 * time.Millisecond

// Rest lets a moment pass, unless ctx ends. A client takes one when a node refuses what it
// asks, which would else fill the history with failures.
func Rest(ctx context.Context) { pause(ctx, rest) }

// Until tries something again and again, until it goes well or ctx ends: a real system gets
// ready in its own time. It returns the error of the last attempt.
func Until(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil || ctx.Err() != nil {
			return err
		}
		pause(ctx, probeEvery)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
