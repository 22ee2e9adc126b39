package faultline

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/harness/store"
	"github.com/faultline-dev/faultline/workloads"
)

func (a *app) checkCommand() *cobra.Command {
	var (
		load, modelName string
		imp             importOptions
		asJSON          bool
		budget          time.Duration
	)
	cmd := &cobra.Command{
		Use:   "check RUN|FILE",
		Short: "Judge a run again, or anyone's history (.edn, .jsonl, .flh)",
		Long: `Check judges a history. Given a run directory it knows from test.yaml what was promised and
tested, also after a kill -9 of the harness, and writes results.json and report.html anew.
Given a file it needs to know the workload whose operations the history holds.`,
		Args: exactArgs(1, "a run directory or a history file"),
	}
	f := cmd.Flags()
	f.StringVar(&load, "workload", "", "the workload whose operations the file holds (default: register)")
	f.StringVar(&modelName, "model", "", "the consistency model to check (default: the run's, or the workload's own)")
	f.StringVar(&imp.format, "format", "", "edn, jsonl or flh (default: by the file's name)")
	f.StringVar(&imp.independent, "independent", "auto", "values are [key value] tuples: auto, yes or no")
	f.DurationVar(&budget, "check-time", 0, "time budget of each checker (default 1m)")
	f.BoolVar(&asJSON, "json", false, "print the results as JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains([]string{"auto", "yes", "no"}, imp.independent) {
			return badInput(fmt.Errorf("--independent: %w", cluster.Unknown("value", imp.independent, []string{"auto", "yes", "no"})))
		}
		q := harness.Question{Budget: checkers.Budget{Time: budget}, Extra: a.checkers}
		var (
			run  *store.Run
			h    *history.History
			info *history.FileInfo
			c    store.Config
			err  error
		)
		if dir, ok := runDirectory(args[0]); ok {
			if run, err = openRun(dir); err != nil {
				return badInput(err)
			}
			if c, err = run.Config(); err != nil {
				return badInput(err)
			}
			if load == "" {
				load = c.Workload
			}
			if modelName == "" {
				modelName = c.Model
			}
			q.Omitted, q.Nemeses = c.Omitted, c.Nemeses
			h, info, err = run.History()
		} else {
			q.Alone = true
			c.Reproduce = "faultline check " + quote(args[0])
			h, info, err = loadHistory(args[0], imp)
		}
		if err != nil {
			return badInput(err)
		}
		if err := a.ask(&q, load, modelName, c.Options); err != nil {
			return badInput(err)
		}
		if q.Alone {
			c.Workload, c.Model = q.Workload.Name, string(q.Model)
			c.Reproduce += " --workload " + c.Workload + " --model " + c.Model
		}
		res := harness.Summarise(h, harness.Judge(cmd.Context(), h, q), c)
		if info.Torn {
			res.Torn = torn(info)
			fmt.Fprintln(a.err, "faultline:", res.Torn)
		}
		if run != nil {
			keepStanding(a.registry, run, c, res)
			if err := run.WriteResults(res); err != nil {
				return crash(err)
			}
			if err := renderReport(run); err != nil {
				return crash(err)
			}
		}
		if asJSON {
			enc := json.NewEncoder(a.out)
			enc.SetIndent("", "  ")
			if err := enc.Encode(res); err != nil {
				return crash(err)
			}
		} else {
			a.verdict(run, res, nil)
		}
		return exit(exitCode(res, nil))
	}
	return cmd
}

// runDirectory says whether the path is a run, also when its history file is named.
func runDirectory(path string) (string, bool) {
	stat, err := os.Stat(path)
	if err != nil {
		return "", false
	}
	if stat.IsDir() {
		return path, true
	}
	dir := filepath.Dir(path)
	_, err = os.Stat(filepath.Join(dir, store.ConfigFile))
	return dir, err == nil && filepath.Base(path) == store.HistoryFile
}

// ask fills in the question's workload and model.
func (a *app) ask(q *harness.Question, load, modelName string, stored map[string]string) error {
	if load == "" {
		load = "register"
	}
	var err error
	if q.Workload, err = a.workload(load); err != nil {
		return err
	}
	if q.Options, err = workloadOptions(q.Workload, stored); err != nil {
		return err
	}
	q.Model = q.Workload.Models[0]
	if modelName == "" {
		return nil
	}
	if q.Model, err = parseModel(modelName); err != nil {
		return err
	}
	if !slices.Contains(q.Workload.Models, q.Model) {
		return fmt.Errorf("workload %s cannot check model %s; it checks: %s", load, q.Model, joinModels(q.Workload.Models))
	}
	return nil
}

// keepStanding carries over what judging a history again cannot know: what the target
// promised, what the nemeses did, and that the harness had failed.
func keepStanding(r *registry, run *store.Run, c store.Config, res *store.Results) {
	if old, err := run.Results(); err == nil {
		res.Nemeses, res.Crash = old.Nemeses, old.Crash
		if old.Crash != "" {
			res.Valid = checkers.Merge(res.Valid, checkers.Unknown)
		}
	}
	target, _, err := r.target(c.Target)
	if err != nil {
		return // a run of another program's target
	}
	load, err := workloads.Find(r.workloads, c.Workload)
	if err != nil {
		return
	}
	if p, ok := harness.Promised(target, c.Options, load.Data, model.Model(c.Model), c.Nemeses); ok {
		res.Expected, res.Promise = "valid", p.Quote
		res.Finding = res.Valid == checkers.Invalid
	}
}
