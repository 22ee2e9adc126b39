package nemesis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
)

// Plan is what a run asks of its nemeses.
type Plan struct {
	Names    []string
	Options  cluster.Options
	Seed     uint64
	Interval time.Duration // mean length of a fault and of the quiet before it; 0: to suit Time
	Time     time.Duration // of the main phase; 0: open
}

// defaultInterval suits a minute and more; turnsAtLeast are those that a shorter run has.
const (
	defaultInterval = 5 * time.Second
	turnsAtLeast    = 8
)

// Composite is the one nemesis of a run, made of those that it asks for.
type Composite struct {
	plan  Plan
	parts []*part
	env   *env
	err   error
	clean bool // nothing has been injected since the last Heal
}

// part is one nemesis bound to the cluster, and what has become of its faults.
type part struct {
	Nemesis
	fault   fault
	kinds   []string // that it goes through
	victims string   // of the fault in force
	active  bool
	summary Summary
}

// Summary tells whether a nemesis bit.
type Summary struct {
	Name     string
	Injected int
	Bit      int // faults that had an effect
	Skipped  int // attempts whose victims were not free
	Evidence string
}

// Compose looks the nemeses up.
func Compose(p Plan) (*Composite, error) {
	if p.Interval == 0 {
		p.Interval = defaultInterval
		if p.Time > 0 {
			p.Interval = min(p.Interval, p.Time/turnsAtLeast)
		}
	}
	c := &Composite{plan: p, clean: true}
	for _, name := range p.Names {
		n, err := Find(name)
		if err != nil {
			return nil, err
		}
		asked := p.Options[n.Options[0].Name]
		if asked == "" {
			asked = n.Options[0].Default
		}
		c.parts = append(c.parts, &part{Nemesis: n, kinds: strings.Split(asked, ","), summary: Summary{Name: name}})
	}
	return c, nil
}

// Bind gives the nemeses the cluster that they shall hurt. A capability that its world
// lacks is a *cluster.Refusal. Faults and evidence go to note.
func (c *Composite) Bind(cl cluster.Cluster, w cluster.World, note func(history.Event)) error {
	c.env = &env{
		cluster: cl, runtime: cl.Runtime(), note: note, held: map[string]string{}, interval: c.plan.Interval,
		rand: rand.New(rand.NewPCG(c.plan.Seed, 0x76696374696d73)),
	}
	for _, p := range c.parts {
		if n := len(cl.Nodes()); n < p.atLeast {
			return &cluster.Refusal{Fault: p.Name, World: fmt.Sprintf("on %s", w), Reason: fmt.Sprintf("it takes at least %d nodes, not %d", p.atLeast, n)}
		}
		var err error
		if p.kinds, err = p.possible(cl, w, p.kinds); err != nil {
			return err
		}
		if p.fault = p.bind(c.env, c.plan.Options); p.fault == nil {
			return refusal(p.Nemesis, w)
		}
	}
	return nil
}

// Supports reports why the faults cannot be made through a connection to the system, or nil.
func (c *Composite) Supports(conn cluster.Conn, w cluster.World) error {
	for _, p := range c.parts {
		if p.offers != nil && !p.offers(conn) {
			return refusal(p.Nemesis, w)
		}
	}
	return nil
}

// Generator is the schedule of the faults, for a main phase that begins at start.
func (c *Composite) Generator(start time.Duration) generator.Generator {
	var ns []Nemesis
	var kinds [][]string
	for _, p := range c.parts {
		ns = append(ns, p.Nemesis)
		kinds = append(kinds, p.kinds)
	}
	return newSchedule(ns, kinds, start, c.plan.Interval, c.plan.Seed)
}

// Invoke carries out an operation of the schedule. Its completion is always info, with
// the evidence as its value.
func (c *Composite) Invoke(ctx context.Context, op history.Op) history.Op {
	done := history.Op{Type: history.Info}
	for _, p := range c.parts {
		var evidence string
		var err error
		switch op.F {
		case p.start:
			evidence, err = c.inject(ctx, p, op.Value.S)
		case p.stop:
			evidence, err = c.recover(ctx, p)
		default:
			continue
		}
		done.Value = history.Text(evidence)
		if err != nil {
			done.Error = err.Error()
		}
		return done
	}
	done.Error = "no nemesis knows this operation"
	return done
}

// skipped is the evidence of a fault that found no victim; the schedule soon tries again.
const skipped = "skipped: no victim was free"

// vain ends the evidence of a fault that had no effect; the schedule does not wait long for
// the next one.
const vain = "; without effect"

func (c *Composite) inject(ctx context.Context, p *part, kind string) (string, error) {
	if p.active {
		return "still in force", nil
	}
	c.clean = false
	hurt, err := p.fault.inject(ctx, kind)
	if errors.Is(err, cluster.ErrSkipped) {
		p.summary.Skipped++
		return skipped, nil
	}
	// What failed half-way is recovered like what did not.
	p.active, p.victims = true, strings.Join(hurt.victims, ",")
	if err != nil {
		c.err = errors.Join(c.err, fmt.Errorf("nemesis %s: %w", p.Name, err))
		return "", err
	}
	p.summary.Injected++
	c.env.note(history.Event{Kind: history.EventFaultStart, Name: p.Name, Node: p.victims, Text: hurt.evidence})
	return hurt.evidence, nil
}

func (c *Composite) recover(ctx context.Context, p *part) (string, error) {
	if !p.active {
		return "nothing was in force", nil
	}
	end, err := p.fault.recover(ctx)
	if err != nil {
		return "", err // still active: Heal tries again
	}
	p.active = false
	if end.bit > 0 {
		p.summary.Bit++
		p.summary.Evidence = end.evidence
	}
	c.env.note(history.Event{Kind: history.EventFaultEnd, Name: p.Name, Node: p.victims, N: end.bit, Text: end.evidence})
	if end.bit == 0 {
		return end.evidence + vain, nil
	}
	return end.evidence, nil
}

// Heal undoes every fault that is in force, the latest nemesis first, but patient ones
// last. It may be called on any exit path and any number of times.
func (c *Composite) Heal(ctx context.Context) error {
	if c.env == nil || c.clean {
		return nil
	}
	var errs []error
	for _, patient := range []bool{false, true} {
		for i := len(c.parts) - 1; i >= 0; i-- {
			p := c.parts[i]
			if p.patient != patient {
				continue
			}
			_, err := c.recover(ctx, p)
			if err != nil && patient {
				err = c.insist(ctx, p)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("heal nemesis %s: %w", p.Name, err))
			}
		}
	}
	c.clean = len(errs) == 0
	return errors.Join(errs...)
}

// insist tries again to undo a patient fault while the cluster comes back. What takes
// longer than that is noted as unrecovered, as in Confirm.
func (c *Composite) insist(ctx context.Context, p *part) error {
	limit := c.env.runtime.Now() + comeBack
	for {
		_, err := c.recover(ctx, p)
		if err == nil {
			return nil
		}
		if c.env.runtime.Now() > limit {
			p.active = false
			c.env.note(history.Event{Kind: history.EventUnrecovered, Node: p.victims, N: int64(comeBack), Text: err.Error()})
			return nil
		}
		if err := c.env.runtime.Sleep(ctx, probeEvery); err != nil {
			return err
		}
	}
}

// How long a healed cluster may take to answer, and how often it is asked.
const (
	comeBack   = time.Minute
	probeEvery = 100 * time.Millisecond
)

// Confirm waits, once all faults are undone, until every node answers again. One that
// does not within a minute is noted as unrecovered: that is the system's failure, not
// the harness's.
func (c *Composite) Confirm(ctx context.Context) error {
	health, ok := c.env.cluster.(cluster.Health)
	if !ok {
		return nil
	}
	limit := c.env.runtime.Now() + comeBack
	for _, node := range c.env.cluster.Nodes() {
		for {
			err := health.Healthy(ctx, node)
			if err == nil {
				break
			}
			if c.env.runtime.Now() > limit {
				c.env.note(history.Event{Kind: history.EventUnrecovered, Node: node, N: int64(comeBack), Text: err.Error()})
				break
			}
			if err := c.env.runtime.Sleep(ctx, probeEvery); err != nil {
				return err
			}
		}
	}
	return nil
}

// Err is why a fault could not be installed on a free victim; nil if all could.
func (c *Composite) Err() error { return c.err }

// Summaries tell of each nemesis whether it bit.
func (c *Composite) Summaries() []Summary {
	all := make([]Summary, len(c.parts))
	for i, p := range c.parts {
		all[i] = p.summary
	}
	return all
}
