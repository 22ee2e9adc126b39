package nemesis_test

import (
	"testing"
	"time"

	"github.com/faultline-dev/faultline/harness/generator"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/nemesis"
)

// TestSchedule holds the shape of a schedule: each nemesis alternates between a fault and
// its end, all of them get their turns, every kind comes up, and asking is without effect.
func TestSchedule(t *testing.T) {
	var names []string
	for _, n := range nemesis.All {
		names = append(names, n.Name)
	}
	c, err := nemesis.Compose(nemesis.Plan{Names: names, Seed: 3, Time: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	g := c.Generator(time.Second)
	ctx := generator.NewContext(2, true)
	ctx.Time = int64(time.Second)
	active, kinds := map[string]bool{}, map[string]int{}
	for ctx.Time < int64(5*time.Minute) {
		op, status, next := g.Op(ctx)
		if again, _, _ := g.Op(ctx); again != op {
			t.Fatalf("asked twice it says %v and %v", op, again)
		}
		if status == generator.Pending && op.Time > ctx.Time {
			ctx.Time = op.Time
			continue
		}
		if status != generator.Ready || op.Thread != generator.NemesisThread {
			t.Fatalf("%v %v", op, status)
		}
		start := op.Value.S != ""
		family := map[string]string{"restart": "kill", "resume": "pause", "stop-partition": "start-partition", "reset-clock": "skew-clock", "stop-packet": "start-packet", "start-node": "stop-node", "end-crashes": "crash", "stop-disk": "start-disk", "grow": "shrink"}[op.F]
		if start {
			family = op.F
			kinds[op.F+" "+op.Value.S]++
		}
		if active[family] == start {
			t.Fatalf("%s came out of turn", op.F)
		}
		active[family] = start
		ctx.Time += int64(10 * time.Millisecond)
		g = next.Update(ctx, &generator.Event{Thread: generator.NemesisThread, Op: &history.Op{Process: history.Nemesis, F: op.F, Type: history.Info, Time: ctx.Time}})
	}
	if len(kinds) != 7+5+5+5+5+4+3+4+3 {
		t.Errorf("%d kinds of faults came up: %v", len(kinds), kinds)
	}
}

// TestVainFault shows that a fault without effect is followed sooner than another.
func TestVainFault(t *testing.T) {
	const interval = 8 * time.Second
	quiet := func(evidence string) time.Duration {
		c, err := nemesis.Compose(nemesis.Plan{Names: []string{"disk"}, Seed: 3, Interval: interval})
		if err != nil {
			t.Fatal(err)
		}
		g := c.Generator(0)
		ctx := generator.NewContext(2, true)
		var ended time.Duration
		for {
			op, status, next := g.Op(ctx)
			switch {
			case status == generator.Pending:
				ctx.Time = op.Time
				continue
			case op.Value.S != "" && ended > 0:
				return time.Duration(ctx.Time) - ended
			case op.Value.S == "":
				ended = time.Duration(ctx.Time)
			}
			g = next.Update(ctx, &generator.Event{Thread: generator.NemesisThread, Op: &history.Op{
				Process: history.Nemesis, F: op.F, Type: history.Info, Time: ctx.Time, Value: history.Text(evidence),
			}})
		}
	}
	if d := quiet("n1 on good disks again; without effect"); d != interval/4 {
		t.Errorf("%s of quiet after a fault without effect", d)
	}
	if d := quiet("n1 on good disks again"); d < interval/2 {
		t.Errorf("%s of quiet after a fault that bit", d)
	}
}
