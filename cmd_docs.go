package faultline

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/faultline-dev/faultline/checkers/object"
	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/nemesis"
)

// docsCommand writes the pages that say what the registries say, so that they cannot drift
// from it: targets.md, targets/<name>.md, workloads.md, nemeses.md, objects.md and detection.md, whose figures
// are in detection.json beside it.
func (a *app) docsCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "docs DIR",
		Short:  "Write the reference pages that are made from the registries",
		Hidden: true,
		Args:   exactArgs(1, "the folder to write to"),
		RunE: func(_ *cobra.Command, args []string) error {
			figures, err := readFigures(args[0])
			if err != nil {
				return badInput(err)
			}
			for _, p := range a.pages(figures) {
				name := filepath.Join(args[0], filepath.FromSlash(p.name))
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					return crash(err)
				}
				if err := os.WriteFile(name, p.text, 0o644); err != nil {
					return crash(err)
				}
			}
			return nil
		},
	}
}

// page is a file of the docs folder.
type page struct {
	name string // with slashes
	text []byte
}

const generated = "<!-- Made by `go run ./cmd/faultline docs docs`: change the registries, not this page. -->\n\n"

func (a *app) pages(f *detected) []page {
	all := []page{{"targets.md", a.targetsPage()}, {"workloads.md", a.workloadsPage()}, {"nemeses.md", nemesesPage()}, {"objects.md", objectsPage()}, {"detection.md", a.detectionPage(f)}}
	for _, t := range a.targets {
		all = append(all, page{"targets/" + t.Name + ".md", a.targetPage(t)})
	}
	return all
}

// targetsPage is the index: who is on which side, and what each promises.
func (a *app) targetsPage() []byte {
	var b bytes.Buffer
	b.WriteString("# Targets\n\n" + generated)
	for _, f := range []cluster.Family{cluster.LeaderBased, cluster.Leaderless} {
		fmt.Fprintf(&b, "## %s\n\n| target | | runs on | workloads | promises, by default |\n|---|---|---|---|---|\n", strings.ToUpper(string(f[:1]))+string(f[1:]))
		for _, it := range listTargets(a.registry) {
			if it.Facts["family"] == string(f) {
				fmt.Fprintf(&b, "| [%s](targets/%s.md) | %s | %s | %s | %s |\n", it.Name, it.Name, cell(it.Doc), it.Facts["runs on"], it.Facts["workloads"], it.Facts["promises"])
			}
		}
		b.WriteByte('\n')
	}
	b.WriteString(referenceIntroduction)
	a.promiseTable(&b)
	b.WriteString("\nA promise is what the system's own documentation says, quoted on the target's page. A run that is\ninvalid against a model that the target promises is a finding.\n")
	return b.Bytes()
}

const referenceIntroduction = `## The reference systems, side by side

One family of replication each, with the promise that its paper or its documentation makes, by its options.
What runs show that a configuration does not keep, and does not promise, stands as *shown*;
` + "`faultline bench detect`" + ` holds it all against many seeds.

`

// targetPage says what a target promises, what is tested, how to run it and what was found.
func (a *app) targetPage(t cluster.Target) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n%s%s (%s).\n\n", t.Name, generated, strings.TrimSuffix(title(t), "."), t.Family)
	if t.About != "" {
		fmt.Fprintf(&b, "%s\n\n", strings.TrimSpace(t.About))
	}
	a.promised(&b, t)
	if len(t.Options) > 0 {
		b.WriteString("## Options\n\n")
		optionTable(&b, t.Options)
	}
	if len(t.Bugs) > 0 {
		b.WriteString("## Planted bugs\n\nChosen by `--set bug=NAME`.\n\n| bug | what is wrong | found by | under | as |\n|---|---|---|---|---|\n")
		for _, bug := range t.Bugs {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", bug.Name, cell(bug.Doc), bug.Workload, strings.Join(bug.Nemeses, ", "), bug.Anomaly)
		}
		b.WriteByte('\n')
	}
	b.WriteString("## Run it\n\n")
	for _, w := range a.workloads {
		if !slices.Contains(t.Data, w.Data) {
			continue
		}
		on := ""
		if t.Open[cluster.Sim] == nil {
			on = " --on docker"
		}
		fmt.Fprintf(&b, "    faultline run --target %s%s --workload %s --nemesis partition,kill,pause,clock --time 60s\n", t.Name, on, w.Name)
	}
	b.WriteByte('\n')
	if len(t.Records) > 0 {
		b.WriteString("## What was found\n\n")
		for _, r := range t.Records {
			fmt.Fprintf(&b, "**%s**\n\n    %s\n\n%s\n\n", upperFirst(r.Outcome), r.Command, strings.TrimSpace(r.Found))
		}
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

// promised lists what the target promises by default and by each value of an option that
// changes that.
func (a *app) promised(b *bytes.Buffer, t cluster.Target) {
	if t.Promises == nil {
		return
	}
	defaults, err := cluster.Resolve(t.Options, nil)
	if err != nil {
		return
	}
	b.WriteString("## What is promised\n\n")
	base := promiseText(t.Promises(defaults))
	fmt.Fprintf(b, "By default:\n\n%s\n", base)
	for _, o := range t.Options {
		for _, v := range o.Values {
			if v == o.Default || o.Name == "bug" {
				continue
			}
			set, err := cluster.Resolve(t.Options, map[string]string{o.Name: v})
			if err != nil {
				continue
			}
			if text := promiseText(t.Promises(set)); text != base {
				fmt.Fprintf(b, "With `--set %s=%s`:\n\n%s\n", o.Name, v, text)
			}
		}
	}
}

// promiseText is a list of promises; those with the same words stand together.
func promiseText(ps []cluster.Promise) string {
	if len(ps) == 0 {
		return "- nothing\n"
	}
	var b strings.Builder
	for i, p := range ps {
		if slices.ContainsFunc(ps[:i], func(q cluster.Promise) bool { return sameWords(p, q) }) {
			continue
		}
		var data []string
		for _, q := range ps[i:] {
			if sameWords(p, q) {
				data = append(data, q.Data)
			}
		}
		fmt.Fprintf(&b, "- %s: **%s**", strings.Join(data, ", "), p.Model)
		if p.Nemeses != nil {
			fmt.Fprintf(&b, ", under %s", strings.Join(append([]string{"no fault"}, p.Nemeses...), ", "))
		}
		if p.MaxDrift > 0 {
			fmt.Fprintf(&b, ", while clocks differ by less than %s", p.MaxDrift)
		}
		if p.Quote != "" {
			fmt.Fprintf(&b, "\n  > %s", strings.ReplaceAll(p.Quote, "\n", " "))
		}
		if p.Source != "" {
			fmt.Fprintf(&b, "\n  > (%s)", p.Source)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// sameWords reports whether two promises differ in nothing but what they are about.
func sameWords(p, q cluster.Promise) bool {
	return p.Model == q.Model && p.Quote == q.Quote && p.Source == q.Source && p.MaxDrift == q.MaxDrift && slices.Equal(p.Nemeses, q.Nemeses)
}

// workloadsPage says what clients do and what may be found of it.
func (a *app) workloadsPage() []byte {
	var b bytes.Buffer
	b.WriteString("# Workloads\n\n" + generated + workloadsIntroduction)
	b.WriteString("| workload | | models, its own first | targets |\n|---|---|---|---|\n")
	for _, w := range a.workloads {
		var targets []string
		for _, t := range a.targets {
			if slices.Contains(t.Data, w.Data) {
				targets = append(targets, fmt.Sprintf("[%s](targets/%s.md)", t.Name, t.Name))
			}
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", w.Name, w.Name, cell(w.Doc), joinModels(w.Models), strings.Join(targets, ", "))
	}
	b.WriteByte('\n')
	for _, w := range a.workloads {
		fmt.Fprintf(&b, "## %s\n\n", w.Name)
		if w.Page.Does != "" {
			fmt.Fprintf(&b, "%s\n\n", w.Page.Does)
		}
		if len(w.Page.Anomalies) > 0 {
			b.WriteString("| anomaly | |\n|---|---|\n")
			for _, k := range w.Page.Anomalies {
				fmt.Fprintf(&b, "| `%s` | %s |\n", k[0], cell(k[1]))
			}
			b.WriteByte('\n')
		}
		optionTable(&b, w.Options)
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

const workloadsIntroduction = `A workload is what clients do in a run and what is then judged. It asks a connection for one kind of data,
so it drives every target that offers that. ` + "`--model`" + ` asks another question than the workload's own: a run
then says whether the system gives that.

Whether the clients' operations succeeded at all is judged too: a run in which no operation of some kind
that the workload exists for succeeded is unknown, never valid.

`

func nemesesPage() []byte {
	var b bytes.Buffer
	b.WriteString("# Nemeses\n\n" + generated)
	b.WriteString(nemesesIntroduction)
	b.WriteString("| nemesis | what it does | needs a cluster that can |\n|---|---|---|\n")
	for _, n := range nemesis.All {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", n.Name, n.Name, cell(n.Doc), n.Needs)
	}
	b.WriteByte('\n')
	for _, n := range nemesis.All {
		fmt.Fprintf(&b, "## %s\n\n%s.\n\n", n.Name, upperFirst(n.Doc))
		if len(n.Page.Kinds) > 0 {
			b.WriteString("| kind | |\n|---|---|\n")
			for _, k := range n.Page.Kinds {
				fmt.Fprintf(&b, "| `%s` | %s |\n", k[0], cell(k[1]))
			}
			b.WriteByte('\n')
		}
		for _, part := range [][2]string{{"In simulation", n.Page.Sim}, {"In containers", n.Page.Docker}, {"Evidence", n.Page.Evidence}} {
			if part[1] != "" {
				fmt.Fprintf(&b, "**%s.** %s\n\n", part[0], part[1])
			}
		}
		if len(n.Page.Limits) > 0 {
			b.WriteString("**Limits**\n\n")
			for _, l := range n.Page.Limits {
				fmt.Fprintf(&b, "- %s\n", l)
			}
			b.WriteByte('\n')
		}
		optionTable(&b, n.Options)
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

const nemesesIntroduction = `A nemesis hurts the cluster on purpose: ` + "`--nemesis partition,kill`" + ` names those of a run. Each takes
turns of quiet and of a fault, all side by side, and goes through its kinds in an order that the seed
decides. A fault has a life that is enforced: choose, inject, confirm that it took hold, hold, recover,
confirm recovered. The confirmation is its evidence, and stands in the history and the report.

A fault that could not be installed on a free victim fails the run (exit code 255). A requested nemesis
none of whose faults bit makes it unknown, never valid. Faults are undone on every way out; what a
` + "`kill -9`" + ` of the harness leaves, ` + "`faultline clean`" + ` removes. ` + "`faultline doctor`" + ` says which of them this
machine can do, and what would mend the others.

Options are given as ` + "`--set NAME=VALUE`" + `.

`

// objectsPage says what operations each type of object has.
func objectsPage() []byte {
	var b bytes.Buffer
	b.WriteString("# Objects\n\n" + generated + objectsIntroduction)
	for _, t := range object.All {
		fmt.Fprintf(&b, "## %s\n\n%s.", t.Name, upperFirst(t.Doc))
		if len(t.Also) > 0 {
			fmt.Fprintf(&b, " Also known as %s.", strings.Join(t.Also, ", "))
		}
		if t.Initial != "" {
			fmt.Fprintf(&b, " `--initial`: %s.", t.Initial)
		}
		b.WriteString("\n\n| operation | value of the invocation | value of the `ok` | |\n|---|---|---|---|\n")
		for _, o := range t.Operations {
			ops := names(append([]string{o.Name}, o.Also...), func(name string) string { return "`" + name + "`" })
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", strings.Join(ops, ", "), cell(o.Value), cell(o.Result), cell(o.Doc))
		}
		b.WriteByte('\n')
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

const objectsIntroduction = `What ` + "`faultline check FILE --model TYPE`" + ` can judge ([checking.md](checking.md)). Each object of a
history, one for each key, is held to be linearizable: its operations took effect one at a time, each
between its invocation and its completion.

Operations that ended in ` + "`fail`" + ` certainly did nothing; those that ended in ` + "`info`" + `, or in nothing, may
have taken effect at any later moment, or never, and what they returned is not known.

`

func optionTable(b *bytes.Buffer, options []cluster.Option) {
	if len(options) == 0 {
		return
	}
	b.WriteString("| option | default | |\n|---|---|---|\n")
	for _, o := range options {
		doc := o.Doc
		if len(o.Values) > 0 && o.Name != "bug" {
			doc += " (" + strings.Join(o.Values, ", ") + ")"
		}
		fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", o.Name, o.Default, cell(doc))
	}
	b.WriteByte('\n')
}

// cell keeps text within a cell of a table.
func cell(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\n", " "), "|", "\\|")
}

// title is a target's line as a sentence; a name keeps its own spelling.
func title(t cluster.Target) string {
	if strings.HasPrefix(t.Doc, t.Name) {
		return t.Doc
	}
	return upperFirst(t.Doc)
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
