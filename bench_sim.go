package faultline

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-dev/faultline/harness"
	"github.com/faultline-dev/faultline/harness/store"
)

// benchSim measures what a simulated operation costs, all included (nodes, network, disks,
// faults, the history file), on one core. Checking is timed apart.
func (a *app) benchSim() *cobra.Command {
	s := Settings{On: "sim", Workload: "register", Nodes: 5, Concurrency: "10", Time: time.Minute}
	var runs int
	var nemeses string
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "CPU time of a simulated operation and the ratio to real time",
		Args:  cobra.NoArgs,
	}
	cmd.Flags().StringVar(&s.Target, "target", "raft", "the system to simulate")
	cmd.Flags().StringVar(&nemeses, "nemesis", "partition,kill,clock", "the nemeses")
	cmd.Flags().DurationVar(&s.Time, "time", s.Time, "virtual time of a run")
	cmd.Flags().IntVar(&runs, "runs", 5, "runs, of which the median counts")
	cmd.Flags().Uint64Var(&s.Seed, "seed", 1, "the first run's seed")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if runs < 1 || runs > 10000 {
			return badInput(fmt.Errorf("--runs %d: there are 1 to 10000 runs", runs))
		}
		s.Nemesis = splitNames(nemeses)
		root, err := os.MkdirTemp("", "faultline-bench-")
		if err != nil {
			return crash(err)
		}
		defer os.RemoveAll(root)
		s.Store = root
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		fmt.Fprintf(a.out, "%s, 5 nodes, 10 clients, links of 1-10 ms, disks, history file; nemeses %s; one core\n\n", s.Target, nemeses)
		fmt.Fprintf(a.out, "| seed | ok | completed | CPU | us/op | x real time | checking |\n|---|---|---|---|---|---|---|\n")
		var perOp, ratios []float64
		for n := range runs {
			one := s
			one.Seed += uint64(n)
			m, err := a.simulateOnce(cmd.Context(), one)
			if err != nil {
				return err
			}
			perOp, ratios = append(perOp, m.perOp), append(ratios, m.ratio)
			fmt.Fprintf(a.out, "| %d | %d | %d | %.3f s | %.1f | %.0f | %.3f s |\n", one.Seed, m.ok, m.completed, m.cpu.Seconds(), m.perOp, m.ratio, m.checking.Seconds())
		}
		fmt.Fprintf(a.out, "\nmedian: %.1f us of CPU an operation, %.0f times real time\n", median(perOp), median(ratios))
		return nil
	}
	return cmd
}

type simMeasure struct {
	ok, completed int
	cpu, checking time.Duration
	perOp, ratio  float64
}

func (a *app) simulateOnce(ctx context.Context, s Settings) (simMeasure, error) {
	var m simMeasure
	p, err := a.resolve(s)
	if err != nil {
		return m, badInput(err)
	}
	t := p.test
	if t.Run, err = store.Create(p.store, testName(t), t.Seed, time.Now()); err != nil {
		return m, crash(err)
	}
	runtime.GC()
	before := cpuTime()
	h, question, err := harness.Record(ctx, t)
	m.cpu = cpuTime() - before
	if err != nil {
		return m, crash(err)
	}
	before = cpuTime()
	res := harness.Judge(ctx, h, question)
	m.checking = cpuTime() - before
	counts := harness.Summarise(h, res, t.Config).Counts
	m.ok, m.completed = counts.OK, counts.OK+counts.Fail+counts.Info
	m.perOp = float64(m.cpu.Microseconds()) / float64(max(1, m.completed))
	m.ratio = t.Time.Seconds() / m.cpu.Seconds()
	return m, nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
