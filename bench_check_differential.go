package faultline

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/checkers/engine/synth"
	"github.com/faultline-dev/faultline/checkers/weaker"
	"github.com/faultline-dev/faultline/harness/history"
)

// trial compares a checker with an oracle on random histories.
type trial struct {
	what    string
	checker func() (checkers.Checker, error)
	// history makes one from a seed.
	history func(seed uint64) (*history.History, error)
	// legal is what the oracle says, if it has an answer.
	legal func(h *history.History) (ok, known bool)
	every int // only each so-manieth seed, because histories are large
}

// trials are all that is compared.
func trials() []trial {
	var all []trial
	for _, object := range synth.Objects() {
		judge := func() (checkers.Checker, error) { return checkerOf(object) }
		m := synth.ModelOf(object)
		for _, repeat := range []bool{false, true} {
			what := object + ", values written once"
			if repeat {
				what = object + ", values repeated"
			}
			if object == "counter" || object == "mutex" {
				if what = object; repeat {
					continue
				}
			}
			all = append(all, trial{what: what, checker: judge, history: small(object, repeat), legal: func(h *history.History) (bool, bool) {
				return m.Order(m.Gather(h)), true
			}})
			all = append(all, trial{what: what + ", of some hundred operations", checker: judge, every: 100,
				history: medium(object, repeat), legal: func(h *history.History) (bool, bool) { return byPorcupine(m, h) }})
		}
		for _, violation := range synth.Violations(object) {
			all = append(all, trial{what: object + ", " + violation + " planted", checker: judge, every: 20,
				history: planted(object, violation), legal: func(*history.History) (bool, bool) { return false, true }})
		}
	}
	m := synth.ModelOf("register")
	sequential := func(h *history.History) (bool, bool) { return m.Sequential(m.Gather(h)), true }
	for _, c := range []checkers.Checker{weaker.Coherence(), weaker.Sequential()} {
		all = append(all, trial{what: "register, values written once: " + c.Name(), history: small("register", false), legal: sequential,
			checker: func() (checkers.Checker, error) { return c, nil }})
	}
	return all
}

func small(object string, repeat bool) func(uint64) (*history.History, error) {
	return func(seed uint64) (*history.History, error) {
		h, _, err := synth.Small(object, seed, repeat)
		return h, err
	}
}

// medium makes histories that porcupine still decides, most of the time.
func medium(object string, repeat bool) func(uint64) (*history.History, error) {
	return func(seed uint64) (*history.History, error) {
		s := synth.Spec{Object: object, Operations: 100 + int(seed%400), Clients: 2 + int(seed%3), Crashed: int(seed % 3), Seed: seed, Pause: 0.3}
		if repeat {
			s.Values = 4
		}
		if v := synth.Violations(object); seed%2 == 0 {
			s.Violation = v[int(seed/2)%len(v)]
		}
		return s.Make()
	}
}

// planted makes larger histories that are illegal by construction.
func planted(object, violation string) func(uint64) (*history.History, error) {
	return func(seed uint64) (*history.History, error) {
		return synth.Spec{Object: object, Operations: 50 + int(seed%2000), Clients: 1 + int(seed%8), Crashed: int(seed % 5), Seed: seed, Violation: violation}.Make()
	}
}

// patience is the time for one history; small ones take microseconds.
const patience = 2 * time.Second

func byPorcupine(m *synth.Model, h *history.History) (ok, known bool) {
	model, ops := m.Porcupine(m.Gather(h))
	r := porcupine.CheckOperationsTimeout(model, ops, patience)
	return r == porcupine.Ok, r != porcupine.Unknown
}

// agreement is what came of a trial.
type agreement struct {
	mu                              sync.Mutex
	valid, invalid, unknown, silent int // silent: the oracle had no answer
	wrong                           int
	first                           string // of the disagreements
	ours, theirs                    time.Duration
}

// differential compares every checker with its oracle on n histories, and reports the
// disagreements, of which there must be none.
func (a *app) differential(ctx context.Context, n int, seed uint64) error {
	fmt.Fprintf(a.out, "| histories | judged | valid | invalid | unknown | no oracle | disagreements | seconds | the oracle's |\n|---|---|---|---|---|---|---|---|---|\n")
	var bad []string
	for _, t := range trials() {
		y := &agreement{}
		if err := y.run(ctx, t, n, seed); err != nil {
			return crash(fmt.Errorf("%s: %w", t.what, err))
		}
		if ctx.Err() != nil {
			return crash(ctx.Err())
		}
		fmt.Fprintf(a.out, "| %s | %d | %d | %d | %d | %d | %d | %.1f | %.1f |\n", t.what, y.valid+y.invalid+y.unknown, y.valid, y.invalid, y.unknown, y.silent, y.wrong,
			y.ours.Seconds(), y.theirs.Seconds())
		if y.wrong > 0 {
			bad = append(bad, t.what+", "+y.first)
		}
	}
	if len(bad) > 0 {
		fmt.Fprintf(a.err, "faultline: %s\n", strings.Join(bad, "\n"))
		return exit(exitInvalid)
	}
	return nil
}

// run judges the histories of a trial, on all cores.
func (y *agreement) run(ctx context.Context, t trial, n int, seed uint64) error {
	c, err := t.checker()
	if err != nil {
		return err
	}
	n = (n + max(1, t.every) - 1) / max(1, t.every)
	seeds := make(chan uint64)
	failed := make(chan error, 1)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for s := range seeds {
				if err := y.compare(ctx, c, t, s); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil || len(failed) > 0 {
			break
		}
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

func (y *agreement) compare(ctx context.Context, c checkers.Checker, t trial, seed uint64) error {
	h, err := t.history(seed)
	if err != nil {
		return err
	}
	began := time.Now()
	legal, known := t.legal(h)
	theirs := time.Since(began)
	began = time.Now()
	got := c.Check(ctx, h, checkers.Budget{Time: patience, Workers: 1})
	ours := time.Since(began)
	y.mu.Lock()
	defer y.mu.Unlock()
	y.ours, y.theirs = y.ours+ours, y.theirs+theirs
	switch got.Valid {
	case checkers.Valid:
		y.valid++
	case checkers.Invalid:
		y.invalid++
	default:
		y.unknown++
		return nil
	}
	if !known {
		y.silent++
		return nil
	}
	if legal == (got.Valid == checkers.Valid) {
		return nil
	}
	if y.wrong++; y.wrong > 1 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: the checker says %s, the oracle legal=%v:\n", seed, got.Valid, legal)
	for i := range h.Len() {
		fmt.Fprintln(&b, h.At(i))
	}
	for _, an := range got.Anomalies {
		fmt.Fprintf(&b, "%s: %s\n", an.Name, an.Sentence)
	}
	y.first = b.String()
	return nil
}
