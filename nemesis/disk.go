package nemesis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// The kinds of disk faults. Those in diskSafe are survived by a system that syncs what it
// promises to keep; the others no system has to survive on every node.
const (
	loseUnsynced = "lose-unsynced"
	tornWrite    = "torn-write"
	slowDisk     = "slow"
	stalledDisk  = "stall"
	fullDisk     = "full"
)

var (
	diskKinds = []string{loseUnsynced, tornWrite, slowDisk, stalledDisk, fullDisk, string(cluster.FlipBit), string(cluster.Truncate)}
	diskSafe  = []string{loseUnsynced, tornWrite, slowDisk, stalledDisk}
)

// disk hurts disks. Its evidence is what was lost or damaged, or the requests that met the
// trouble.
type disk struct {
	*env
	damager cluster.DiskDamager
	killer  cluster.Killer
	whom    *deck
	files   string
	live    bool

	kind    string
	victims []string
	down    []string // of them
	lost    int64
}

func bindDisk(e *env, o cluster.Options) fault {
	d, can := e.cluster.(cluster.DiskDamager)
	k, ok := e.cluster.(cluster.Killer)
	if !can || !ok {
		return nil
	}
	return &disk{env: e, damager: d, killer: k, whom: newDeck(o["disk-nodes"], e.rand), files: o["disk-files"], live: o.Bool("disk-live")}
}

func (d *disk) inject(ctx context.Context, kind string) (injury, error) {
	d.kind, d.victims, d.down, d.lost = kind, nil, nil, 0
	free := d.aimFree(ctx, d.whom.draw())
	if len(free) == 0 {
		return injury{}, cluster.ErrSkipped
	}
	var proof string
	var err error
	switch kind {
	case loseUnsynced, tornWrite:
		proof, err = d.outage(ctx, free)
	case slowDisk, stalledDisk, fullDisk:
		proof, err = d.trouble(ctx, free)
	default:
		proof, err = d.damage(ctx, free)
	}
	if err == nil && len(d.victims) == 0 {
		err = cluster.ErrSkipped
	}
	return injury{victims: d.victims, evidence: kind + ": " + proof}, err
}

// hold makes a node a victim that other nemeses leave alone.
func (d *disk) hold(node string) {
	d.held[node] = "disk"
	d.victims = append(d.victims, node)
}

func (d *disk) outage(ctx context.Context, free []string) (string, error) {
	out, err := d.damager.PowerFail(ctx, free, d.kind == tornWrite, d.rand.Uint64())
	if err != nil {
		for _, node := range free { // some of them may be down
			d.hold(node)
		}
		d.down = d.victims
		return "", err
	}
	var proof []string
	for _, o := range out {
		d.hold(o.Node)
		d.lost += o.Lost
		proof = append(proof, o.Evidence)
	}
	d.down = d.victims
	return strings.Join(proof, "; "), nil
}

// Delays are drawn from 2 to 128 ms, each order of magnitude as likely as the next; a full
// disk has up to 1 MiB of room.
const (
	leastDelay     = 2 * time.Millisecond
	delayDoublings = 5
	mostRoom       = 1 << 20
)

func (d *disk) trouble(ctx context.Context, free []string) (string, error) {
	var t cluster.DiskTrouble
	what := "every request waits"
	switch d.kind {
	case slowDisk:
		t.Delay = leastDelay << d.rand.IntN(delayDoublings+1)
		t.Delay += time.Duration(d.rand.Int64N(int64(t.Delay)))
		what = fmt.Sprintf("every request takes %s longer", brief(t.Delay))
	case fullDisk:
		t.Full, t.Room = true, d.rand.Int64N(mostRoom+1)
		what = fmt.Sprintf("%d bytes of room are left", t.Room)
	default:
		t.Stall = true
	}
	for _, node := range free {
		if t.Stall { // its processes cannot be frozen amid a request
			d.hold(node)
		} else {
			d.victims = append(d.victims, node)
		}
		if err := d.damager.TroubleDisk(ctx, node, t); err != nil {
			return "", fmt.Errorf("trouble the disk of %s: %w", node, err)
		}
	}
	return what + " at " + strings.Join(d.victims, ","), nil
}

// damage damages a file of each node, behind the back of one that is down or, if that is
// wanted, of one that runs.
func (d *disk) damage(ctx context.Context, free []string) (string, error) {
	var proof []string
	for _, node := range free {
		if !d.live {
			gone, err := d.killer.Kill(ctx, node)
			if errors.Is(err, cluster.ErrSkipped) {
				continue
			}
			d.hold(node)
			d.down = append(d.down, node)
			if err != nil {
				return "", fmt.Errorf("kill %s: %w", node, err)
			}
			proof = append(proof, gone)
		} else {
			d.victims = append(d.victims, node)
		}
		what, err := d.damager.DamageFile(ctx, node, cluster.Damage(d.kind), d.files, d.rand.Uint64())
		if err != nil {
			return "", fmt.Errorf("damage a file of %s: %w", node, err)
		}
		d.lost++
		proof = append(proof, node+": "+what)
	}
	return strings.Join(proof, "; "), nil
}

func (d *disk) recover(ctx context.Context) (recovery, error) {
	var errs []error
	end := recovery{bit: d.lost, evidence: strings.Join(d.victims, ",") + " on good disks again"}
	if d.kind == slowDisk || d.kind == stalledDisk || d.kind == fullDisk {
		for _, node := range d.victims {
			n, err := d.damager.Troubled(ctx, node)
			errs = append(errs, err, d.damager.TroubleDisk(ctx, node, cluster.DiskTrouble{}))
			end.bit += n
		}
		end.evidence = fmt.Sprintf("%d requests met it; %s", end.bit, end.evidence)
		if d.kind == fullDisk { // those that ended for it have to be started
			for _, node := range d.victims {
				if d.held[node] == "" {
					d.down = append(d.down, node)
				}
			}
		}
	}
	for _, node := range d.down {
		if err := d.killer.Restart(ctx, node); err != nil {
			errs = append(errs, fmt.Errorf("restart %s: %w", node, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return end, err
	}
	for _, node := range d.victims {
		if d.held[node] == "disk" {
			delete(d.held, node)
		}
	}
	return end, nil
}
