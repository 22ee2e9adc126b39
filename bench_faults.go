package faultline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
)

// benchFaults measures what a cluster in containers and the faults on it cost.
func (a *app) benchFaults() *cobra.Command {
	var rounds int
	cmd := &cobra.Command{
		Use:   "faults",
		Short: "What clusters in containers, and faults on them, cost",
		Long: `Brings clusters up in containers and times that, and each fault on one of them. Images are
built first, and not counted.`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().IntVar(&rounds, "rounds", 30, "times that each fault is injected, of which the median counts")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if rounds < 1 || rounds > 10000 {
			return badInput(fmt.Errorf("--rounds %d: there are 1 to 10000", rounds))
		}
		fmt.Fprintf(a.out, "| what | median | slowest | times | meant to stay under |\n|---|---|---|---|---|\n")
		for _, up := range []struct {
			target string
			limit  time.Duration
		}{{"raft", 3 * time.Second}, {"etcd", 5 * time.Second}} {
			if err := a.timeBringUp(cmd.Context(), up.target, up.limit); err != nil {
				return crash(fmt.Errorf("%s: %w", up.target, err))
			}
		}
		return crash(a.timeFaults(cmd.Context(), rounds))
	}
	return cmd
}

// bringUps are how often a cluster is brought up; once more, unmeasured, has its image built.
const bringUps = 3

func (a *app) timeBringUp(ctx context.Context, target string, limit time.Duration) error {
	var took []time.Duration
	for n := range bringUps + 1 {
		c, d, err := a.bringUp(ctx, target, 3)
		if c != nil {
			err = errors.Join(err, c.Close(context.WithoutCancel(ctx)))
		}
		if err != nil {
			return err
		}
		if n > 0 {
			took = append(took, d)
		}
	}
	a.costRow(fmt.Sprintf("%s, 3 nodes: from command to first operation", target), took, limit)
	return nil
}

// bringUp opens a cluster as a run does, and times it until a first write is acknowledged.
func (a *app) bringUp(ctx context.Context, target string, nodes int) (cluster.Cluster, time.Duration, error) {
	began := time.Now()
	p, err := a.resolve(Settings{Target: target, On: string(cluster.Docker), Workload: "register", Nodes: nodes})
	if err != nil {
		return nil, 0, err
	}
	t := p.test
	c, err := t.Target.Open[cluster.Docker](ctx, cluster.Spec{
		Nodes: t.Nodes, Options: t.TargetOptions, RunID: t.RunID, Log: io.Discard, Note: func(history.Event) {},
	})
	if err != nil {
		return nil, 0, err
	}
	if err := c.Start(ctx); err != nil {
		return c, 0, err
	}
	conn, err := c.Connect(ctx, t.Nodes[0])
	if err != nil {
		return c, 0, err
	}
	defer conn.Close()
	r, ok := conn.(cluster.Register)
	if !ok {
		return c, 0, errors.New("its connections are no registers")
	}
	err = r.Write(ctx, 0, 1)
	return c, time.Since(began), err
}

// timeFaults times each fault on a reference cluster of five nodes, and its end.
func (a *app) timeFaults(ctx context.Context, rounds int) error {
	c, _, err := a.bringUp(ctx, "raft", 5)
	if c == nil {
		return err
	}
	if err == nil {
		err = a.timeEach(ctx, c, rounds)
	}
	return errors.Join(err, c.Close(context.WithoutCancel(ctx)))
}

// cost is one fault and its end: what they are called, done and meant to stay under.
type cost struct {
	inject, heal     string
	limit, healLimit time.Duration
	do, undo         func(ctx context.Context, round int) error
	rounds           int
}

func (a *app) timeEach(ctx context.Context, c cluster.Cluster, rounds int) error {
	for _, one := range costs(c, rounds) {
		var done, undone []time.Duration
		for n := range one.rounds {
			began := time.Now()
			if err := one.do(ctx, n); err != nil {
				return fmt.Errorf("%s: %w", one.inject, err)
			}
			done = append(done, time.Since(began))
			began = time.Now()
			if err := one.undo(ctx, n); err != nil {
				return fmt.Errorf("%s: %w", one.heal, err)
			}
			undone = append(undone, time.Since(began))
		}
		a.costRow(one.inject, done, one.limit)
		if one.heal != "" {
			a.costRow(one.heal, undone, one.healLimit)
		}
	}
	return nil
}

// slow are the rounds of what takes a container's life.
const slow = 5

func costs(c cluster.Cluster, rounds int) []cost {
	nodes := c.Nodes()
	var all []cost
	if cut, ok := c.(cluster.Cutter); ok {
		halves := cluster.Grudge{}
		for _, n := range nodes[:2] {
			halves[n] = nodes[2:]
		}
		for _, n := range nodes[2:] {
			halves[n] = nodes[:2]
		}
		all = append(all, cost{
			inject: "partition: inject, 5 nodes", heal: "partition: heal, 5 nodes", limit: 5 * time.Millisecond, healLimit: 5 * time.Millisecond, rounds: rounds,
			do:   func(ctx context.Context, _ int) error { return cut.Cut(ctx, halves) },
			undo: func(ctx context.Context, _ int) error { return cut.Uncut(ctx) },
		})
	}
	if clock, ok := c.(cluster.ClockSkewer); ok {
		still := func(context.Context, int) error { return nil }
		// The first skew of a node installs; later ones find that done.
		all = append(all, cost{
			inject: "clock: install in a process and bump", limit: 50 * time.Millisecond, rounds: len(nodes),
			do:   func(ctx context.Context, n int) error { return clock.Skew(ctx, nodes[n], time.Second, 1) },
			undo: still,
		}, cost{
			inject: "clock: bump", heal: "clock: reset", limit: time.Millisecond, healLimit: time.Millisecond, rounds: rounds,
			do: func(ctx context.Context, n int) error {
				return clock.Skew(ctx, nodes[n%len(nodes)], time.Duration(n+2)*time.Second, 1)
			},
			undo: func(ctx context.Context, n int) error { return clock.Skew(ctx, nodes[n%len(nodes)], 0, 1) },
		})
	}
	if shape, ok := c.(cluster.Shaper); ok {
		all = append(all, cost{
			inject: "packet: delay the packets of 5 nodes", heal: "packet: restore 5 nodes", rounds: slow,
			do: func(ctx context.Context, _ int) error {
				return shape.Shape(ctx, nodes, cluster.Shape{Delay: 10 * time.Millisecond})
			},
			undo: func(ctx context.Context, _ int) error { return shape.Unshape(ctx) },
		})
	}
	if p, ok := c.(cluster.Pauser); ok {
		all = append(all, cost{
			inject: "pause a node", heal: "resume a node", rounds: slow,
			do:   func(ctx context.Context, n int) error { _, err := p.Pause(ctx, nodes[n%len(nodes)]); return err },
			undo: func(ctx context.Context, n int) error { return p.Resume(ctx, nodes[n%len(nodes)]) },
		})
	}
	if k, ok := c.(cluster.Killer); ok {
		all = append(all, cost{
			inject: "kill a node", heal: "start a node again", rounds: slow,
			do:   func(ctx context.Context, n int) error { _, err := k.Kill(ctx, nodes[n%len(nodes)]); return err },
			undo: func(ctx context.Context, n int) error { return k.Restart(ctx, nodes[n%len(nodes)]) },
		})
	}
	return all
}

// costRow prints a line of the table.
func (a *app) costRow(what string, took []time.Duration, limit time.Duration) {
	slices.Sort(took)
	meant := ""
	if limit > 0 {
		meant = limit.String()
	}
	fmt.Fprintf(a.out, "| %s | %s | %s | %d | %s |\n", what, costWords(took[len(took)/2]), costWords(took[len(took)-1]), len(took), meant)
}

func costWords(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}
