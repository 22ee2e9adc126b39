package faultline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/store"
	"github.com/faultline-dev/faultline/targets/docker"
)

func (a *app) runCommand() *cobra.Command {
	var (
		s       Settings
		nemeses string
		sets    []string
		runs    int
		asJSON  bool
		junit   string
	)
	cmd := &cobra.Command{
		Use:   "run --target NAME --workload NAME [--nemesis A,B,...]",
		Short: "Run a test and judge it",
		Args:  cobra.NoArgs,
		Example: `  faultline run --target raft --workload register --nemesis partition,kill,clock --time 60s
  faultline run --target etcd@3.6.16 --on docker --nodes 3 --workload register --nemesis partition,kill,pause
  faultline run --target raft --workload register --nemesis partition --set bug=stale-read --seed 7`,
	}
	f := cmd.Flags()
	f.StringVar(&s.Target, "target", "", "the system to test, with @VERSION where it has versions")
	f.StringVar(&s.Workload, "workload", "", "what clients do")
	f.StringVar(&nemeses, "nemesis", "", "the nemeses, comma-separated")
	f.StringVar(&s.On, "on", "", "sim or docker (default: sim where the target can)")
	f.StringVar(&s.Model, "model", "", "the consistency model to check (default: the workload's own)")
	f.IntVar(&s.Nodes, "nodes", 5, "nodes in the cluster")
	f.StringVar(&s.Concurrency, "concurrency", "2n", "client threads: a number, or a multiple of the nodes")
	f.Float64Var(&s.Rate, "rate", 0, "operations a second, whatever the system keeps up with (default: as fast as they complete)")
	f.DurationVar(&s.Time, "time", 0, "length of the main phase (default 1m, unless --ops is given)")
	f.IntVar(&s.Ops, "ops", 0, "end the main phase after so many operations")
	f.DurationVar(&s.Interval, "interval", 0, "mean time between changes of faults (default: by the length of the run)")
	f.DurationVar(&s.OpTimeout, "op-timeout", harness.DefaultOpTimeout, "deadline of an operation")
	f.DurationVar(&s.StartLimit, "start-limit", harness.DefaultStartLimit, "how long the cluster may take to come up, images being there")
	f.Uint64Var(&s.Seed, "seed", 0, "what every random choice follows from (default: drawn)")
	f.IntVar(&runs, "runs", 1, "runs, with seeds counting up from --seed")
	f.StringArrayVar(&sets, "set", nil, "an option of the target, the workload or a nemesis, as name=value (repeatable)")
	f.StringVar(&s.Clients, "clients", "pinned", "pinned: a client stays with its node; failover: it moves on")
	f.StringVar(&s.Image, "image", "", "in containers: use this image instead of building the target's")
	f.StringVar(&s.Memory, "memory", "", "in containers: memory that a node may use, such as 512m")
	f.Float64Var(&s.CPUs, "cpus", 0, "in containers: processors that a node may use, such as 0.5")
	f.BoolVar(&s.Pcap, "pcap", false, "in containers: keep each node's packets, in nodes/<node>/packets.pcap")
	f.BoolVar(&s.Leave, "leave-running", false, "in containers: leave the cluster running, healed; faultline clean removes it")
	f.StringVar(&s.Attach, "attach", "", "use the cluster that is there already, compose:PROJECT or label:KEY=VALUE; it is healed and never removed")
	f.StringVar(&s.Store, "store", "store", "where runs are kept")
	f.DurationVar(&s.CheckTime, "check-time", 0, "time budget of each checker (default 1m)")
	f.StringVar(&junit, "junit", "", "write a JUnit report to this file")
	f.BoolVar(&asJSON, "json", false, "print the results as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if s.Set, err = parseSet(sets); err != nil {
			return badInput(err)
		}
		s.Nemesis = splitNames(nemeses)
		switch {
		case s.Nodes == 0:
			return badInput(fmt.Errorf("--nodes 0: a cluster has 1 to %d nodes", maxNodes))
		case s.Attach != "" && !cmd.Flags().Changed("nodes"):
			s.Nodes = 0 // as many as there are
		}
		if runs < 1 || runs > 1e6 {
			return badInput(fmt.Errorf("--runs %d: there are 1 to 1000000 runs", runs))
		}
		if !cmd.Flags().Changed("seed") {
			s.Seed = uint64(time.Now().UnixNano() % 1e9)
		}
		return a.runAll(cmd.Context(), s, runs, asJSON, junit)
	}
	return cmd
}

// runAll runs one or several tests, says what came of them, and exits accordingly.
func (a *app) runAll(ctx context.Context, s Settings, runs int, asJSON bool, junit string) error {
	var cases []store.Case
	var all []*store.Results
	worst := exitValid
	if junit != "" {
		// A file that cannot be written is better found out now than after the runs.
		if err := writeJUnit(junit, nil); err != nil {
			return badInput(err)
		}
	}
	for n := range runs {
		one := s
		one.Seed = s.Seed + uint64(n)
		began := time.Now()
		run, res, err := a.one(ctx, one, !asJSON)
		var e *exitError
		if errors.As(err, &e) && e.code == exitBadInput {
			return err
		}
		all = append(all, res)
		code := exitCode(res, err)
		worst = graverExit(worst, code)
		cases = append(cases, testCase(one, run, res, err, time.Since(began)))
		if !asJSON {
			a.verdict(run, res, err)
			if one.Leave && run != nil {
				fmt.Fprintf(a.out, "running:   the cluster is left as it is; addresses: grep 'left running' %s; faultline clean removes it\n", run.Path(store.LogFile))
			}
		} else if err != nil {
			fmt.Fprintln(a.err, "faultline:", oneLine(err))
		}
		if a.interrupt.stop.Load() {
			break
		}
	}
	if asJSON {
		if err := printJSON(a, all, runs); err != nil {
			return crash(err)
		}
	}
	if junit != "" {
		if err := writeJUnit(junit, cases); err != nil {
			return badInput(err)
		}
	}
	return exit(worst)
}

func printJSON(a *app, all []*store.Results, runs int) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	if runs == 1 {
		return enc.Encode(all[0])
	}
	return enc.Encode(all)
}

// exitCode is the exit code of one run.
func exitCode(res *store.Results, err error) int {
	switch {
	case err != nil && (res == nil || res.Valid != checkers.Invalid):
		return exitCrash
	case res.Valid == checkers.Invalid:
		return exitInvalid
	case res.Valid == checkers.Unknown:
		return exitUnknown
	}
	return exitValid
}

// graverExit merges the exit codes of several runs: invalid, then crashed, then unknown.
func graverExit(a, b int) int {
	rank := map[int]int{exitValid: 0, exitUnknown: 1, exitCrash: 2, exitInvalid: 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// one runs one test and keeps it. An error says that the harness failed (or, as
// an exitError, that the input was bad); the results are there if there was a history.
func (a *app) one(ctx context.Context, s Settings, progress bool) (*store.Run, *store.Results, error) {
	p, err := a.resolve(s)
	if errors.Is(err, docker.ErrUnavailable) {
		return nil, nil, crash(err)
	}
	if err != nil {
		return nil, nil, badInput(err)
	}
	t := p.test
	t.Stop = a.interrupt.heed()
	run, err := store.Create(p.store, testName(t), t.Seed, time.Now())
	if err != nil {
		return nil, nil, badInput(fmt.Errorf("--store %s: %w", p.store, err))
	}
	t.Run = run
	log, err := os.Create(run.Path(store.LogFile))
	if err != nil {
		return run, nil, crash(err)
	}
	defer log.Close()
	t.Log = log
	if err := run.WriteConfig(t.Config); err != nil {
		return run, nil, crash(err)
	}
	if progress {
		show := newProgress(a.err, t)
		t.Progress = show.update
		defer show.end()
	}
	out, err := harness.Run(ctx, t)
	if err != nil {
		fmt.Fprintf(log, "FAILED: %v\n", err)
		if out == nil && errors.Is(err, docker.ErrUnavailable) {
			_ = os.RemoveAll(run.Dir) // nothing happened that would be worth keeping
			return nil, nil, crash(err)
		}
	}
	var refusal *cluster.Refusal
	if errors.As(err, &refusal) {
		return run, nil, badInput(err)
	}
	if out == nil {
		return run, nil, crash(err)
	}
	if renderErr := renderReport(run); renderErr != nil {
		err = errors.Join(err, renderErr)
	}
	return run, out.Results, crash(err)
}

// testName is the folder of a test's runs.
func testName(t harness.Test) string {
	name := t.Target.Name + "-" + t.Workload.Name
	if len(t.Nemeses) > 0 {
		name += "-" + strings.Join(t.Nemeses, "-")
	}
	if b := t.TargetOptions["bug"]; b != "" && b != noBug {
		name += "-" + b
	}
	return name
}

// parseSet reads name=value words.
func parseSet(words []string) (map[string]string, error) {
	set := map[string]string{}
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--set %q is not of the form name=value", w)
		}
		if old, twice := set[name]; twice && old != value {
			return nil, fmt.Errorf("--set %s is given twice, as %q and %q", name, old, value)
		}
		set[name] = value
	}
	return set, nil
}

// splitNames reads a comma-separated list; "none" and "" are empty.
func splitNames(s string) []string {
	var names []string
	for _, n := range strings.Split(s, ",") {
		if n = strings.TrimSpace(n); n != "" && n != "none" {
			names = append(names, n)
		}
	}
	return names
}
