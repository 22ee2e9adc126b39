package faultline

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/store"
)

// demoRow is one line of the demonstration: a test and the verdict that is expected of it.
type demoRow struct {
	title    string
	settings Settings
	expected checkers.Validity
	why      string
	// tries is the number of seeds within which the verdict is expected. A planted bug
	// need not show in every run.
	tries int
}

// demoRows tell the story in four lines: the same workload and the same faults against a
// leader-based and a leaderless system, each as it should be and as it should not.
var demoRows = []demoRow{
	{
		title: "raft", expected: checkers.Valid, tries: 1,
		settings: Settings{Target: "raft", Workload: "register"},
		why:      "leader-based; promises linearizability",
	},
	{
		title: "dynamo", expected: checkers.Invalid, tries: 1,
		settings: Settings{Target: "dynamo", Workload: "register"},
		why:      "leaderless; last write wins by wall clock, promises eventual consistency only",
	},
	{
		title: "dynamo, linearizable", expected: checkers.Valid, tries: 1,
		settings: Settings{Target: "dynamo", Workload: "register", Set: map[string]string{"mode": "abd"}},
		why:      "leaderless; two phases with logical timestamps (Attiya, Bar-Noy and Dolev)",
	},
	{
		title: "raft with a bug", expected: checkers.Invalid, tries: 5,
		settings: Settings{Target: "raft", Workload: "register", Set: map[string]string{"bug": "stale-read"}},
		why:      "planted: local reads sold as linearizable",
	},
}

var demoNemeses = []string{"partition", "kill", "clock"}

const demoTime = 30 * time.Second

// demoOutcome is what came of a row.
type demoOutcome struct {
	run  *store.Run
	res  *store.Results
	err  error
	runs int
	took time.Duration
}

func (a *app) demoCommand() *cobra.Command {
	var seed uint64
	var root string
	cmd := &cobra.Command{
		Use:   "demo [--seed N]",
		Short: "Leader-based beside leaderless under the same faults, simulated; takes seconds and needs nothing",
		Args:  cobra.NoArgs,
	}
	cmd.Flags().Uint64Var(&seed, "seed", 1, "what every random choice follows from")
	cmd.Flags().StringVar(&root, "store", "store", "where runs are kept")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, row := range demoRows {
			if _, _, err := a.target(row.settings.Target); err != nil {
				return badInput(fmt.Errorf("the demo needs the built-in targets: %w", err))
			}
		}
		return a.demo(cmd.Context(), seed, root)
	}
	return cmd
}

func (a *app) demo(ctx context.Context, seed uint64, root string) error {
	fmt.Fprintf(a.err, "five simulated nodes, ten clients, %s of partitions, kills and clock skew; seed %d\n", demoTime, seed)
	outcomes := make([]demoOutcome, len(demoRows))
	slots := make(chan struct{}, min(len(demoRows), runtime.GOMAXPROCS(0)))
	var all sync.WaitGroup
	for i, row := range demoRows {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			outcomes[i] = a.demoRow(ctx, row, seed, root)
		})
	}
	all.Wait()

	code := exitValid
	tw := tabwriter.NewWriter(a.out, 2, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "SYSTEM\tVERDICT\tEXPECTED\tOK OPS\tTOOK\tREPORT\n")
	for i, row := range demoRows {
		o := outcomes[i]
		if o.res == nil {
			fmt.Fprintf(tw, "%s\tcrashed\t%s\t\t\t\n", row.title, row.expected)
			code = graverExit(code, exitCrash)
			continue
		}
		mark := ""
		if o.res.Valid != row.expected {
			mark, code = " (!)", graverExit(code, exitInvalid)
		}
		if o.err != nil {
			code = graverExit(code, exitCrash)
		}
		fmt.Fprintf(tw, "%s\t%s%s\t%s\t%d\t%.1fs\t%s\n", row.title, o.res.Valid, mark, row.expected, o.res.Counts.OK, o.took.Seconds(), o.run.Path(store.ReportFile))
	}
	if err := tw.Flush(); err != nil {
		return crash(err)
	}
	for i, row := range demoRows {
		o := outcomes[i]
		fmt.Fprintf(a.out, "\n%s: %s\n", row.title, row.why)
		if o.err != nil {
			fmt.Fprintf(a.out, "  the harness failed: %s\n", oneLine(o.err))
		}
		if o.res == nil {
			continue
		}
		if o.runs > 1 {
			fmt.Fprintf(a.out, "  found by run %d of at most %d\n", o.runs, row.tries)
		}
		fmt.Fprintf(a.out, "  %s: %s\n  reproduce: %s\n", o.res.Valid, o.res.Summary, o.res.Reproduce)
	}
	return exit(code)
}

// demoRow runs a row, with further seeds if it may take several.
func (a *app) demoRow(ctx context.Context, row demoRow, seed uint64, root string) demoOutcome {
	s := row.settings
	s.On, s.Nemesis, s.Time, s.Store = "sim", demoNemeses, demoTime, root
	began := time.Now()
	var o demoOutcome
	for n := range row.tries {
		s.Seed = seed + uint64(n)
		o.run, o.res, o.err = a.one(ctx, s, false)
		o.runs++
		if o.err != nil || o.res.Valid == row.expected || a.interrupt.stop.Load() {
			break
		}
	}
	o.took = time.Since(began)
	return o
}
