package faultline

import (
	"context"
	"encoding/json"
	"errors"
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

// checkFlags say what histories are to be judged by.
type checkFlags struct {
	load, model, initial string
	imp                  importOptions
	asJSON               bool
	budget               time.Duration
}

func (a *app) checkCommand() *cobra.Command {
	var flags checkFlags
	cmd := &cobra.Command{
		Use:   "check RUN|FILE...",
		Short: "Judge a run again, or anyone's history (.edn, .jsonl, .flh)",
		Long: `Check judges histories. Given a run directory it knows from test.yaml what was promised and
tested, also after a kill -9 of the harness, and writes results.json and report.html anew.

Given a file, or - for standard input, it needs to know what its operations are. Either they are
those of a type of object, as --model queue says, and the question is whether each object is
linearizable; faultline list objects names the types and their operations. Or they are those
of a workload of ours, as --workload set says, and then --model is the consistency model to check;
without it, the workload's own.

Of several files each gets a line. The exit code is 1 if any is invalid, else 254 if any could
not be read, else 2 if any is unknown, else 0.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return badInput(fmt.Errorf("%s takes a run directory or history files, or - for standard input", cmd.CommandPath()))
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.load, "workload", "", "the workload whose operations the file holds (default: register)")
	f.StringVar(&flags.model, "model", "", "a type of object (queue, set, mutex, ...), or the consistency model to check (default: the run's, or the workload's own)")
	f.StringVar(&flags.initial, "initial", "", "what each object holds at first, in EDN: 0, '[1 2]', '\"text\"' (default: nothing)")
	f.StringVar(&flags.imp.format, "format", "", "edn, jsonl or flh (default: by the file's name)")
	f.StringVar(&flags.imp.independent, "independent", "auto", "values are [key value] tuples: auto, yes or no")
	f.DurationVar(&flags.budget, "check-time", 0, "time budget of each checker (default 1m)")
	f.BoolVar(&flags.asJSON, "json", false, "print the results as JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains([]string{"auto", "yes", "no"}, flags.imp.independent) {
			return badInput(fmt.Errorf("--independent: %w", cluster.Unknown("value", flags.imp.independent, []string{"auto", "yes", "no"})))
		}
		if err := a.checkModel(flags); err != nil {
			return badInput(err)
		}
		if len(args) > 1 {
			return a.checkMany(cmd.Context(), args, flags)
		}
		run, res, err := a.checkOne(cmd.Context(), args[0], flags)
		if err != nil {
			return err
		}
		if flags.asJSON {
			if err := a.printJSON(res); err != nil {
				return err
			}
		} else {
			a.verdict(run, res, nil)
		}
		return exit(exitCode(res, nil))
	}
	return cmd
}

func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	return crash(enc.Encode(v))
}

// checkOne judges one run or file.
func (a *app) checkOne(ctx context.Context, path string, flags checkFlags) (*store.Run, *store.Results, error) {
	if dir, ok := runDirectory(path); ok {
		return a.checkRun(ctx, dir, flags)
	}
	h, info, err := loadHistory(path, flags.imp)
	if err != nil {
		return nil, nil, badInput(err)
	}
	q := harness.Question{Budget: checkers.Budget{Time: flags.budget}, Extra: a.checkers, Alone: true}
	c := store.Config{Reproduce: "faultline check " + quote(path)}
	if flags.imp.format != "" {
		c.Reproduce += " --format " + quote(flags.imp.format)
	}
	if flags.imp.independent != "auto" {
		c.Reproduce += " --independent " + flags.imp.independent
	}
	if name := flags.objectName(); name != "" {
		initial, err := history.ParseValue(flags.initial)
		if err != nil {
			return nil, nil, badInput(fmt.Errorf("--initial: %w", err))
		}
		q.Workload, c.Model = objectWorkload(name, initial), name
		c.Reproduce += " --model " + name
		if flags.initial != "" {
			c.Reproduce += " --initial " + quote(flags.initial)
		}
	} else {
		if flags.load == "" && flags.model == "" {
			if err := otherObject(h); err != nil {
				return nil, nil, badInput(fmt.Errorf("%s: %w", path, err))
			}
		}
		if err := a.ask(&q, flags.load, flags.model, nil); err != nil {
			return nil, nil, badInput(err)
		}
		c.Workload, c.Model = q.Workload.Name, string(q.Model)
		c.Reproduce += " --workload " + c.Workload + " --model " + c.Model
	}
	res := harness.Summarise(h, harness.Judge(ctx, h, q), c)
	a.tellTorn(res, info)
	return nil, res, nil
}

// checkRun judges a run of ours again.
func (a *app) checkRun(ctx context.Context, dir string, flags checkFlags) (*store.Run, *store.Results, error) {
	if name := flags.objectName(); name != "" {
		return nil, nil, badInput(fmt.Errorf("%s is a run, and its workload says what its operations are; --model %s is for files", dir, name))
	}
	run, err := openRun(dir)
	if err != nil {
		return nil, nil, badInput(err)
	}
	c, err := run.Config()
	if err != nil {
		return nil, nil, badInput(err)
	}
	if flags.load == "" {
		flags.load = c.Workload
	}
	if flags.model == "" {
		flags.model = c.Model
	}
	h, info, err := run.History()
	if err != nil {
		return nil, nil, badInput(err)
	}
	q := harness.Question{
		Budget: checkers.Budget{Time: flags.budget}, Extra: a.checkers,
		Omitted: c.Omitted, Nemeses: c.Nemeses,
	}
	if err := a.ask(&q, flags.load, flags.model, c.Options); err != nil {
		return nil, nil, badInput(err)
	}
	res := harness.Summarise(h, harness.Judge(ctx, h, q), c)
	a.tellTorn(res, info)
	keepStanding(a.registry, run, c, res)
	if err := run.WriteResults(res); err != nil {
		return nil, nil, crash(err)
	}
	return run, res, crash(renderReport(run))
}

func (a *app) tellTorn(res *store.Results, info *history.FileInfo) {
	if info.Torn {
		res.Torn = torn(info)
		fmt.Fprintln(a.err, "faultline:", res.Torn)
	}
}

// checkedFiles is what --json prints of several files; docs/results.md describes it.
type checkedFiles struct {
	Schema int               `json:"schema"`
	Valid  checkers.Validity `json:"valid"`
	Files  []checkedFile     `json:"files"`
}

type checkedFile struct {
	File    string         `json:"file"`
	Error   string         `json:"error,omitempty"`
	Results *store.Results `json:"results,omitempty"`
}

// checkMany judges several files, one after the other, and says a line of each.
func (a *app) checkMany(ctx context.Context, paths []string, flags checkFlags) error {
	all := checkedFiles{Schema: store.Schema}
	seen := map[int]bool{}
	for _, path := range paths {
		_, res, err := a.checkOne(ctx, path, flags)
		if err != nil {
			e := &exitError{code: exitCrash}
			errors.As(err, &e)
			seen[e.code] = true
			all.Valid = checkers.Merge(all.Valid, checkers.Unknown)
			all.Files = append(all.Files, checkedFile{File: path, Error: oneLine(err)})
			if !flags.asJSON {
				fmt.Fprintf(a.out, "%-8s %s: %s\n", "error", path, oneLine(err))
			}
			continue
		}
		seen[exitCode(res, nil)] = true
		all.Valid = checkers.Merge(all.Valid, res.Valid)
		if !flags.asJSON {
			fmt.Fprintf(a.out, "%-8s %s: %s\n", res.Valid, path, res.Summary)
			continue
		}
		all.Files = append(all.Files, checkedFile{File: path, Results: res})
	}
	if flags.asJSON {
		if err := a.printJSON(all); err != nil {
			return err
		}
	}
	for _, code := range []int{exitInvalid, exitCrash, exitBadInput, exitUnknown} {
		if seen[code] {
			return exit(code)
		}
	}
	return nil
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
