package nemesis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/runtime"
)

// crashLoop kills nodes again and again, each time before or as soon as they are back. Its
// evidence is how often each was gone.
type crashLoop struct {
	*env
	killer  cluster.Killer
	victims []string
}

func bindCrashLoop(e *env, _ cluster.Options) fault {
	if k, ok := e.cluster.(cluster.Killer); ok {
		return &crashLoop{env: e, killer: k}
	}
	return nil
}

const (
	leastCrashes = 3
	mostCrashes  = 5
	longestLife  = 1500 * time.Millisecond // of a node between two crashes
	livesInTurn  = 4                       // at least: other nemeses wait while one goes on
)

func (c *crashLoop) inject(ctx context.Context, kind string) (injury, error) {
	c.victims = c.aimFree(ctx, kind)
	hurt := injury{victims: c.victims}
	if len(c.victims) == 0 {
		return hurt, cluster.ErrSkipped
	}
	for _, node := range c.victims {
		c.held[node] = "crash-loop"
	}
	crashes := map[string]int{}
	rounds := leastCrashes + c.rand.IntN(mostCrashes-leastCrashes+1)
	for round := range rounds {
		if round > 0 {
			if err := c.live(ctx); err != nil {
				return hurt, err
			}
		}
		for _, node := range c.victims {
			_, err := c.killer.Kill(ctx, node)
			if errors.Is(err, cluster.ErrSkipped) { // it is down already: it did not even come up
				continue
			}
			if err != nil {
				return hurt, fmt.Errorf("kill %s: %w", node, err)
			}
			crashes[node]++
		}
	}
	var proof []string
	total := 0
	for _, node := range c.victims {
		proof = append(proof, fmt.Sprintf("%s gone %d times", node, crashes[node]))
		total += crashes[node]
	}
	if total == 0 {
		return hurt, errors.Join(cluster.ErrSkipped, c.release(ctx))
	}
	hurt.evidence = kind + ": " + strings.Join(proof, ", ")
	return hurt, nil
}

// live starts the victims and lets them live until they answer, or for a time that may be
// too short for that.
func (c *crashLoop) live(ctx context.Context) error {
	for _, node := range c.victims {
		if err := c.killer.Restart(ctx, node); err != nil {
			return fmt.Errorf("restart %s: %w", node, err)
		}
	}
	health, asks := c.cluster.(cluster.Health)
	longest := min(longestLife, c.interval/livesInTurn)
	end := c.runtime.Now() + time.Duration(c.rand.Int64N(int64(longest)+1))
	ask, release := c.before(ctx, end)
	defer release()
	for c.runtime.Now() < end {
		up := asks
		for _, node := range c.victims {
			up = up && health.Healthy(ask, node) == nil
		}
		if up {
			return nil
		}
		if err := c.runtime.Sleep(ctx, min(probeEvery, max(0, end-c.runtime.Now()))); err != nil {
			return err
		}
	}
	return nil
}

// before is a context for questions to nodes that end at a time.
func (c *crashLoop) before(ctx context.Context, end time.Duration) (context.Context, func()) {
	if c.runtime.Virtual() {
		return runtime.NewDeadline(ctx, time.Time{}, end), func() {}
	}
	return context.WithTimeout(ctx, end-c.runtime.Now())
}

func (c *crashLoop) release(ctx context.Context) error {
	var errs []error
	for _, node := range c.victims {
		if err := c.killer.Restart(ctx, node); err != nil {
			errs = append(errs, fmt.Errorf("restart %s: %w", node, err))
			continue
		}
		delete(c.held, node)
	}
	return errors.Join(errs...)
}

func (c *crashLoop) recover(ctx context.Context) (recovery, error) {
	end := recovery{bit: int64(len(c.victims)), evidence: strings.Join(c.victims, ",") + " restarted for good"}
	return end, c.release(ctx)
}
