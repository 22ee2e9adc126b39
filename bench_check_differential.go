package faultline

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/history"
)

// agreement is what came of a trial.
type agreement struct {
	trial
	mu           sync.Mutex
	by           map[string]*decided // by the engine that decided
	ours, theirs time.Duration
	wrong        []string
}

// decided counts the histories that one engine decided.
type decided struct {
	histories, crashed, invalid, unknown int
	silent                               int // of the oracle
	wrong                                int
}

func (c *decided) add(more *decided) {
	c.histories, c.crashed, c.invalid, c.unknown = c.histories+more.histories, c.crashed+more.crashed, c.invalid+more.invalid, c.unknown+more.unknown
	c.silent, c.wrong = c.silent+more.silent, c.wrong+more.wrong
}

func (c *decided) String() string {
	return fmt.Sprintf("%d | %d | %d | %d | %d | %d", c.histories, c.crashed, c.invalid, c.unknown, c.silent, c.wrong)
}

// mostShown is how many disagreements of a trial are told.
const mostShown = 3

// differential compares every engine with an oracle on n histories that it decides, and
// reports the disagreements, of which there must be none: first by kind of history, then by
// engine.
func (a *app) differential(ctx context.Context, n int, seed uint64, rows []string) error {
	const columns = "histories | with crashes | invalid | unknown | no oracle | disagreements"
	fmt.Fprintf(a.out, "| engine | of | oracle | %s | seconds | the oracle's |\n|---|---|---|---|---|---|---|---|---|---|---|\n", columns)
	var wrong, engines []string
	sums := map[string]*decided{}
	for _, t := range trials() {
		if len(rows) > 0 && !slices.ContainsFunc(rows, func(prefix string) bool { return strings.HasPrefix(t.engine, prefix) }) {
			continue
		}
		y := &agreement{trial: t, by: map[string]*decided{}}
		if err := y.run(ctx, n, seed); err != nil {
			return crash(fmt.Errorf("%s, %s: %w", t.engine, t.what, err))
		}
		if ctx.Err() != nil {
			return crash(context.Cause(ctx))
		}
		seconds := fmt.Sprintf("%.1f | %.1f", y.ours.Seconds(), y.theirs.Seconds())
		for _, engine := range slices.SortedFunc(maps.Keys(y.by), func(a, b string) int { return y.by[b].histories - y.by[a].histories }) {
			fmt.Fprintf(a.out, "| %s | %s | %s | %s | %s |\n", engine, t.what, t.oracle, y.by[engine], seconds)
			seconds = " | " // are those of the trial
			if sums[engine] == nil {
				sums[engine], engines = &decided{}, append(engines, engine)
			}
			sums[engine].add(y.by[engine])
		}
		wrong = append(wrong, y.wrong...)
	}
	if len(engines) == 0 {
		return badInput(fmt.Errorf("no engine's name begins with %s", strings.Join(rows, " or ")))
	}
	fmt.Fprintf(a.out, "\n| engine | %s |\n|---|---|---|---|---|---|---|\n", columns)
	all := &decided{}
	for _, engine := range engines {
		fmt.Fprintf(a.out, "| %s | %s |\n", engine, sums[engine])
		all.add(sums[engine])
	}
	fmt.Fprintf(a.out, "| all | %s |\n", all)
	if len(wrong) > 0 {
		fmt.Fprintf(a.err, "faultline: %s\n", strings.Join(wrong, "\n"))
		return exit(exitInvalid)
	}
	return nil
}

// run judges histories, on all cores, until the engine has had its share of them.
func (y *agreement) run(ctx context.Context, n int, seed uint64) error {
	n = (n + max(1, y.every) - 1) / max(1, y.every)
	seeds := make(chan uint64)
	failed := make(chan error, 1)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for s := range seeds {
				if err := y.compare(ctx, s); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	// Others may decide some of them, but not many.
	for i := 0; i < 4*n && (i < n || y.share() < n) && ctx.Err() == nil && len(failed) == 0; i++ {
		seeds <- seed + uint64(i)
	}
	close(seeds)
	wg.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// share is how many histories the engine has decided so far.
func (y *agreement) share() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	if c := y.by[y.engine]; c != nil {
		return c.histories
	}
	return 0
}

func (y *agreement) compare(ctx context.Context, seed uint64) error {
	h, err := y.history(seed)
	if err != nil {
		return err
	}
	began := time.Now()
	truth := y.truth(h)
	if y.made != nil {
		switch made := said(y.made(seed)); {
		case truth == nil:
			truth = made
		case truth.valid != made.valid:
			truth.measured = "though made " + made.String()
		}
	}
	theirs := time.Since(began)
	began = time.Now()
	got := y.judge(ctx, h)
	ours := time.Since(began)
	if got.engine == "" {
		got.engine = y.engine
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.ours, y.theirs = y.ours+ours, y.theirs+theirs
	c := y.by[got.engine]
	if c == nil {
		c = &decided{}
		y.by[got.engine] = c
	}
	c.histories++
	if crashes(h) {
		c.crashed++
	}
	switch got.valid {
	case checkers.Invalid:
		c.invalid++
	case checkers.Unknown:
		c.unknown++
	}
	switch {
	case truth == nil:
		c.silent++
	case got.valid == checkers.Unknown && got.measured == "" || got.String() == truth.String():
	default:
		if c.wrong++; len(y.wrong) < mostShown {
			y.wrong = append(y.wrong, fmt.Sprintf("%s, %s, seed %d: %s says %s, %s %s:\n%s%s", y.engine, y.what, seed, got.engine, got, y.oracle, truth, written(h), got.told))
		}
	}
	return nil
}

// crashes reports whether nobody knows of some operation of a client how it ended.
func crashes(h *history.History) bool {
	match := h.Completions()
	for i := range h.Len() {
		if e := h.At(i); e.Process >= 0 && (e.Type == history.Info || e.Type == history.Invoke && match[i] < 0) {
			return true
		}
	}
	return false
}

func written(h *history.History) string {
	var b strings.Builder
	for i := range h.Len() {
		fmt.Fprintln(&b, h.At(i))
	}
	return b.String()
}
