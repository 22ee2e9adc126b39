package faultline

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-dev/faultline/harness"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/store"
)

// sweepSize is how much of each kind a sweep does.
type sweepSize struct {
	Blocks  int // of seeds for each bug; a block ends at its first hit
	Block   int // seeds in a block
	Shared  int // seeds of each bug's configuration without the bug
	Quiet   int // seeds of each bug without a nemesis
	Correct int // seeds of each correct row
	Weak    int // seeds of each weak row
}

// benchDetect sweeps seeds: each planted bug until it is found, the same configurations
// without it, and the rows that targets declare.
func (a *app) benchDetect() *cobra.Command {
	size := sweepSize{Blocks: 60, Block: 200, Shared: 2000, Quiet: 200, Correct: 2000, Weak: 200}
	var runs int
	var first uint64
	var length time.Duration
	var only string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "detect",
		Short: "Seeds until each planted bug is found, and runs without alarm where there is none",
		Long: `Detect shows what the harness finds, and that it accuses nobody else, in simulated runs:

  - each planted bug, under its workload and nemeses, in disjoint blocks of seeds, each of
    which ends with the first run that shows the bug's anomaly; 19 of 20 blocks must;
  - the same configuration without the bug: every run must be valid;
  - the bug without a nemesis: no run may show it, unless it says that it does so;
  - each correct row of a target: every run must be valid, with 500 operations that succeeded,
    every nemesis having bitten and, where there is a leader, another one having come;
  - each weak row: some run must show its anomaly.

It exits 1 if one of these does not hold. What a whole sweep found is in docs/detection.md,
which faultline docs makes from docs/detection.json, which is what --json prints.`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.IntVar(&size.Blocks, "blocks", size.Blocks, "blocks of seeds for each bug")
	f.IntVar(&size.Block, "block", size.Block, "seeds in a block, within which the bug must be found")
	f.IntVar(&size.Shared, "shared", size.Shared, "seeds of each bug's configuration without the bug")
	f.IntVar(&size.Quiet, "quiet", size.Quiet, "seeds of each bug without a nemesis")
	f.IntVar(&size.Correct, "correct", size.Correct, "seeds of each correct row")
	f.IntVar(&size.Weak, "weak", size.Weak, "seeds of each weak row, of which one must show its anomaly")
	f.IntVar(&runs, "runs", 0, "scale all of these so that about so many runs are made; 0: do not")
	f.Uint64Var(&first, "seed", 1, "the first seed")
	f.DurationVar(&length, "time", 20*time.Second, "virtual time of a run; those of correct rows take two or three times as long")
	f.StringVar(&only, "only", "", "only these bugs or targets, comma-separated")
	f.BoolVar(&asJSON, "json", false, "print the figures as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, n := range []int{size.Blocks, size.Block, size.Shared, size.Quiet, size.Correct, size.Weak, runs} {
			if n < 0 || n > 1e7 {
				return badInput(fmt.Errorf("numbers of blocks, seeds and runs are 0 to 10000000"))
			}
		}
		if length <= 0 || length > maxTime/longest {
			return badInput(fmt.Errorf("--time is positive, and at most %s", maxTime/longest))
		}
		d := &detection{app: a, ctx: cmd.Context(), first: first, time: length, only: splitNames(only), cache: map[string]sweptRuns{}}
		if err := d.known(); err != nil {
			return badInput(err)
		}
		if d.size = size; runs > 0 {
			d.scale(runs)
		}
		found, err := d.sweep()
		if err != nil {
			return badInput(err)
		}
		if asJSON {
			enc := json.NewEncoder(a.out)
			enc.SetIndent("", " ")
			if err := enc.Encode(found); err != nil {
				return crash(err)
			}
		} else {
			fmt.Fprintf(a.out, "%s\n%s\n%s", bugTable(found.Bugs), correctTable(found.Correct), weakTable(found.Weak))
		}
		fmt.Fprintf(a.err, "%d runs in %s\n", found.Runs, time.Duration(found.Seconds*float64(time.Second)).Round(time.Second))
		switch {
		case d.over():
			return exit(exitCrash)
		case found.bad() != nil:
			for _, why := range found.bad() {
				fmt.Fprintln(a.err, "faultline:", why)
			}
			return exit(exitInvalid)
		}
		return nil
	}
	return cmd
}

// detection is a sweep under way.
type detection struct {
	*app
	ctx   context.Context
	size  sweepSize
	first uint64
	time  time.Duration
	only  []string
	runs  atomic.Int64
	mu    sync.Mutex
	cache map[string]sweptRuns // of configurations that several bugs share
}

// known checks the names that the sweep is limited to.
func (d *detection) known() error {
	var names []string
	for _, t := range d.targets {
		if t.Open[cluster.Sim] == nil {
			continue
		}
		names = append(names, t.Name)
		for _, b := range t.Bugs {
			names = append(names, b.Name)
		}
	}
	for _, n := range d.only {
		if !slices.Contains(names, n) {
			return fmt.Errorf("--only: %w", cluster.Unknown("bug or target", n, names))
		}
	}
	return nil
}

func (d *detection) wanted(names ...string) bool {
	return len(d.only) == 0 || slices.ContainsFunc(names, func(n string) bool { return slices.Contains(d.only, n) })
}

// seedsOfABlock is about how many seeds a bug takes, for the plan of a sweep.
const seedsOfABlock = 4

// scale makes the sweep about as large as a number of runs.
func (d *detection) scale(runs int) {
	bugs, correct, weak := 0, 0, 0
	for _, t := range d.targets {
		for _, b := range t.Bugs {
			if t.Open[cluster.Sim] != nil && d.wanted(t.Name, b.Name) {
				bugs++
			}
		}
		for _, row := range t.Rows {
			switch {
			case !d.wanted(t.Name):
			case row.Correct():
				correct++
			default:
				weak++
			}
		}
	}
	s := &d.size
	total := bugs*(s.Blocks*seedsOfABlock+s.Shared+s.Quiet) + correct*s.Correct + weak*s.Weak
	if total == 0 {
		return
	}
	for _, n := range []*int{&s.Blocks, &s.Shared, &s.Quiet, &s.Correct} {
		if *n > 0 {
			*n = max(1, int(float64(*n)*float64(runs)/float64(total)+0.5))
		}
	}
}

// sweep does it all.
func (d *detection) sweep() (*detected, error) {
	began := time.Now()
	d.interrupt.heed()
	found := &detected{Version: Version(), Time: d.time.String(), Size: d.size}
	for _, t := range d.targets {
		if t.Open[cluster.Sim] == nil {
			continue
		}
		for _, b := range t.Bugs {
			if d.wanted(t.Name, b.Name) && !d.over() {
				f := d.bug(t, b)
				fmt.Fprintf(d.err, "%s\n", f)
				found.Bugs = append(found.Bugs, f)
			}
		}
		for _, row := range t.Rows {
			if !d.wanted(t.Name) || d.over() {
				continue
			}
			s, err := d.row(t, row)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", rowName(t, row), err)
			}
			f := d.sweepRow(t, row, s)
			fmt.Fprintf(d.err, "%s\n", f)
			if row.Correct() {
				found.Correct = append(found.Correct, f)
			} else {
				found.Weak = append(found.Weak, f)
			}
		}
	}
	found.Runs, found.Seconds = int(d.runs.Load()), time.Since(began).Seconds()
	return found, nil
}

// over reports whether the sweep was interrupted.
func (d *detection) over() bool { return d.ctx.Err() != nil || d.interrupt.stop.Load() }

// each does something n times, as many at once as there are processors.
func (d *detection) each(n int, do func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !d.over(); i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	all.Wait()
}

// simulate runs one seed in memory. What went wrong with the harness is in Crash.
func (d *detection) simulate(s Settings, seed uint64) *store.Results {
	d.runs.Add(1)
	s.On, s.Seed = string(cluster.Sim), seed
	if s.Time == 0 {
		s.Time = d.time
	}
	p, err := d.resolve(s)
	if err != nil {
		return &store.Results{Seed: seed, Crash: oneLine(err), Summary: oneLine(err)}
	}
	p.test.Budget.Workers = 1
	out, err := harness.Run(d.ctx, p.test)
	if out == nil {
		return &store.Results{Seed: seed, Crash: oneLine(err), Summary: oneLine(err)}
	}
	if err != nil && out.Results.Crash == "" {
		out.Results.Crash, out.Results.Summary = oneLine(err), oneLine(err)
	}
	return out.Results
}
