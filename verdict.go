package faultline

import (
	"fmt"
	"strings"
	"time"

	"github.com/faultline-dev/faultline/checkers"
	"github.com/faultline-dev/faultline/harness/store"
)

// verdict prints what came of a run. When it failed, the last lines are the verdict and
// the first anomaly in a sentence, the seed, the report, and the command that does it again.
func (a *app) verdict(run *store.Run, res *store.Results, err error) {
	if res == nil {
		if err != nil {
			fmt.Fprintln(a.err, "faultline:", oneLine(err))
		}
		return
	}
	if err == nil || res.Counts.Invoked > 0 {
		fmt.Fprint(a.out, describe(res))
	}
	if err != nil {
		fmt.Fprintf(a.out, "\nthe harness failed: %s\n", oneLine(err))
	}
	headline := strings.ToUpper(res.Valid.String())
	if res.Finding {
		headline += " - a finding: the target broke its own promise"
	}
	fmt.Fprintf(a.out, "\n%s: %s\n", headline, res.Summary)
	if res.Finding && res.Promise != "" {
		fmt.Fprintf(a.out, "promised:  %s\n", res.Promise)
	}
	if run != nil {
		fmt.Fprintf(a.out, "seed:      %d\n", res.Seed)
		fmt.Fprintf(a.out, "report:    %s\n", run.Path(store.ReportFile))
	}
	fmt.Fprintf(a.out, "reproduce: %s\n", res.Reproduce)
}

// describe is the body of a run's result in the terminal.
func describe(res *store.Results) string {
	var b strings.Builder
	c := res.Counts
	fmt.Fprintf(&b, "operations: %d invoked, %d ok, %d fail, %d info", c.Invoked, c.OK, c.Fail, c.Info)
	if c.Lost > 0 {
		fmt.Fprintf(&b, "; %d client calls ignored their deadline and were left behind", c.Lost)
	}
	b.WriteByte('\n')
	if c.Leaders > 0 {
		fmt.Fprintf(&b, "leader:     %d changes\n", c.Leaders)
	}
	if len(res.Config.Omitted) > 0 {
		fmt.Fprintf(&b, "left out:   %s (the target does not offer it)\n", strings.Join(res.Config.Omitted, ", "))
	}
	for _, n := range res.Nemeses {
		fmt.Fprintf(&b, "nemesis:    %-10s %d injected, %d bit, %d skipped", n.Name, n.Injected, n.Bit, n.Skipped)
		if n.Evidence != "" {
			fmt.Fprintf(&b, "; %s", n.Evidence)
		}
		b.WriteByte('\n')
	}
	for _, r := range res.Checkers {
		fmt.Fprintf(&b, "checker:    %-14s %s", r.Checker, r.Valid)
		if r.Reason != "" {
			fmt.Fprintf(&b, ": %s", r.Reason)
		}
		if r.Measure != "" {
			fmt.Fprintf(&b, ": %s", r.Measure)
		}
		b.WriteByte('\n')
		for i, an := range r.Anomalies {
			if i == maxShown {
				fmt.Fprintf(&b, "            ... and %d more anomalies\n", len(r.Anomalies)-maxShown)
				break
			}
			fmt.Fprintf(&b, "            %s: %s\n", an.Name, an.Sentence)
		}
	}
	return b.String()
}

// maxShown bounds the anomalies that a terminal shows for each checker.
const maxShown = 5

// testCase is a run for JUnit.
func testCase(s Settings, run *store.Run, res *store.Results, err error, took time.Duration) store.Case {
	c := store.Case{Suite: s.Target, Took: took, Crashed: err != nil}
	c.Name = fmt.Sprintf("%s [%s] seed %d", s.Workload, strings.Join(s.Nemesis, ","), s.Seed)
	c.Valid = checkers.Unknown
	if res != nil {
		c.Valid, c.Message = res.Valid, res.Summary
		c.Detail = describe(res) + "\nseed: " + fmt.Sprint(res.Seed) + "\nreproduce: " + res.Reproduce
	}
	if err != nil {
		c.Message = oneLine(err)
	}
	if run != nil {
		c.Detail += "\nrun: " + run.Dir
	}
	return c
}

func writeJUnit(file string, cases []store.Case) error {
	if err := store.WriteJUnit(file, cases); err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	return nil
}
