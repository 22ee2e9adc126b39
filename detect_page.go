package faultline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/harness/cluster"
)

// figuresFile, in the folder of the docs, is what the last whole sweep found.
const figuresFile = "detection.json"

// readFigures reads them; without the file there are none.
func readFigures(dir string) (*detected, error) {
	b, err := os.ReadFile(filepath.Join(dir, figuresFile))
	if os.IsNotExist(err) {
		return &detected{}, nil
	}
	if err != nil {
		return nil, err
	}
	f := &detected{}
	if err := json.Unmarshal(b, f); err != nil {
		return nil, fmt.Errorf("%s: %w", figuresFile, err)
	}
	return f, nil
}

const notMeasured = "not measured yet"

// detectionPage is what a sweep found of every bug and row that there is now.
func (a *app) detectionPage(f *detected) []byte {
	var bugs []bugFigures
	var correct, weak []rowFigures
	for _, t := range a.targets {
		for _, b := range t.Bugs {
			bugs = append(bugs, figuresOf(f.Bugs, bugFigures{Target: t.Name, Bug: b.Name}, func(x, y bugFigures) bool { return x.Target == y.Target && x.Bug == y.Bug }))
		}
		for _, row := range t.Rows {
			s, err := a.row(t, row)
			if err != nil {
				continue // a test says so
			}
			f := figuresOf(slices.Concat(f.Correct, f.Weak), rowFigures{
				Target: t.Name, Row: rowName(t, row), Workload: s.Workload, Model: a.rowModel(s), Nemeses: s.Nemesis,
				Weakness: row.Weakness, Leaders: t.Family == cluster.LeaderBased,
			}, sameRow)
			if row.Correct() {
				correct = append(correct, f)
			} else {
				weak = append(weak, f)
			}
		}
	}
	var b bytes.Buffer
	b.WriteString("# What is found, and what is not accused\n\n" + generated + detectionIntroduction)
	if f.Runs > 0 {
		fmt.Fprintf(&b, "The figures are those of %d runs, by `faultline bench detect --json`.\n\n", f.Runs)
	}
	fmt.Fprintf(&b, "## Planted bugs\n\n%s%s\n## What bugs are\n\n", bugsIntroduction, bugTable(bugs))
	b.WriteString("| target | bug | what is wrong | found by | under | as | modelled on |\n|---|---|---|---|---|---|---|\n")
	for _, t := range a.targets {
		for _, g := range t.Bugs {
			fmt.Fprintf(&b, "| [%s](targets/%s.md) | `%s` | %s | %s | %s | %s | %s |\n",
				t.Name, t.Name, g.Name, cell(g.Doc), g.Workload, strings.Join(g.Nemeses, ", "), g.Anomaly, cell(g.Cited))
		}
	}
	fmt.Fprintf(&b, "\n## Correct systems\n\n%s%s\n## Weak ones\n\n%s%s", correctIntroduction, correctTable(correct), weakIntroduction, weakTable(weak))
	return b.Bytes()
}

const detectionIntroduction = `A harness is worth what it finds and what it leaves alone. ` + "`faultline bench detect`" + ` sweeps seeds of
simulated runs: over every planted bug, over the same configurations without it, and over what each
reference system promises and does not promise.

`

const bugsIntroduction = `Each bug runs in disjoint blocks of seeds, with its workload and nemeses; a block ends with the first run
that shows the bug's anomaly. "Without it" are runs of the same configuration with the bug left out;
"quiet" are runs with the bug and without a nemesis: how many of them showed it.

`

const correctIntroduction = `Every run has to be valid, all of these nemeses at once, each having bitten; in each 500 operations and more
succeed, and where there is a leader, another one comes.

`

const weakIntroduction = `What a system does not promise, it does not keep: some runs show it.

`

func sameRow(x, y rowFigures) bool {
	return x.Row == y.Row && x.Workload == y.Workload && x.Model == y.Model && x.Weakness == y.Weakness && slices.Equal(x.Nemeses, y.Nemeses)
}

// figuresOf are those that were measured of what is wanted, or it without any.
func figuresOf[F any](all []F, wanted F, same func(x, y F) bool) F {
	if i := slices.IndexFunc(all, func(f F) bool { return same(f, wanted) }); i >= 0 {
		return all[i]
	}
	return wanted
}

func (r *registry) rowModel(s Settings) string {
	if s.Model != "" {
		return s.Model
	}
	if w, err := r.workload(s.Workload); err == nil {
		return string(w.Models[0])
	}
	return ""
}

func bugTable(bugs []bugFigures) string {
	var b strings.Builder
	b.WriteString("| target | bug | found in blocks | seeds, median | 95% | virtual seconds | 95% | real seconds | 95% | without it | quiet |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range bugs {
		if f.Blocks == 0 {
			fmt.Fprintf(&b, "| %s | `%s` | %s |||||||||\n", f.Target, f.Bug, notMeasured)
			continue
		}
		quiet := fmt.Sprintf("%d of %d", f.Quiet.Hits, f.Quiet.runs())
		fmt.Fprintf(&b, "| %s | `%s` | %d of %d | %d | %d | %.0f | %.0f | %.2f | %.2f | %s | %s |\n", f.Target, f.Bug, f.Found, f.Blocks,
			f.Seeds[0], f.Seeds[1], f.Virtual[0], f.Virtual[1], f.Real[0], f.Real[1], f.Without, quiet)
	}
	return b.String()
}

func correctTable(rows []rowFigures) string {
	var b strings.Builder
	b.WriteString("| target, options | workload | keeps | under | runs | ok operations, least | changes of leader, least |\n|---|---|---|---|---|---|---|\n")
	for _, f := range rows {
		runs, ok, leaders := f.Swept.String(), fmt.Sprint(f.Swept.LeastOK), "-"
		if f.Swept.runs() == 0 {
			runs, ok = notMeasured, ""
		} else if f.Leaders {
			leaders = fmt.Sprint(f.Swept.LeastLeaders)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", f.Row, f.Workload, f.Model, strings.Join(f.Nemeses, ", "), runs, ok, leaders)
	}
	return b.String()
}

func weakTable(rows []rowFigures) string {
	var b strings.Builder
	b.WriteString("| target, options | workload | does not keep | under | anomaly | runs that show it | the first |\n|---|---|---|---|---|---|---|\n")
	for _, f := range rows {
		hits := fmt.Sprintf("%d of %d", f.Swept.Hits, f.Swept.runs())
		if f.Swept.runs() == 0 {
			hits = notMeasured
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", f.Row, f.Workload, f.Model, strings.Join(f.Nemeses, ", "), f.Weakness, hits, cell(f.Swept.Example))
	}
	return b.String()
}
