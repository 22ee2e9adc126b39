package faultline

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/store"
)

// benchDetect sweeps seeds: each planted bug until it is found, the same seeds without it,
// and the systems as they should be under everything at once.
func (a *app) benchDetect() *cobra.Command {
	var seeds, quiet int
	var first uint64
	var length time.Duration
	var only string
	cmd := &cobra.Command{
		Use:   "detect",
		Short: "Seeds until each planted bug is found, and runs without alarm where there is none",
		Long: `Detect runs each planted bug under its workload and nemeses with one seed after another until
it is found, then the same seeds without the bug, which must all be valid. After that each
correct system runs under all simulated nemeses together; none may be invalid or unknown.
It exits 1 if a bug was missed or a correct system accused.`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.IntVar(&seeds, "seeds", 200, "seeds within which a bug must be found")
	f.IntVar(&quiet, "quiet", 300, "seeds of each correct system")
	f.Uint64Var(&first, "seed", 1, "the first seed")
	f.DurationVar(&length, "time", 30*time.Second, "virtual time of a run")
	f.StringVar(&only, "only", "", "only these bugs or targets, comma-separated")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if seeds < 0 || quiet < 0 || seeds > 1e6 || quiet > 1e6 || length <= 0 || length > maxTime {
			return badInput(fmt.Errorf("--seeds and --quiet are 0 to 1000000, --time is positive"))
		}
		sweep := detection{app: a, first: first, time: length, only: splitNames(only)}
		bad := sweep.bugs(cmd.Context(), seeds)
		if quiet > 0 {
			bad = sweep.correct(cmd.Context(), quiet) || bad
		}
		if bad {
			return exit(exitInvalid)
		}
		return nil
	}
	return cmd
}

type detection struct {
	*app
	first uint64
	time  time.Duration
	only  []string
}

func (d *detection) skip(names ...string) bool {
	if len(d.only) == 0 {
		return false
	}
	for _, n := range names {
		for _, o := range d.only {
			if n == o {
				return false
			}
		}
	}
	return true
}

// bugs reports true if one was missed, or its seeds without it were not valid.
func (d *detection) bugs(ctx context.Context, seeds int) (bad bool) {
	if seeds == 0 {
		return false
	}
	fmt.Fprintf(d.out, "| target | bug | found at seed | runs | anomaly | without it | seconds |\n|---|---|---|---|---|---|---|\n")
	for _, t := range d.targets {
		for _, b := range t.Bugs {
			if d.skip(t.Name, b.Name) || ctx.Err() != nil {
				continue
			}
			began := time.Now()
			s := Settings{Target: t.Name, Workload: b.Workload, Model: string(b.Model), Nemesis: b.Nemeses, Set: map[string]string{"bug": b.Name}}
			runs, anomaly := d.hunt(ctx, s, seeds)
			found, without := "never", "-"
			if runs > 0 {
				found = fmt.Sprint(d.first + uint64(runs) - 1)
				s.Set = withoutBug(b)
				tally := d.sweep(ctx, s, runs)
				without = tally.String()
				bad = bad || tally.valid != runs
			} else {
				runs, bad = seeds, true
			}
			fmt.Fprintf(d.out, "| %s | %s | %s | %d | %s | %s | %.1f |\n", t.Name, b.Name, found, runs, anomaly, without, time.Since(began).Seconds())
		}
	}
	return bad
}

func withoutBug(b cluster.Bug) map[string]string {
	set := map[string]string{}
	for k, v := range b.Set {
		set[k] = v
	}
	return set
}

// correct reports true if a correct system was not valid everywhere.
func (d *detection) correct(ctx context.Context, seeds int) (bad bool) {
	fmt.Fprintf(d.out, "\n| correct system | workload | under | runs | ok operations a run, least | seconds |\n|---|---|---|---|---|---|\n")
	for _, t := range d.targets {
		for _, row := range t.Rows {
			if d.skip(t.Name) || !row.Correct() || ctx.Err() != nil {
				continue
			}
			began := time.Now()
			s, err := d.row(t, row)
			if err != nil {
				fmt.Fprintf(d.err, "faultline: %s: %s\n", rowName(t, row), oneLine(err))
				bad = true
				continue
			}
			tally := d.sweep(ctx, s, seeds)
			bad = bad || tally.valid != seeds
			fmt.Fprintf(d.out, "| %s | %s | %s | %s | %d | %.1f |\n", rowName(t, row), s.Workload, strings.Join(s.Nemesis, ", "), tally.String(), tally.leastOK, time.Since(began).Seconds())
		}
	}
	return bad
}

// hunt runs one seed after another until one is invalid; it returns the number of runs,
// 0 if none was, and the anomaly.
func (d *detection) hunt(ctx context.Context, s Settings, seeds int) (int, string) {
	batch := runtime.GOMAXPROCS(0)
	for from := 0; from < seeds; from += batch {
		results := d.batch(ctx, s, from, min(batch, seeds-from))
		for i, res := range results {
			if res != nil && res.Valid == checkers.Invalid {
				an, _ := res.FirstAnomaly()
				return from + i + 1, an.Name
			}
		}
		if ctx.Err() != nil || d.stop.Load() {
			break
		}
	}
	return 0, ""
}

// tally counts verdicts.
type tally struct {
	valid, invalid, unknown, crashed, leastOK int
	example                                   string // the first run that was not valid
}

func (t tally) String() string {
	s := fmt.Sprintf("%d valid", t.valid)
	for _, c := range []struct {
		n    int
		word string
	}{{t.invalid, "invalid"}, {t.unknown, "unknown"}, {t.crashed, "crashed"}} {
		if c.n > 0 {
			s += fmt.Sprintf(", %d %s", c.n, c.word)
		}
	}
	if t.example != "" {
		s += " (" + t.example + ")"
	}
	return s
}

// sweep runs seeds and counts their verdicts.
func (d *detection) sweep(ctx context.Context, s Settings, seeds int) tally {
	t := tally{leastOK: -1}
	batch := 16 * runtime.GOMAXPROCS(0)
	for from := 0; from < seeds && ctx.Err() == nil && !d.stop.Load(); from += batch {
		for i, res := range d.batch(ctx, s, from, min(batch, seeds-from)) {
			example := ""
			switch {
			case res == nil || res.Crash != "":
				t.crashed++
				example = fmt.Sprintf("seed %d crashed", d.first+uint64(from+i))
				if res != nil {
					example += ": " + res.Summary
				}
			case res.Valid == checkers.Valid:
				t.valid++
			case res.Valid == checkers.Invalid:
				t.invalid++
				example = fmt.Sprintf("seed %d: %s", res.Seed, res.Summary)
			default:
				t.unknown++
				example = fmt.Sprintf("seed %d: %s", res.Seed, res.Summary)
			}
			if t.example == "" {
				t.example = example
			}
			if res != nil && (t.leastOK < 0 || res.Counts.OK < t.leastOK) {
				t.leastOK = res.Counts.OK
			}
		}
	}
	return t
}

// batch runs n seeds side by side, in memory.
func (d *detection) batch(ctx context.Context, s Settings, from, n int) []*store.Results {
	results := make([]*store.Results, n)
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				results[i] = d.simulate(ctx, s, d.first+uint64(from+i))
			}
		})
	}
	all.Wait()
	return results
}

// simulate runs one seed in memory; nil if there was no run.
func (d *detection) simulate(ctx context.Context, s Settings, seed uint64) *store.Results {
	s.On, s.Seed, s.Time = "sim", seed, d.time
	p, err := d.resolve(s)
	if err != nil {
		fmt.Fprintln(d.err, "faultline:", oneLine(err))
		return nil
	}
	p.test.Budget.Workers = 1
	out, err := harness.Run(ctx, p.test)
	if err != nil {
		fmt.Fprintf(d.err, "faultline: seed %d: %s\n", seed, oneLine(err))
	}
	if out == nil {
		return nil
	}
	return out.Results
}
