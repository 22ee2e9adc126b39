package nemesis

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// packet shapes links. Its evidence is the packets that were touched.
type packet struct {
	*env
	shaper cluster.Shaper
	whom   *deck
}

// packetKinds are the ways to hurt packets; packetDefault are those that a run takes unless
// it says otherwise.
var (
	packetKinds   = []string{"delay", "loss", "duplicate", "reorder", "corrupt", "rate"}
	packetDefault = packetKinds[:4]
)

// cannotShape are the kinds that a cluster cannot do, with the reasons.
func cannotShape(c cluster.Cluster) map[string]string {
	if l, ok := c.(cluster.ShapeLimiter); ok {
		return l.CannotShape()
	}
	return nil
}

func bindPacket(e *env, o cluster.Options) fault {
	if s, ok := e.cluster.(cluster.Shaper); ok {
		return &packet{e, s, newDeck(o["packet-nodes"], e.rand)}
	}
	return nil
}

func (p *packet) inject(ctx context.Context, kind string) (injury, error) {
	victims := p.aim(ctx, p.whom.draw())
	shape, what := p.shape(kind)
	if err := p.shaper.Shape(ctx, victims, shape); err != nil {
		return injury{}, fmt.Errorf("shape links: %w", err)
	}
	return injury{victims: victims, evidence: fmt.Sprintf("%s: %s of %s", kind, what, strings.Join(victims, ","))}, nil
}

func (p *packet) shape(kind string) (cluster.Shape, string) {
	switch kind {
	case "loss":
		part := 0.05 + 0.35*p.rand.Float64()
		return cluster.Shape{Loss: part}, fmt.Sprintf("%.0f%% of the packets lost", 100*part)
	case "duplicate":
		part := 0.05 + 0.45*p.rand.Float64()
		return cluster.Shape{Duplicate: part}, fmt.Sprintf("%.0f%% of the packets doubled", 100*part)
	case "reorder":
		part := 0.05 + 0.45*p.rand.Float64()
		return cluster.Shape{Reorder: part}, fmt.Sprintf("%.0f%% of the packets held back", 100*part)
	case "corrupt":
		part := 0.05 + 0.25*p.rand.Float64()
		return cluster.Shape{Corrupt: part}, fmt.Sprintf("a bit flipped in %.0f%% of the packets", 100*part)
	case "rate":
		kbit := int64(64) << p.rand.IntN(6)
		return cluster.Shape{Rate: kbit * 1000}, fmt.Sprintf("%d kbit/s for the packets", kbit)
	default:
		delay := 20*time.Millisecond + time.Duration(p.rand.Int64N(int64(180*time.Millisecond)))
		return cluster.Shape{Delay: delay, Jitter: delay / 2}, fmt.Sprintf("%s added to the packets", brief(delay))
	}
}

func (p *packet) recover(ctx context.Context) (recovery, error) {
	shaped, countErr := p.shaper.Shaped(ctx)
	if err := p.shaper.Unshape(ctx); err != nil {
		return recovery{}, fmt.Errorf("restore links: %w", err)
	}
	if countErr != nil {
		return recovery{}, fmt.Errorf("count packets: %w", countErr)
	}
	return recovery{bit: shaped, evidence: fmt.Sprintf("%d packets touched; links restored", shaped)}, nil
}
