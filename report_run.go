package faultline

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/faultline-dev/faultline/harness/history"
	"github.com/faultline-dev/faultline/harness/store"
	"github.com/faultline-dev/faultline/report"
)

// renderReport writes a judged run's report.html.
func renderReport(run *store.Run) error {
	res, err := run.Results()
	if err != nil {
		return err
	}
	h, info, err := run.History()
	if err != nil {
		return err
	}
	page := reportOf(res)
	page.History = h
	if info.Torn && page.Torn == "" {
		page.Torn = torn(info)
	}
	f, err := os.Create(run.Path(store.ReportFile))
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return errors.Join(report.Render(f, page), f.Close())
}

// torn says that a history was not ended by its writer.
func torn(info *history.FileInfo) string {
	if info.Cut == 0 {
		return "the history was not ended by its writer: what happened last is missing"
	}
	return fmt.Sprintf("the history was not ended by its writer: what happened last is missing, and %d bytes of it were cut off", info.Cut)
}

// reportOf is what a report tells of results.
func reportOf(res *store.Results) report.Run {
	c := res.Config
	title := c.Target + " · " + c.Workload
	if len(c.Nemeses) > 0 {
		title += " · " + strings.Join(c.Nemeses, ", ")
	}
	page := report.Run{
		Title: title, Verdict: res.Valid, Summary: res.Summary, Expected: res.Expected, Finding: res.Finding,
		Promise: res.Promise, Crash: res.Crash, Torn: res.Torn, Seed: fmt.Sprint(res.Seed), Reproduce: res.Reproduce,
		Version: c.Version, Omitted: c.Omitted, Results: res.Checkers,
	}
	add := func(name, value string) {
		if value != "" {
			page.Config = append(page.Config, report.Setting{Name: name, Value: value})
		}
	}
	add("target", c.Target)
	add("world", c.World)
	add("nodes", strings.Join(c.Nodes, ", "))
	add("workload", c.Workload)
	add("model", c.Model)
	add("nemeses", strings.Join(c.Nemeses, ", "))
	add("clients", fmt.Sprintf("%d, %s", c.Concurrency, c.Clients))
	if c.Rate > 0 {
		add("rate", fmt.Sprintf("%g operations/s, open loop", c.Rate))
	}
	add("time", c.Time)
	if c.Ops > 0 {
		add("operations", fmt.Sprint(c.Ops))
	}
	add("operation deadline", c.OpTimeout)
	add("seed", fmt.Sprint(c.Seed))
	for _, name := range slices.Sorted(maps.Keys(c.Options)) {
		add("option "+name, c.Options[name])
	}
	for _, n := range res.Nemeses {
		page.Nemeses = append(page.Nemeses, report.Nemesis(n))
	}
	return page
}
