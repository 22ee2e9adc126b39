package nemesis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
)

// clock skews wall clocks. Its evidence is the offset that the node's process reads.
type clock struct {
	*env
	skewer  cluster.ClockSkewer
	whom    *deck
	fixed   time.Duration // of bumps and strobes; 0: drawn
	victims []string
	worst   map[string]time.Duration // seen so far of each victim
}

func bindClock(e *env, o cluster.Options) fault {
	if s, ok := e.cluster.(cluster.ClockSkewer); ok {
		return &clock{env: e, skewer: s, whom: newDeck(o["clock-nodes"], e.rand), fixed: o.Duration("clock-offset")}
	}
	return nil
}

// Offsets are drawn as Jepsen draws them: from 4 ms to 262 s, each order of magnitude as
// likely as the next, forwards or backwards.
const (
	leastOffset    = 4 * time.Millisecond
	doublings      = 16
	mostDrift      = 0.2 // a clock runs up to this part too fast or too slow
	shortestStrobe = time.Millisecond
	longestStrobe  = time.Second
)

// anyOffset is the option's value for offsets that are drawn.
const anyOffset = "any"

func isOffset(value string) error {
	const most = 10 * 365 * 24 * time.Hour
	if value == anyOffset {
		return nil
	}
	d, err := time.ParseDuration(value)
	if err != nil || d == 0 || d.Abs() > most {
		return fmt.Errorf("%q is neither %q nor an offset such as 2s or -90s, other than 0 and up to %s", value, anyOffset, most)
	}
	return nil
}

func (c *clock) offset() time.Duration {
	if c.fixed != 0 {
		return c.fixed
	}
	d := leastOffset << c.rand.IntN(doublings+1)
	d += time.Duration(c.rand.Int64N(int64(d)))
	if c.rand.IntN(2) == 0 {
		return -d
	}
	return d
}

func (c *clock) inject(ctx context.Context, kind string) (injury, error) {
	c.victims, c.worst = nil, map[string]time.Duration{}
	var proof []string
	for _, node := range c.aim(ctx, c.whom.draw()) {
		what, err := c.skew(ctx, kind, node)
		if errors.Is(err, cluster.ErrSkipped) {
			continue
		}
		c.victims = append(c.victims, node)
		if err == nil {
			_, err = c.look(ctx, node)
		}
		if errors.Is(err, cluster.ErrSkipped) {
			err = nil // its process has just ended; the next one gets the skew
		}
		if err != nil {
			return injury{victims: c.victims}, fmt.Errorf("skew the clock of %s: %w", node, err)
		}
		proof = append(proof, node+" "+what+c.witness(ctx, node))
	}
	if len(c.victims) == 0 {
		return injury{}, cluster.ErrSkipped
	}
	return injury{victims: c.victims, evidence: kind + ": " + strings.Join(proof, "; ")}, nil
}

// witness says which processes read a victim's time, where the world has such.
func (c *clock) witness(ctx context.Context, node string) string {
	w, ok := c.cluster.(cluster.ClockWitness)
	if !ok {
		return ""
	}
	said, err := w.ClockReading(ctx, node)
	if err != nil {
		return ": no process"
	}
	return ": " + said
}

func (c *clock) skew(ctx context.Context, kind, node string) (what string, err error) {
	switch kind {
	case "strobe":
		offset := c.offset()
		period := shortestStrobe + time.Duration(c.rand.Int64N(int64(longestStrobe-shortestStrobe)))
		return fmt.Sprintf("flips by %s every %s", brief(offset), brief(period)), c.skewer.Strobe(ctx, node, offset, period)
	case "drift":
		rate := 1 + mostDrift*(2*c.rand.Float64()-1)
		return fmt.Sprintf("runs at %.3f", rate), c.skewer.Skew(ctx, node, 0, rate)
	default:
		offset := c.offset()
		return fmt.Sprintf("jumps by %s", brief(offset)), c.skewer.Skew(ctx, node, offset, 1)
	}
}

// look reads a victim's offset and keeps the worst.
func (c *clock) look(ctx context.Context, node string) (time.Duration, error) {
	offset, err := c.skewer.Offset(ctx, node)
	if err == nil {
		if offset.Abs() > c.worst[node].Abs() {
			c.worst[node] = offset
		}
		c.note(history.Event{Kind: history.EventClock, Node: node, N: int64(offset)})
	}
	return offset, err
}

func (c *clock) recover(ctx context.Context) (recovery, error) {
	var errs []error
	var proof []string
	bit := int64(0)
	for _, node := range c.victims {
		if _, err := c.look(ctx, node); !errors.Is(err, cluster.ErrSkipped) {
			errs = append(errs, err)
		}
		if err := c.skewer.Skew(ctx, node, 0, 1); err != nil {
			errs = append(errs, fmt.Errorf("reset the clock of %s: %w", node, err))
			continue
		}
		if c.worst[node] != 0 {
			bit++
		}
		left, err := c.skewer.Offset(ctx, node)
		if errors.Is(err, cluster.ErrSkipped) {
			proof = append(proof, fmt.Sprintf("%s was off by %s, and runs no more", node, brief(c.worst[node])))
			continue
		}
		errs = append(errs, err)
		c.note(history.Event{Kind: history.EventClock, Node: node, N: int64(left)})
		proof = append(proof, fmt.Sprintf("%s was off by %s, now by %s", node, brief(c.worst[node]), brief(left)))
	}
	return recovery{bit: bit, evidence: strings.Join(proof, "; ")}, errors.Join(errs...)
}

// brief is a duration to three places or so.
func brief(d time.Duration) string {
	for unit := time.Second; unit >= time.Microsecond; unit /= 1000 {
		if d.Abs() >= unit {
			return d.Round(unit / 100).String()
		}
	}
	return d.String()
}
