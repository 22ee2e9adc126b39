package cluster

import (
	"context"
	"fmt"
	"time"
)

// The fault capabilities. A cluster implements those of its world. Each inject method
// returns only when the fault is in place, each recover method only when it is gone, and
// both are idempotent; an error other than ErrSkipped means that the fault could not be
// installed on a free victim. They must be safe to call from the harness's exit paths.

// Grudge says who ignores whom: node -> the peers whose packets to it are dropped.
type Grudge map[string][]string

// Cutter drops packets between nodes.
type Cutter interface {
	// Cut replaces all cuts by those of the grudge.
	Cut(ctx context.Context, g Grudge) error
	// Uncut removes all cuts.
	Uncut(ctx context.Context) error
	// Dropped counts the packets that cuts dropped since the last Cut: the evidence.
	Dropped(ctx context.Context) (int64, error)
}

// Shape is what happens to packets on a link besides its normal latency. Probabilities
// are 0 to 1 for each packet.
type Shape struct {
	Delay     time.Duration // added to each packet
	Jitter    time.Duration // and up to this much more or less, at random
	Loss      float64
	Duplicate float64
	Reorder   float64 // a packet overtaken by later ones
	Corrupt   float64 // a bit of the packet flipped
	Rate      int64   // bits a second, 0: as fast as it goes
}

// Shaper degrades links.
type Shaper interface {
	// Shape applies s to all packets between the nodes and their peers.
	Shape(ctx context.Context, nodes []string, s Shape) error
	// Unshape restores all links.
	Unshape(ctx context.Context) error
	// Shaped counts the packets that were touched since the last Shape.
	Shaped(ctx context.Context) (int64, error)
}

// ShapeLimiter is a Shaper that cannot do all there is: it names the kinds that it cannot
// (duplicate, rate, ...) with the reason.
type ShapeLimiter interface {
	CannotShape() map[string]string
}

// Killer kills node processes as kill -9 does, and starts them again.
type Killer interface {
	// Kill returns evidence once the process is gone: "pid 4711 gone".
	Kill(ctx context.Context, node string) (evidence string, err error)
	// Restart starts a killed node; it does not wait until it answers.
	Restart(ctx context.Context, node string) error
}

// Pauser freezes node processes and lets them go on.
type Pauser interface {
	Pause(ctx context.Context, node string) (evidence string, err error)
	Resume(ctx context.Context, node string) error
}

// Stopper ends node processes in good order, as an operator does; a Killer starts them again.
type Stopper interface {
	// Stop asks a node to end, and returns evidence once it has, of its own will or, after
	// some seconds, not.
	Stop(ctx context.Context, node string) (evidence string, err error)
}

// ProcessHurter hurts some processes of a node whose others go on. A pattern says which, by
// their names; the empty one means all.
type ProcessHurter interface {
	KillProcess(ctx context.Context, node, pattern string) (evidence string, err error)
	// Revive starts the node again, unless such a process runs once more by itself.
	Revive(ctx context.Context, node, pattern string) error
	// StopProcess stops them as SIGSTOP does.
	StopProcess(ctx context.Context, node, pattern string) (evidence string, err error)
	// ContinueProcesses lets all go on that were stopped.
	ContinueProcesses(ctx context.Context, node string) error
}

// DiskTrouble is what a disk does to the node that uses it. The zero value is a good disk.
type DiskTrouble struct {
	Delay time.Duration // of each request
	Stall bool          // requests wait until it ends
	Full  bool          // files may grow by Room bytes together
	Room  int64
}

// Damage is what happens to a file behind a node's back.
type Damage string

// The kinds of damage.
const (
	FlipBit  Damage = "bit-flip" // one bit of it is turned over
	Truncate Damage = "truncate" // its end is missing
)

// Outage is the end of a node by a power failure.
type Outage struct {
	Node     string
	Lost     int64 // changes to its disk that were taken back, wholly or in part
	Evidence string
}

// DiskDamager hurts nodes' disks.
type DiskDamager interface {
	// PowerFail ends the nodes as a power failure does that comes amid their syncs: what they
	// had not synced is gone, or, if torn, of the last writes a part is left. A node without
	// an outage was not free. A Killer starts them again.
	PowerFail(ctx context.Context, nodes []string, torn bool, seed uint64) ([]Outage, error)
	// DamageFile damages a file whose name, or path in the node's data, matches a pattern.
	DamageFile(ctx context.Context, node string, d Damage, pattern string, seed uint64) (evidence string, err error)
	// TroubleDisk makes a disk's trouble this one, Troubled counts the requests that met it
	// since.
	TroubleDisk(ctx context.Context, node string, t DiskTrouble) error
	Troubled(ctx context.Context, node string) (int64, error)
}

// ClockSkewer changes nodes' wall clocks.
type ClockSkewer interface {
	// Skew makes the node's wall clock differ by offset from now on and, beyond that,
	// run at rate (1 is true time). Skew(ctx, node, 0, 1) resets it, also where there is no
	// process; else that is ErrSkipped.
	Skew(ctx context.Context, node string, offset time.Duration, rate float64) error
	// Strobe flips the clock between true time and offset every period, until Skew.
	Strobe(ctx context.Context, node string, offset, period time.Duration) error
	// Offset is how far the node's wall clock, as its process reads it, is ahead. It is
	// ErrSkipped where no process reads it.
	Offset(ctx context.Context, node string) (time.Duration, error)
}

// ClockWitness is a ClockSkewer that can say whose reading Offset is: the evidence.
type ClockWitness interface {
	// ClockReading tells what a node's processes read: "pid 123 (+2 more) reads +2.000s".
	ClockReading(ctx context.Context, node string) (string, error)
}

// Health is a cluster that can be asked whether a node answers requests (not whether its
// process exists): recovery is confirmed by it.
type Health interface {
	Healthy(ctx context.Context, node string) error
}

// Refusal is returned, or wrapped, when a world lacks a capability: which and why.
type Refusal struct{ Fault, World, Reason string }

func (r *Refusal) Error() string {
	return fmt.Sprintf("nemesis %s is not available %s: %s", r.Fault, r.World, r.Reason)
}
