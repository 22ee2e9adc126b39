package faultline

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/faultline-dev/faultline/harness/cluster"
	"github.com/faultline-dev/faultline/harness/model"
	"github.com/faultline-dev/faultline/nemesis"
)

// item is a line of a list.
type item struct {
	Name    string            `json:"name"`
	Doc     string            `json:"doc,omitempty"`
	Facts   map[string]string `json:"facts,omitempty"`
	Options []optionItem      `json:"options,omitempty"`
}

type optionItem struct {
	Name    string   `json:"name"`
	Default string   `json:"default"`
	Doc     string   `json:"doc"`
	Values  []string `json:"values,omitempty"`
}

// lists are what can be listed, in order, from the registries themselves.
var lists = []struct {
	name  string
	facts []string // columns
	items func(*registry) []item
}{
	{"targets", []string{"family", "runs on", "workloads", "promises"}, listTargets},
	{"workloads", []string{"data", "models"}, listWorkloads},
	{"nemeses", []string{"needs"}, listNemeses},
	{"checkers", nil, listCheckers},
	{"models", []string{"implies"}, listModels},
	{"objects", []string{"also", "operations"}, listObjects},
	{"bugs", []string{"target", "workload", "model", "nemeses", "anomaly", "shows", "settings"}, listBugs},
}

func (a *app) listCommand() *cobra.Command {
	var asJSON bool
	var names []string
	for _, l := range lists {
		names = append(names, l.name)
	}
	cmd := &cobra.Command{
		Use:   "list [" + strings.Join(names, "|") + "]",
		Short: "List what there is to test and to test with",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return badInput(fmt.Errorf("faultline list takes one name at most: %s", strings.Join(names, ", ")))
			}
			if len(args) == 1 && !slices.Contains(names, args[0]) {
				return badInput(cluster.Unknown("list", args[0], names))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		all := map[string][]item{}
		for _, l := range lists {
			if len(args) == 1 && args[0] != l.name {
				continue
			}
			all[l.name] = l.items(a.registry)
			if !asJSON {
				printItems(a.out, l.name, l.facts, all[l.name])
			}
		}
		if !asJSON {
			return nil
		}
		enc := json.NewEncoder(a.out)
		enc.SetIndent("", "  ")
		return crash(enc.Encode(all))
	}
	return cmd
}

func printItems(w io.Writer, title string, facts []string, items []item) {
	fmt.Fprintf(w, "%s\n", strings.ToUpper(title))
	tw := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	for _, it := range items {
		fmt.Fprintf(tw, "  %s", it.Name)
		for _, f := range facts {
			fmt.Fprintf(tw, "\t%s", it.Facts[f])
		}
		fmt.Fprintf(tw, "\t%s\n", it.Doc)
	}
	tw.Flush()
	for _, it := range items {
		for _, o := range it.Options {
			values := ""
			if len(o.Values) > 0 {
				values = " (" + strings.Join(o.Values, "|") + ")"
			}
			fmt.Fprintf(w, "    %s --set %s=%s  %s%s\n", it.Name, o.Name, o.Default, o.Doc, values)
		}
	}
	fmt.Fprintln(w)
}

func listTargets(r *registry) []item {
	var items []item
	for _, t := range r.targets {
		var worlds, loads, promises []string
		for _, w := range []cluster.World{cluster.Sim, cluster.Docker} {
			if t.Open[w] != nil {
				worlds = append(worlds, string(w))
			}
		}
		for _, w := range r.workloads {
			if slices.Contains(t.Data, w.Data) {
				loads = append(loads, w.Name)
			}
		}
		if defaults, err := cluster.Resolve(t.Options, nil); err == nil && t.Promises != nil {
			for _, p := range t.Promises(defaults) {
				promises = append(promises, p.Data+" "+string(p.Model))
			}
		}
		items = append(items, item{Name: t.Name, Doc: t.Doc, Options: optionItems(t.Options), Facts: map[string]string{
			"family": string(t.Family), "runs on": strings.Join(worlds, ","),
			"workloads": strings.Join(loads, ","), "promises": strings.Join(promises, ", "),
		}})
	}
	return items
}

func listWorkloads(r *registry) []item {
	var items []item
	for _, w := range r.workloads {
		items = append(items, item{Name: w.Name, Doc: w.Doc, Options: optionItems(w.Options), Facts: map[string]string{
			"data": w.Data, "models": joinModels(w.Models),
		}})
	}
	return items
}

func listNemeses(*registry) []item {
	var items []item
	for _, n := range nemesis.All {
		items = append(items, item{Name: n.Name, Doc: n.Doc, Options: optionItems(n.Options), Facts: map[string]string{"needs": n.Needs}})
	}
	return items
}

func listCheckers(r *registry) []item {
	items := []item{
		{Name: "linearizable", Doc: "each key's operations in some order that respects real time (zones, or search just in time, per key)"},
		{Name: "eventual", Doc: "registers once writes have stopped: all final reads agree, and (no-lost-write) no acknowledged write is gone that nothing later overwrote"},
		{Name: "set-full", Doc: "every acknowledged element is read after healing, none comes from nowhere"},
		{Name: "bag", Doc: "what was added since it was removed is there after healing, what was removed is gone, all final reads agree"},
		{Name: "list", Doc: "every read of a list is a beginning of one order of its elements, which respects real time, or the order of each process"},
		{Name: "counter", Doc: "each acknowledged increment, or decrement, is counted once, in an order that respects real time"},
		{Name: "unique", Doc: "no id is given out twice"},
		{Name: "lock", Doc: "one holder at a time, and fencing tokens that rise"},
		{Name: "log", Doc: "one order of entries for all readers; no acknowledged entry is lost, doubled or passed over"},
		{Name: "nodes", Doc: "no node dies or panics by itself"},
		{Name: "vacuity", Doc: "the workload's operations succeeded and every requested nemesis bit"},
		{Name: "stats", Doc: "operations by kind and completion"},
		{Name: "perf", Doc: "latency and rate"},
		{Name: "availability", Doc: "success rate, longest outage, time to recover after each fault"},
	}
	for _, c := range r.checkers {
		items = append(items, item{Name: c.Name(), Doc: "an extension"})
	}
	return items
}

func listModels(*registry) []item {
	var items []item
	for _, m := range model.All {
		var implied []model.Model
		for _, n := range model.All {
			if n != m && m.Implies(n) {
				implied = append(implied, n)
			}
		}
		items = append(items, item{Name: string(m), Facts: map[string]string{"implies": joinModels(implied)}})
	}
	return items
}

func listBugs(r *registry) []item {
	var items []item
	for _, t := range r.targets {
		for _, b := range t.Bugs {
			shows := "under faults"
			if b.Quiet {
				shows = "always"
			}
			var set []string
			for _, k := range slices.Sorted(maps.Keys(b.Set)) {
				set = append(set, k+"="+b.Set[k])
			}
			doc := b.Doc
			if b.Cited != "" {
				doc += "; after " + b.Cited
			}
			items = append(items, item{Name: b.Name, Doc: doc, Facts: map[string]string{
				"target": t.Name, "workload": b.Workload, "model": r.rowModel(Settings{Workload: b.Workload, Model: string(b.Model)}),
				"nemeses": strings.Join(b.Nemeses, ","), "anomaly": b.Anomaly, "shows": shows, "settings": strings.Join(set, ","),
			}})
		}
	}
	return items
}

func optionItems(os []cluster.Option) []optionItem {
	var items []optionItem
	for _, o := range os {
		items = append(items, optionItem{o.Name, o.Default, o.Doc, o.Values})
	}
	return items
}
